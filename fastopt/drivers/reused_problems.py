"""Finished problems, kept for the next call of the same kind.

Preparing the arrays, the addresses and the options of a tiny problem takes longer than solving it.
"""

from typing import Any

from fastopt import schedules
from fastopt.arrays.arguments import is_simple
from fastopt.compiling import compiler, content_digest
from fastopt.derivatives.gradient_methods import EXACT
from fastopt.solver.run_state import FEW
from fastopt.solver.status_codes import INTERRUPTED

MOST = 32  # problems kept, of some kilobytes each
_kept: dict = {}  # kind -> problem, without its arguments


def kind_of(fun, jac, args, rule, x0, box, settings, target):
    """Return the key of a problem's kind, or None if such problems are not kept.

    A kind is everything that decides what is compiled and how it is called: the content of the
    functions, the options, shapes and types.
    """
    if x0.size > FEW[-1] or settings.checkpoint or settings.steps is not None:
        return None
    if compiler.numba_config.DISABLE_JIT or not compiler.is_compiled(fun):
        return None
    if settings.schedule is not None and type(settings.schedule) not in schedules.KINDS:
        return None
    if not is_simple(args):
        return None
    contents = [content_digest.of(fun)]
    if compiler.is_compiled(jac):
        contents.append(content_digest.of(jac))
    elif jac is not None and jac is not True:
        return None
    # Other content identifies objects by `id`, and would need references to keep them alive.
    if not all(content.cacheable for content in contents):
        return None
    digests = jac is True, *(content.digest for content in contents)
    return rule, x0.shape, x0.dtype, box is None, settings, target.kind_and_size(args)[0], digests


def taken(kind, x0, box, args):
    """Return a kept problem of this kind, reset to start at x0, or None."""
    problem: Any = kind and _kept.pop(kind, None)
    if problem:
        problem.begin(x0, box, args)
    return problem


def keep(kind, problem, status):
    """Keep a finished problem, if its kind is kept."""
    exact = problem.objective.method in EXACT
    if kind and exact and problem.objective.compiled and status != INTERRUPTED:
        problem.hold(())  # the arguments may be large
        _kept[kind] = problem
        for old in [*_kept][:-MOST]:
            _kept.pop(old, None)

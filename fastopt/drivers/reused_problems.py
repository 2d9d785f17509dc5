"""Finished problems, kept for the next call of the same kind.

Preparing the arrays, the addresses and the options of a tiny problem takes longer than solving it.
"""

import math
from typing import Any

import numpy as np

from fastopt import schedules
from fastopt.algorithms.run_state import FEW
from fastopt.algorithms.status_codes import INTERRUPTED
from fastopt.arrays.arguments import is_simple
from fastopt.compiling import compiler, content_digest
from fastopt.compiling.numba_internals import compute_fingerprint
from fastopt.derivatives.gradient_methods import EXACT

# Evaluations in the first slice of a problem whose evaluations have been timed before.
MOST_AT_FIRST = 1000.0
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
    if args and not is_simple(args):
        return None
    content, content_jac = content_digest.of(fun), None
    if jac is not None and jac is not True:
        if not compiler.is_compiled(jac):
            return None
        content_jac = content_digest.of(jac)
    # Other content identifies objects by `id`, and would need references to keep them alive.
    if not content.cacheable or (content_jac and not content_jac.cacheable):
        return None
    digests = jac is True, content.digest, content_jac and content_jac.digest
    return rule, x0.shape, x0.dtype, box is None, settings, _types_of(args, target), digests


def _types_of(args, target):
    """Return a key of the types of arguments."""
    try:
        return compute_fingerprint(args)
    except NotImplementedError:
        return target.kind_and_size(args)[0]


def taken(kind, x0, box, args):
    """Return a kept problem of this kind, reset to start at x0, or None."""
    problem: Any = kind and _kept.pop(kind, None)
    if problem:
        problem.begin(x0, box, args)
        shapes = _shapes(args)
        problem.is_checked = shapes is not None and shapes == problem.shapes
        # With other data an evaluation may take far longer than before.
        timed = problem.is_checked and problem.settings.maxtime == math.inf
        problem.first_budget = min(problem.last_budget, MOST_AT_FIRST) if timed else 1.0
        problem.shapes = shapes
    return problem


def _shapes(args):
    """Return what `check_indices` and the time of an evaluation depend on; None: on more."""
    found = []
    for value in args:
        if type(value) is np.ndarray and value.dtype.kind == "f":
            found.append(value.shape)
        elif type(value) is float:
            found.append(float)
        else:
            return None
    return found


def keep(kind, problem, status):
    """Keep a finished problem, if its kind is kept."""
    exact = problem.objective.method in EXACT
    if kind and exact and problem.objective.compiled and status != INTERRUPTED:
        problem.hold(())  # the arguments may be large
        _kept[kind] = problem
        for old in [*_kept][:-MOST]:
            _kept.pop(old, None)

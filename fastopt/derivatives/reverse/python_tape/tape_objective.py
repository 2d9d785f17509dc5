"""Value and gradient of a plain Python function by a tape, or by duals where the tape cannot.

Functions of the same names as those of `seeding` start an evaluation and read its result.
"""

import functools
import math
from typing import Any

import numpy as np

from fastopt.compiling import compiler
from fastopt.concurrency.cached_attribute import CachedAttribute
from fastopt.derivatives.forward import python_dual
from fastopt.derivatives.plain_python import callables, python_errors, python_objective
from fastopt.derivatives.reverse.python_tape import elementwise, functions, methods, rearranging  # noqa: F401
from fastopt.derivatives.reverse.python_tape.functions import as_tracked, dispatch, has_tracked
from fastopt.derivatives.reverse.python_tape.tape import Evaluation, Tracked
from fastopt.derivatives.reverse.python_tape.tracked_arrays import Array, independent
from fastopt.derivatives.reverse.python_tape.tracked_numbers import Number, plain
from fastopt.derivatives.rules import derivative_rules


def _choice(original, ours):
    @functools.wraps(original)
    def call(*args, **kws):
        return (ours if any(map(has_tracked, args)) else original)(*args, **kws)

    return call


def _of_math(original, rule):
    """Return a function of math for numbers, of which some are tracked."""
    if rule is None:  # a step
        return _choice(original, lambda *args: original(*(float(plain(a)) for a in args)))
    return _choice(original, lambda *args: elementwise.apply(rule, *args))


def _dispatched(original):
    return _choice(original, lambda *args, **kws: dispatch(original, args, kws))


@functools.cache
def meanings():
    """Return ``id(function) -> function`` for code linked to run on tracked numbers."""
    rules = {**derivative_rules.MATH, **derivative_rules.MATH_STEPS}
    known = {getattr(math, n): r for n, r in rules.items() if hasattr(math, n)}
    table = {original: _of_math(original, rule) for original, rule in known.items()}
    of_arrays = {*functions.RULES, *functions.ADJOINTS, *functions.HANDLERS, *functions.STEPS}
    table |= {f: _dispatched(f) for f in of_arrays if not isinstance(f, np.ufunc)}
    table |= rearranging.CONSTRUCTORS
    table |= {kind: python_dual.float_type(kind, Tracked) for kind in (float, np.float64)}
    return {id(original): ours for original, ours in table.items()}


def linked(fun):
    """Link `fun`, and the plain functions that it calls, over functions of tracked numbers."""
    replace = meanings()

    def link(plain_function):
        return compiler.link(
            plain_function, {}, compiler.undecorated, follow=compiler.is_plain, replace=replace
        )

    return callables.rebuilt(fun, link)


class Evaluated:
    """A point, and what the objective and its gradient are there."""

    __slots__ = ("gradient", "value", "x")

    def __init__(self, x):
        self.x: Any = x
        self.value: Any = None
        self.gradient: Any = None


def seeded(_size, x, _scratch, _first, _known):
    return Evaluated(x)


def value_of(evaluated):
    return evaluated.value


def write_partials(evaluated, g, first, _known):
    g[first:] = evaluated.gradient[first:]


SEEDS = {"seeded": seeded, "value_of": value_of, "write_partials": write_partials}


class Objective:
    """A plain function, with its gradient by the tape or, if `falls_back`, by duals.

    The attribute `mode` tells which: "reverse" until an operation has no known reverse.
    """

    def __init__(self, fun, falls_back):
        self.fun, self.falls_back, self.mode = fun, falls_back, "reverse"
        self.on_tape = python_errors.explained(fun, linked(fun))

    def __call__(self, evaluated, *args):
        if self.mode == "reverse":
            try:
                return self.by_tape(evaluated, args)
            except TypeError:
                if not self.falls_back:
                    raise
                duals = self.on_duals
            found = self.by_duals(duals, evaluated, args)
            self.mode = "forward"  # only now: it may have no derivative in this mode, either
            return found
        return self.by_duals(self.on_duals, evaluated, args)

    @CachedAttribute
    def on_duals(self):
        return python_dual.function(self.fun)

    def by_tape(self, evaluated, args):
        """Evaluate on a tape, and sweep back over it."""
        x = independent(evaluated.x)
        with Evaluation(x.tape):
            result = self.on_tape(x, *args)
        result = as_tracked(result)
        if type(result) is Array and result.size == 1:
            result = result[(0,) * result.ndim]
        if not isinstance(result, Number):
            evaluated.value = python_objective.scalar(plain(result))
            evaluated.gradient = np.zeros(x.size, x.dtype)
            return evaluated
        result.bar = 1.0
        evaluated.value = float(result.value)
        try:
            x.tape.sweep()
        except (TypeError, ValueError) as error:  # of an adjoint, for arguments that it cannot take
            raise TypeError(f"fun cannot be differentiated in reverse: {error}") from error
        evaluated.gradient = x.bar.reshape(-1)
        return evaluated

    def by_duals(self, on_duals, evaluated, args):
        """Evaluate with duals that carry all partial derivatives."""
        x, size = evaluated.x, evaluated.x.size
        result = on_duals(python_dual.seeded(size, x, None, 0, 0), *args)
        evaluated.gradient = np.zeros(size, x.dtype)
        python_dual.write_partials(result, evaluated.gradient, 0, 0)
        evaluated.value = python_dual.value_of(result)
        return evaluated

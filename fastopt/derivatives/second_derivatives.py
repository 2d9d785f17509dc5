"""The Hessian of a function as compiled code, by duals of duals."""

import numpy as np
from numba import types

from fastopt.algorithms.compile_hints import separate_refcounted
from fastopt.algorithms.placeholders import CHUNK, DUAL, fun, seeded_along, write_row
from fastopt.arrays import arguments
from fastopt.compiling import compiler
from fastopt.derivatives import error_messages, substitutions
from fastopt.derivatives.forward.duals import dual_choice, second_seeding
from fastopt.derivatives.forward.duals.dual_number import SecondDual

# The most parameters a pass over `fun` has partials for.
MOST = 8


class CompiledHessian:
    """The Hessian of `fun` at points of one shape.

    Raises
    ------
    TypeError
        When it is made or called, if `fun` cannot be compiled or differentiated; the message names
        the line.
    """

    def __init__(self, fun, shape, fast):
        self.fun, self.shape, self.fast = fun, shape, fast
        self.size, self.refused = int(np.prod(shape)), None
        dual = SecondDual(types.float64, min(self.size, MOST), fast)
        user, _ = compiler.user(fun, substitutions.meanings(dual, fast))
        bindings = {
            "fun": user,
            "DUAL": dual,
            "CHUNK": dual.count,
            "seeded_along": second_seeding.seeded_along,
            "write_row": second_seeding.write_row,
        }
        self.fill = compiler.jit(fill, bindings, refcounted=True)
        self.scratch = np.empty((dual.size + 1) * self.size)

    def __call__(self, x, args):
        """Return the matrix at x, an array of float64 in C order, of the same shape as before."""
        if x.shape != self.shape:  # the memory for its duals is of that size
            raise ValueError(f"x has shape {x.shape}; this function is for {self.shape}")
        h, args = np.empty((self.size, self.size)), arguments.ready(args)
        try:
            self.fill(x, h, self.scratch, args)
        except SystemError as error:  # Ctrl-C in Python code that Numba calls to make an array
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise error.__cause__ from None
            raise
        except Exception as error:
            if not error_messages.is_of_compiling(error):
                raise
            self.refused = self.explained(error, args)
            raise self.refused from None
        return h

    def explained(self, error, args):
        """Return the error that says why `fun` has no derivative for such arguments."""
        dual = dual_choice.of(types.float64, self.size, self.fast)
        user, _ = compiler.user(self.fun, substitutions.meanings(dual, self.fast))
        try:
            kinds = [error_messages.kind_of(f"args[{k}]", value) for k, value in enumerate(args)]
        except TypeError as own:
            return own
        ndim = len(self.shape)
        return error_messages.undifferentiable(user, dual, ndim, tuple(kinds)) or error


@separate_refcounted
def fill(x, h, scratch, args):
    """Write the Hessian at x, computed above the diagonal; it is symmetric to the bit."""
    n = x.size
    for first in range(0, n, CHUNK):
        for along in range(min(first + CHUNK, n)):
            write_row(fun(seeded_along(DUAL, x, scratch, first, along), *args), h, along, first)
    for i in range(n):
        for j in range(i):
            h[i, j] = h[j, i]

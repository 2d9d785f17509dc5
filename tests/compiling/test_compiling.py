"""What compiling leaves as it was, and what it does not do for code that does not need it."""

import contextlib
import gc

import numba
import numpy as np

import fastopt
from fastopt.compiling import compiler
from fastopt.derivatives.forward.operators import evaluation_order


def test_garbage_collection_is_as_before_when_code_is_compiled(monkeypatch):
    """Thresholds are raised while Numba compiles, and put back whether or not it succeeds."""
    seen = []

    def good(x):
        return x + 1.0

    def bad(x):
        return x.nothing_of_this_name

    before = gc.get_threshold()
    try:
        gc.set_threshold(701, 11, 12)
        for function in (good, bad):
            compiled = numba.njit(function)
            original = compiled._compiler.compile

            def noting(*given, original=original):
                seen.append(gc.get_threshold())
                return original(*given)

            monkeypatch.setattr(compiled._compiler, "compile", noting)
            compiler.with_ordered_reductions(compiled)
            with contextlib.suppress(numba.core.errors.TypingError):
                assert compiled(1.0) == 2.0
            assert gc.get_threshold() == (701, 11, 12)
    finally:
        gc.set_threshold(*before)
    assert seen == 2 * [compiler.RARELY]


def test_uses_are_counted_once_a_function_at_most(monkeypatch):
    """The count goes through all of a function; once a block, it was a fifth of compile time."""
    counted = []
    original = evaluation_order.uses_of

    def counting(func_ir):
        counted.append(func_ir.func_id.func_name)
        return original(func_ir)

    monkeypatch.setattr(evaluation_order, "uses_of", counting)

    def fun(x):
        total = 0.0
        for k in range(x.size - 1):
            if x[k] > x[k + 1]:
                total += x[k] * x[k + 1]
            else:
                total -= x[k] / (1.0 + x[k + 1] ** 2)
        return total

    slope = fastopt.value_and_grad(numba.njit(fun), size=3)
    np.testing.assert_allclose(slope(np.array([1.0, 2.0, 3.0]))[0], -0.2 - 0.2)
    assert len(counted) == len(set(counted)), counted  # `fun` has six blocks

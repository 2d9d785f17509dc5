"""Bindings that `link` would bind to nothing are errors."""

import pytest

from fastopt.algorithms import solve_loop
from fastopt.compiling.compiler import jit
from fastopt.compiling.linker import link, undecorated
from fastopt.targets.common import loop_constants


@pytest.mark.parametrize(
    ("name", "words"), [("SZIE", "did you mean 'SIZE'?"), ("nothing_like_it", "'nothing_like_it'")]
)
def test_a_misspelt_binding_is_an_error_that_names_it(name, words):
    with pytest.raises(ValueError, match="nothing in copy is called") as info:
        link(solve_loop.copy, {"each": range, name: 3}, undecorated)
    assert words in str(info.value)
    with pytest.raises(ValueError, match=name):
        jit(solve_loop.copy, {**loop_constants.SINGLE_WORKER, name: 3})


def test_bindings_of_other_texts_are_taken():
    source, target = [1.0, 2.0], [0.0, 0.0]
    link(solve_loop.copy, {"each": range, "SIZE": 2, "BOUNDED": True}, undecorated)(source, target)
    assert target == source


def test_a_placeholder_that_nothing_is_bound_to_is_an_error():
    with pytest.raises(ValueError, match="nothing is bound to 'each', which copy reads"):
        link(solve_loop.copy, {}, undecorated)


def test_a_function_of_a_placeholder_s_name_is_not_replaced(monkeypatch):
    """A helper that is given the name of a placeholder would be captured without a word."""
    monkeypatch.setattr(solve_loop, "each", len)
    with pytest.raises(ValueError, match=r"fastopt.algorithms.solve_loop defines 'each' itself"):
        link(solve_loop.copy, loop_constants.SINGLE_WORKER, undecorated)

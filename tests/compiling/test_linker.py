"""Bindings that `link` would bind to nothing are errors."""

import pytest

from fastopt.compiling.compiler import jit
from fastopt.compiling.linker import link, undecorated
from fastopt.solver import solve_loop
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

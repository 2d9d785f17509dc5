"""A small part of `bad_calls.py`: calls with arguments that change are answered or refused."""

import random

import bad_calls
import numpy as np
import pytest
from numba import njit

import fastopt

DOORS = {k: v for k, v in bad_calls.DOORS.items() if k is not bad_calls.stochastic}


@pytest.mark.filterwarnings("ignore")
def test_random_calls_are_answered_or_refused_in_a_sentence():
    rng = random.Random(0)
    usual = [bad_calls.pair_of(rng) for _ in range(5)]
    found = [bad_calls.call(rng, usual, DOORS) for _ in range(60)]
    assert not [f for f in found if f[-1].startswith("WRONG")]
    assert sum(f[-1] == "answered" for f in found) > 10


@njit
def unused(x, a):
    return (x[0] - 1.0) ** 2 + (x[1] - 2.0) ** 2


NESTED = [
    [[1.0, 2.0], [3.0]],
    [{1.0}, {2.0}],
    [(1.0, [2.0]), (3.0, [4.0])],
    ([1.0], [[2.0]]),
]
CALLS = {
    "minimize": lambda a: fastopt.minimize(unused, [0.0, 0.0], (a,)),
    "differences": lambda a: fastopt.minimize(unused, [0.0, 0.0], (a,), jac="2-point"),
    "batch": lambda a: fastopt.minimize_batch(unused, np.zeros((3, 2)), args=(a,)),
    "multistart": lambda a: fastopt.multistart(unused, [(0.0, 3.0)] * 2, 2, args=(a,)),
    "slopes": lambda a: fastopt.value_and_grad(unused)(np.zeros(2), a),
}


@pytest.mark.parametrize("door", CALLS)
@pytest.mark.parametrize("nested", NESTED, ids=repr)
def test_lists_in_lists_are_refused(door, nested):
    """Numba cannot take them; as parts of a tuple they ended the process."""
    with pytest.raises(TypeError, match=r"that holds lists or sets.*give an array"):
        CALLS[door](nested)


def test_lists_in_lists_are_fine_in_python():
    found = fastopt.minimize(lambda x, a: (x[0] - a[0][1]) ** 2, [0.0], ([[1.0, 2.0]],))
    assert found.x == pytest.approx([2.0], abs=1e-4)

"""A small part of `bad_calls.py`: calls with arguments that change are answered or refused."""

import random

import bad_calls
import pytest

DOORS = {k: v for k, v in bad_calls.DOORS.items() if k is not bad_calls.stochastic}


@pytest.mark.filterwarnings("ignore")
def test_random_calls_are_answered_or_refused_in_a_sentence():
    rng = random.Random(0)
    usual = [bad_calls.pair_of(rng) for _ in range(5)]
    found = [bad_calls.call(rng, usual, DOORS) for _ in range(60)]
    assert not [f for f in found if f[-1].startswith("WRONG")]
    assert sum(f[-1] == "answered" for f in found) > 10

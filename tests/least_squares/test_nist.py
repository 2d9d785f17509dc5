"""NIST's data sets: certified parameters to six digits, standard deviations to five."""

import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import fastopt

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
import nist

NAMES = sorted(nist.MODELS)


def digits(found, wanted):
    return -np.log10(np.max(np.abs(found / wanted - 1)) + 1e-17)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_certified_values(name, start):
    data, model = nist.load(name), nist.MODELS[name].py_func
    res = fastopt.least_squares(
        lambda b: model(b, data.x) - data.y, data.starts[start], jac="cs", options={"maxfev": 2000}
    )
    assert res.success
    assert res.njev <= {"MGH17": 150}.get(name, 60)
    assert digits(res.x, data.certified) > 6.0
    assert digits(res.stderr, data.certified_std) > 5.0
    assert digits(2 * res.cost, data.certified_rss) > 8.0
    assert res.dof == len(data.x) - len(data.certified)


@numba.njit
def mgh17(x, b1, b2, b3, b4, b5):
    return b1 + b2 * np.exp(-x * b4) + b3 * np.exp(-x * b5)


def test_compiled_model_with_a_singular_start_is_solved_from_the_jacobian():
    data = nist.load("MGH17")
    for start in data.starts:
        p, cov = fastopt.curve_fit(mgh17, data.x, data.y, start)
        assert digits(p, data.certified) > 6.0
        assert digits(np.sqrt(np.diag(cov)), data.certified_std) > 5.0

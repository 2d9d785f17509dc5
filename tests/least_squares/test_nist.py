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
    assert res.njev <= {"MGH17": 700}.get(name, 60)
    assert digits(res.x, data.certified) > 6.0
    assert digits(res.stderr, data.certified_std) > 5.0
    assert digits(2 * res.cost, data.certified_rss) > 8.0
    assert res.dof == len(data.x) - len(data.certified)


def test_compiled_model_with_a_singular_start_is_solved_from_the_jacobian():
    data, model = nist.load("MGH17"), nist.MODELS["MGH17"]
    res = fastopt.least_squares(misfits(model), data.starts[0], (data.x, data.y))
    assert res.success
    assert digits(res.x, data.certified) > 6.0
    assert digits(res.stderr, data.certified_std) > 5.0


def misfits(model):
    @numba.njit
    def residuals(b, x, y):
        return model(b, x) - y

    return residuals

"""Results are SciPy's, and do not import its optimisers."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from fastopt.results import scipy_result
from fastopt.results.batch_result import BatchResult
from fastopt.results.fit_batch_result import FitBatchResult

FIELDS = {"x": np.arange(3.0), "fun": 1.5, "message": "Done.", "success": True}
PROGRAM = """
import pickle, sys
import numpy as np, numba, fastopt

@numba.njit
def f(x):
    return (x[0] - 1.0) ** 2

starts = np.zeros((2, 1))
found = [fastopt.minimize(f, [3.0]), fastopt.minimize_batch(f, starts)]
assert "scipy.optimize" not in sys.modules
kept = [pickle.loads(pickle.dumps(res)) for res in found]
from scipy.optimize import OptimizeResult
for res in (*found, *kept):
    assert isinstance(res, OptimizeResult), type(res)
    assert abs(res.x - 1.0).max() < 1e-6
assert type(kept[0]) is type(fastopt.minimize(f, [3.0])) is OptimizeResult
assert type(kept[1]) is type(found[1]) is fastopt.BatchResult
"""


def test_a_solve_does_not_import_scipy_optimize():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", [scipy_result.LateResult, BatchResult, FitBatchResult])
def test_it_is_as_scipys(kind):
    late, scipys = kind(FIELDS), OptimizeResult(FIELDS)
    assert isinstance(late, OptimizeResult)
    assert isinstance(late, kind)
    assert not isinstance(late, list)
    assert repr(late) == repr(scipys)
    assert dir(late) == dir(scipys)
    assert late.fun == late["fun"] == 1.5
    with pytest.raises(AttributeError, match="nit"):
        late.nit  # noqa: B018
    late.nit = 7
    assert late["nit"] == 7
    del late.nit
    assert "nit" not in late
    assert kind().items() == scipys.__class__().items()


@pytest.mark.parametrize(
    "change", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
@pytest.mark.parametrize("of_batch", [BatchResult, FitBatchResult])
def test_copies_and_pickles(change, of_batch):
    late, batch = scipy_result.LateResult(FIELDS), of_batch(FIELDS)
    batch.errors[1] = "raised"
    for kind, res in ((OptimizeResult, late), (of_batch, batch)):
        again = change(res)
        assert type(again) is kind
        assert list(again) == list(res)
        assert (again.x == res.x).all()
    assert again.errors == {1: "raised"}
    again.errors[2] = "too"
    assert change is copy.copy or 2 not in batch.errors

"""The examples run from a clean clone, and NIST's certified values are found."""

import functools
import os
import pathlib
import subprocess
import sys

import nist_gradients
import numba
import numpy as np
import pytest

import fastopt

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
import nist  # noqa: E402  (the examples are scripts, not a package)

# Three sets, for the time it takes. On Thurber the counts range from 6,000 to 200,000 either way.
CONVERGE = ("Misra1a", "Chwirut2", "Gauss1")


def solve(fun, x0, data, method, jac=None):
    options = {"maxfev": 200_000}
    return fastopt.minimize(fun, x0, (data.x, data.y), method, jac=jac, options=options)


def digits(found, certified):
    """Digits that agree in the worst parameter."""
    return -np.log10(np.max(np.abs(found - certified) / np.abs(certified)) + 1e-300)


@pytest.fixture(scope="module")
def found():
    """Digits from start 2, by method and data set."""
    table = {"adagrad": {}, "rmsprop": {}}
    for name, model in nist.MODELS.items():
        data, fun = nist.load(name), nist.misfit(model)
        for method, row in table.items():
            row[name] = digits(solve(fun, data.starts[1], data, method).x, data.certified)
    return table


@pytest.mark.parametrize("method", ["adagrad", "rmsprop"])
def test_five_of_eight_nist_sets_reach_six_digits(found, method):
    assert len(found[method]) == 8
    assert sum(d >= 6 for d in found[method].values()) >= 5, found[method]


def test_certified_residuals():
    """The objectives are NIST's: at the certified parameters they give the certified sum."""
    for name, model in nist.MODELS.items():
        data = nist.load(name)
        rss = nist.misfit(model)(data.certified, data.x, data.y)
        assert rss == pytest.approx(data.certified_rss, rel=1e-9)


@pytest.mark.parametrize("name", nist.MODELS)
def test_derived_gradients_are_those_by_hand(name):
    data, (_, jac) = nist.load(name), nist_gradients.MODELS[name]
    fun = nist.misfit(nist.MODELS[name])

    def derived(b):
        """From the loop that `found` has compiled."""
        return fastopt.minimize(fun, b, (data.x, data.y), options={"maxiter": 0}).jac

    for b in data.starts:
        by_hand = jac(b, data.x, data.y)
        bound = 1e-12 * max(1.0, np.max(np.abs(by_hand)))
        np.testing.assert_allclose(derived(b), by_hand, rtol=0, atol=bound)

    # At the minimum the terms 2 (model - y) slope cancel, in the sum and in the bracket. Rounding
    # grows with the sum of |2 model slope| + |2 y slope|: up to 4 machine epsilons of it are seen.
    b, size = data.certified, 0.0
    for x, y in zip(data.x[:, None], data.y[:, None], strict=True):
        of_model = jac(b, x, 0.0 * y)
        size += np.abs(of_model) + np.abs(jac(b, x, y) - of_model)
    error = np.abs(derived(b) - jac(b, data.x, data.y))
    assert np.all(error <= 1e-14 * size), error / size


@functools.cache
def by_hand_compiled(name):
    return numba.njit(nist_gradients.MODELS[name][1])


@pytest.mark.parametrize("method", ["adagrad", "rmsprop"])
def test_derived_gradients_cost_no_evaluations(method):
    """Under both gradients one solve's count moves with the last digit of x0: totals are compared.

    With the gradient by hand the loop runs in Python, one text with the compiled one.
    """
    derived, by_hand = [], []
    for name in CONVERGE:
        data, fun = nist.load(name), nist.misfit(nist.MODELS[name])
        compiled = by_hand_compiled(name)

        def jac(b, x, y, compiled=compiled):
            return compiled(b, x, y)

        near = [start * (1.0 + k * np.finfo(float).eps) for start in data.starts for k in range(9)]
        derived += [solve(fun, x0, data, method).nfev for x0 in near]
        by_hand += [solve(fun, x0, data, method, jac).nfev for x0 in near]
    assert sum(derived) <= 1.05 * sum(by_hand), (derived, by_hand)


@pytest.mark.parametrize(
    ("script", "arguments", "pictures"),
    [
        ("fit_nist.py", ["--only", *CONVERGE], ["fit_nist.png", "fit_nist_convergence.png"]),
        ("rosenbrock_paths.py", [], ["rosenbrock_paths.png"]),
    ],
)
def test_example_draws_its_pictures(script, arguments, pictures, tmp_path):
    env = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, str(EXAMPLES / script), *arguments, "--output", str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for picture in pictures:
        assert (tmp_path / picture).stat().st_size > 20_000
    assert all(name in done.stdout for name in arguments[1:])

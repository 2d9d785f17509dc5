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
from problems.objectives import minimize_in_python

import fastopt

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
import nist  # noqa: E402  (the examples are scripts, not a package)

# Three sets, for the time it takes. On Thurber the counts range from 6,000 to 200,000 either way.
CONVERGE = ("Misra1a", "Chwirut2", "Gauss1")


def solve(slope, x0, data, method):
    """The loop runs in the interpreter, one text with the compiled one: `slope` takes longest."""
    options = {"maxfev": 200_000}
    return minimize_in_python(slope, x0, (data.x, data.y), method=method, options=options)


@functools.cache
def slope_of(name):
    """Value and derived gradient of a set's misfit."""
    size = nist.load(name).certified.size
    return fastopt.value_and_grad(nist.misfit(nist.MODELS[name]), size=size)


def digits(found, certified):
    """Digits that agree in the worst parameter."""
    return -np.log10(np.max(np.abs(found - certified) / np.abs(certified)) + 1e-300)


@pytest.fixture(scope="module")
def found():
    """Digits from start 2, by method and data set."""
    table = {"adagrad": {}, "rmsprop": {}}
    for name in nist.MODELS:
        data, slope = nist.load(name), slope_of(name)
        for method, row in table.items():
            row[name] = digits(solve(slope, data.starts[1], data, method).x, data.certified)
    return table


@pytest.mark.parametrize("method", ["adagrad", "rmsprop"])
def test_five_of_eight_nist_sets_reach_six_digits(found, method):
    assert len(found[method]) == 8
    assert sum(d >= 6 for d in found[method].values()) >= 5, found[method]


def test_certified_residuals():
    """The objectives are NIST's: at the certified parameters they give the certified sum."""
    for name in nist.MODELS:
        data = nist.load(name)
        rss, _ = slope_of(name)(data.certified, data.x, data.y)
        assert rss == pytest.approx(data.certified_rss, rel=1e-9)


@pytest.mark.parametrize("name", nist.MODELS)
def test_derived_gradients_are_those_by_hand(name):
    data, (_, jac) = nist.load(name), nist_gradients.MODELS[name]

    def derived(b):
        return slope_of(name)(b, data.x, data.y)[1]

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
    """The value, and the gradient by hand."""
    slope, jac = slope_of(name), numba.njit(nist_gradients.MODELS[name][1])
    return lambda b, x, y: (slope(b, x, y)[0], jac(b, x, y))


@pytest.mark.parametrize("method", ["adagrad", "rmsprop"])
def test_derived_gradients_cost_no_evaluations(method):
    """Under both one solve's count moves with the last digit of x0: totals are compared."""
    derived, by_hand = [], []
    for name in CONVERGE:
        data = nist.load(name)
        near = [start * (1.0 + k * np.finfo(float).eps) for start in data.starts for k in range(40)]
        derived += [solve(slope_of(name), x0, data, method).nfev for x0 in near]
        by_hand += [solve(by_hand_compiled(name), x0, data, method).nfev for x0 in near]
    assert sum(derived) <= 1.05 * sum(by_hand), (derived, by_hand)


@pytest.mark.parametrize(
    ("script", "arguments", "pictures"),
    [
        # One set twice: two panels, and one model to compile.
        (
            "fit_nist.py",
            ["--only", *CONVERGE[:1] * 2],
            ["fit_nist.png", "fit_nist_convergence.png"],
        ),
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

"""The example of a Gaussian process, against scikit-learn's gradient that was written by hand.

The objective runs in plain Python, by the tape: its compiled gradient takes long to compile, and
`tests/derivatives` compares the two.
"""

import pathlib
import sys

import loop_programs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.optimize import OptimizeResult

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
import gaussian_process as example


def test_likelihood_and_gradient_are_those_of_scikit_learn(tmp_path, monkeypatch):
    monkeypatch.setattr(example, "covariance", example.covariance.py_func)
    rows, labels, new, truth, names = example.load(14)
    data = rows, labels, new[:20], truth[:20], names
    theta = np.random.default_rng(1).normal(size=32) * 0.3 + np.r_[0.0, np.full(30, 1.5), -2.0]
    process = example.by_scikit_learn(rows, labels)
    value, slope = process.log_marginal_likelihood(theta, eval_gradient=True)

    found, gradient = loop_programs.on_tape(example.cost.py_func, theta, (rows, labels))
    assert found == pytest.approx(-value, rel=1e-12)
    np.testing.assert_allclose(gradient, -slope, atol=1e-11)

    res = OptimizeResult(x=process.kernel_.theta)
    mean, deviation = example.predict(res.x, rows, labels, data[2])
    theirs = process.predict(data[2], return_std=True)
    np.testing.assert_allclose(mean, theirs[0], atol=1e-9)
    np.testing.assert_allclose(deviation, theirs[1], atol=1e-9)

    fig = example.draw(res, process, data)
    fig.savefig(tmp_path / "gaussian_process.png")
    plt.close(fig)
    assert (tmp_path / "gaussian_process.png").stat().st_size > 10_000

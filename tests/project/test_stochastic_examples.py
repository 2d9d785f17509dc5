"""Logistic regression on scikit-learn's data, as in ``examples/classify.py``, beside its solver."""

import pathlib
import sys

import matplotlib.pyplot as plt
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
import classify


@pytest.mark.parametrize("name", ["breast_cancer", "digits"])
def test_scikit_learn_s_accuracy_is_reached(name, tmp_path):
    data, test = classify.load(name)
    theirs = classify.by_sklearn(data)
    points = []
    res = classify.train(name, data, "adam", callback=points.append)
    assert classify.loss(res.x, data) < 1.01 * classify.loss(theirs, data)
    assert classify.accuracy(res.x, test) >= classify.accuracy(theirs, test) > 0.95
    plt.switch_backend("Agg")
    fig, axes = plt.subplots(1, 2)
    classify.draw(name, axes, data, test, theirs, {"adam": points})
    fig.savefig(tmp_path / "classify.png")
    assert (tmp_path / "classify.png").stat().st_size > 20_000

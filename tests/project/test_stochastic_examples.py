"""The examples of mini-batches, beside scikit-learn and beside simpler models."""

import pathlib
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
import classify
import network
import recommend


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


def test_a_network_reads_digits_as_well_as_scikit_learn_s(tmp_path):
    (data, test), hits = network.load(0), []
    res = network.train(data, callback=lambda xk: hits.append(network.accuracy(xk, test)))
    assert res.jac_method == "reverse"
    theirs = network.by_sklearn(data).score(*test)
    assert network.accuracy(res.x, test) >= theirs - 0.01 > 0.94
    table = network.mistakes(res.x, test)
    assert np.trace(table) == round(network.accuracy(res.x, test) * table.sum())
    fig = network.draw(res.loss, hits, table, theirs)
    fig.savefig(tmp_path / "network.png")
    plt.close(fig)
    assert (tmp_path / "network.png").stat().st_size > 20_000


def test_factors_tell_more_than_one_number_for_each(tmp_path, capsys):
    ratings, names = recommend.load()
    assert len(ratings[0]) == 10_677
    assert len(names) == 14
    model, errors, without = recommend.report(ratings, 3, 0.08, epochs=15)
    assert errors[-1] < 0.97 * without
    assert "829 people" in capsys.readouterr().out
    fig = recommend.draw(model, errors, without, names)
    fig.savefig(tmp_path / "recommend.png")
    plt.close(fig)
    assert (tmp_path / "recommend.png").stat().st_size > 20_000


def test_noisy_tables_get_a_larger_penalty():
    rng = np.random.default_rng(0)
    people, items = divmod(rng.permutation(60 * 20)[:1000], 20)
    p, q = rng.normal(size=(60, 2)), rng.normal(size=(20, 2))
    found = []
    for noise in (0.0, 4.0):
        ratings = 3.0 + np.sum(p[people] * q[items], axis=1) + noise * rng.normal(size=1000)
        found.append(recommend.best_penalty((people, items, ratings), (60, 20), 3, epochs=20))
    assert found == [min(recommend.PENALTIES), max(recommend.PENALTIES)]


def test_tables_of_movielens_are_read(tmp_path):
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t4\t891717742\n")
    found, names = recommend.load(tmp_path / "u.data")
    assert [part.tolist() for part in found] == [[1, 0], [0, 1], [3, 4]]
    assert names is None

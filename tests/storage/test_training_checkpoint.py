"""Runs of `minimize_stochastic` continue from a checkpoint, wherever they were stopped."""

import shutil

import numpy as np
import pytest

import fastopt
from fastopt.concurrency import time_slices
from fastopt.storage import checkpoint_file

RNG = np.random.default_rng(0)
ROWS = np.array([1.0, -2.0, 0.5]) + RNG.normal(size=(90, 3))


def bowl(x, row):
    d = x - row
    return np.sum(d * d * d * d)


def fit(path=None, fun=bowl, args=(), **how):
    options = {**how.pop("options", {}), **({"checkpoint": path} if path else {})}
    how = {"seed": 1, "epochs": 4, "validation": 0.2, "average": 3, "batch_size": 8, **how}
    return fastopt.minimize_stochastic(fun, np.zeros(3), ROWS, args, options=options, **how)


def same(one, other):
    names = "x", "x_last", "x_average", "fun", "loss", "validation_loss", "nit", "nfev", "status"
    return all(np.array_equal(one[name], other[name]) for name in names)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"method": "adam", "options": {"learning_rate": fastopt.schedules.cosine(0.1, steps=40)}},
        {"seed": None, "patience": 1},
    ],
    ids=["automatic", "schedule", "generator"],
)
def test_continued_from_every_slice(how, tmp_path, monkeypatch):
    if how.get("seed", 1) is None:
        how = {**how, "seed": np.random.Generator(np.random.MT19937(5))}  # its state has an array
    copies, write = [], checkpoint_file.Checkpoint.write

    def copied(self, *args, **state):
        write(self, *args, **state)
        copies.append(tmp_path / f"{len(copies)}.npz")
        shutil.copy(self.path, copies[-1])

    monkeypatch.setattr(time_slices, "CHECK_INTERVAL", 0.0)  # one step a slice
    monkeypatch.setattr(checkpoint_file.Checkpoint, "is_due", lambda self: True)
    monkeypatch.setattr(checkpoint_file.Checkpoint, "write", copied)
    whole = fit(str(tmp_path / "run.npz"), **how)
    assert len(copies) == whole.nit + 1
    monkeypatch.setattr(checkpoint_file.Checkpoint, "write", write)
    for path in copies[::5] + copies[-1:]:
        if "seed" in how:
            how["seed"] = np.random.Generator(np.random.MT19937(6))  # in any state
        assert same(fit(str(path), **how), whole), path


def test_a_run_without_one_has_the_same_bits(tmp_path):
    assert same(fit(str(tmp_path / "run.npz")), fit())


def test_an_exception_leaves_the_file(tmp_path):
    path, calls = str(tmp_path / "run.npz"), []

    def failing(xk):
        calls.append(xk)
        if len(calls) == 2:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fit(path, callback=failing)
    assert same(fit(path), fit())


def adding(x, g, row, left):
    """Count down the calls that are left, and raise at the last one."""
    left[0] -= 1.0
    if left[0] == 0.0:
        raise ArithmeticError("the last call")
    f = 0.0
    for i in range(x.size):
        d = x[i] - row[i]
        f += d * d
        g[i] += 2.0 * d
    return f


def test_a_run_whose_fun_raises_continues_to_the_same_bits(tmp_path):
    """The order of the rows ahead has been shuffled when it raises."""
    path, raised, how = str(tmp_path / "run.npz"), 0, {"fun": adding, "jac": "add"}
    while raised < 100:
        try:
            res = fit(path, args=(np.array([50.0]),), **how)
            break
        except ArithmeticError:
            raised += 1
    assert raised > 5
    assert same(res, fit(args=(np.array([np.inf]),), **how))


def counted(x, row, left):
    left[0] -= 1.0
    if left[0] == 0.0:
        raise ArithmeticError("the last call")
    d = x - row
    return np.sum(d * d)


def test_differences_that_raise_leave_no_probe_in_the_file(tmp_path, monkeypatch):
    """Each row has four calls of fun, of which the last three are at a moved x."""
    monkeypatch.setattr(time_slices, "CHECK_INTERVAL", 0.0)  # one step a slice
    monkeypatch.setattr(checkpoint_file.Checkpoint, "is_due", lambda self: True)
    path, how = str(tmp_path / "run.npz"), {"fun": counted, "jac": "2-point"}
    with pytest.raises(ArithmeticError):
        fit(path, args=(np.array([50.0]),), **how)
    monkeypatch.setattr(checkpoint_file, "differences", lambda *_: "")  # of the calls left
    endless = (np.array([np.inf]),)
    assert same(fit(path, args=endless, **how), fit(args=endless, **how))


def test_a_given_rate_may_get_more_epochs(tmp_path):
    path, options = str(tmp_path / "run.npz"), {"learning_rate": 0.01}
    fit(path, options=options, epochs=3)
    assert same(fit(path, options=options, epochs=5), fit(options=options, epochs=5))
    fit(path := str(tmp_path / "short.npz"), options={**options, "maxiter": 7})
    assert same(fit(path, options=options), fit(options=options))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epochs": 5}, "epochs (4 there, 5 here)"),
        ({"batch_size": 9}, "batch_size (8 there, 9 here)"),
        ({"seed": 2}, "seed (1 there, 2 here)"),
        ({"validation": 0.3}, "validation (0.2 there, 0.3 here)"),
        ({"method": "sgd"}, "method ('rmsprop' there, 'sgd' here)"),
        ({"options": {"weight_decay": 0.1}}, "weight_decay (0.0 there, 0.1 here)"),
        ({"options": {"learning_rate": 0.1}}, "options['learning_rate']"),
    ],
)
def test_another_run_is_refused(change, says, tmp_path):
    path = str(tmp_path / "run.npz")
    fit(path)
    with pytest.raises(ValueError, match="another problem") as caught:
        fit(path, **change)
    assert says in str(caught.value)

"""`minimize_stochastic` compiles its step once for all objectives."""

import collections
import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
from numba.core import event

import fastopt
from fastopt import schedules
from fastopt.algorithms import minibatch
from fastopt.algorithms.solve_loop import fill, sweep

ROWS = np.arange(1.0, 6.0)  # their mean is 3
OPTIONS = {"learning_rate": 0.05}
Pair = collections.namedtuple("Pair", "a b")


def fit(fun, args=(), data=ROWS, **how):
    given = {"method": "sgd", "batch_size": 2, "epochs": 40, "seed": 1, "options": OPTIONS, **how}
    return fastopt.minimize_stochastic(fun, [0.0], data, args, **given)


class Compiled(event.Listener):
    """The names of the functions that Numba compiles meanwhile."""

    def __init__(self):
        self.names = set()

    def on_start(self, event):
        self.names.add(event.data["qualname"].rpartition(".")[2].rpartition("_")[0])

    def on_end(self, event):
        pass


def compiled(call):
    listener = Compiled()
    with event.install_listener("numba:run_pass", listener):
        call()
    return listener.names


def test_what_is_compiled_for_another_objective_rule_or_schedule():
    """The names of the library's own functions: those of an objective are its module's."""

    def first(x, row):
        return (x[0] - row) ** 2

    def second(x, row):
        return (x[0] - 2.0 * row) ** 2 + 1.0

    fit(first)
    names = "turn shuffle_ahead all_finite update_average decay_weights"
    step = {f.__name__ for f in (*map(vars(minibatch).get, names.split()), sweep, fill)}
    assert not compiled(lambda: fit(second)) & step
    assert not compiled(lambda: fit(second, data=np.arange(7.0))) - {"run_code"}
    for more in (
        {"batch_size": 3, "epochs": 2},
        {"shuffle": False},
        {"average": 2, "seed": 5},
        {"options": {"learning_rate": 0.01, "weight_decay": 0.1}},
        {"callback": lambda xk: None},
    ):
        assert not compiled(lambda more=more: fit(second, **more)), more
    for method in ("adagrad", "adam"):
        assert "through" not in compiled(lambda method=method: fit(second, method=method))
        assert not compiled(lambda method=method: fit(first, method=method))
    rate = schedules.inverse_time(0.1)
    assert not compiled(lambda: fit(second, options={"learning_rate": rate})) & {"through", *step}
    assert not compiled(lambda: fit(first, options={"learning_rate": rate}))


PROCESS = """
import sys
from numba.core import event
import fastopt
import numpy as np

names = set()

class Listener(event.Listener):
    def on_start(self, event):
        names.add(event.data["qualname"].rpartition(".")[2].rpartition("_")[0])
    def on_end(self, event):
        pass

event.register("numba:run_pass", Listener())
sys.path.insert(0, sys.argv[1])
from objective import fun
how = {"method": "sgd", "epochs": 200, "options": {"learning_rate": 0.1}}
x = fastopt.minimize_stochastic(fun, [0.0], np.ones(4), **how).x[0]
print(round(x, 6), *sorted(names & {"turn", "sweep", "through", "fun"}))
"""


def test_a_later_process_finds_the_step_on_disk(tmp_path):
    """And compiles what belongs to an objective that it has not met."""

    def run(factor):
        source = f"def fun(x, row):\n    return (x[0] - {factor} * row) ** 2\n"
        (tmp_path / "objective.py").write_text(source)
        given = [sys.executable, "-B", "-c", PROCESS, str(tmp_path)]
        env = {**os.environ, "FASTOPT_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(given, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert run("2.0") == ["2.0", "fun", "sweep", "through", "turn"]
    found = run("3.0")
    assert found[0] == "3.0"
    assert not {"turn", "sweep"} & set(found)
    assert run("3.0") == ["3.0"]


def limited(x, row, most):
    if row > most:
        raise ValueError("a row beyond the limit")
    return (x[0] - row) ** 2


def limited_adding(x, g, row, most):
    if row > most:
        raise ValueError("a row beyond the limit")
    g[0] += 2.0 * (x[0] - row)
    return (x[0] - row) ** 2


@pytest.mark.parametrize(("fun", "jac"), [(limited, None), (limited_adding, "add")])
def test_an_objective_that_raises_within_an_epoch(fun, jac):
    """What it raises passes through, and the next run begins anew."""
    how = {"jac": jac, "shuffle": False}
    before = fit(fun, (9.0,), **how)
    for _ in range(3):
        with pytest.raises(ValueError, match="a row beyond the limit"):
            fit(fun, (4.5,), **how)
    after = fit(fun, (9.0,), **how)
    np.testing.assert_array_equal(before.x_last, after.x_last)
    assert 2.5 < before.x[0] < 4.0


def test_a_rate_that_raises():
    def rate(t):
        if t > 7:
            raise ValueError("no rate any more")
        return 0.1

    def fun(x, row):
        return (x[0] - row) ** 2

    with pytest.raises(ValueError, match="no rate any more"):
        fit(fun, options={"learning_rate": rate})


def weighted(x, row, weight):
    return weight * (x[0] - row) ** 2


def indexed(x, row, weight):
    return weight[0] * (x[0] - row) ** 2


def summed(x, row, weights):
    total = 0.0
    for weight in weights:
        total += weight
    return total * (x[0] - row) ** 2


def named(x, row, pair):
    return pair.a * (x[0] - row) ** 2 + pair.b


def optional(x, row, weight):
    if weight is None:
        return 2.0 * (x[0] - row) ** 2
    return weight * (x[0] - row) ** 2


def typed_dict(key, value):
    made = numba.typed.Dict()
    made[key] = value
    return made


def read_only(array):
    array.flags.writeable = False
    return array


KINDS = {
    weighted: [2.0, 2, np.float32(2.0), np.int32(2), np.uint8(2)],
    indexed: [
        np.full(2, 2.0),
        np.full(4, 2.0)[::2],
        read_only(np.full(2, 2.0)),
        np.full(2, 2, np.int64),
        np.full(2, 2.0, np.float32),
        np.full(2, 2.0).astype(">f8"),
        (2.0, 1),
        typed_dict(0, 2.0),
    ],
    summed: [numba.typed.List([1.5, 0.5]), (1.5, 0.5), np.array([1.5, 0.5])],
    named: [Pair(2.0, 1.0), Pair(2, 1.0)],
    optional: [None, 2.0, 2],
}


@pytest.mark.parametrize("fun", KINDS, ids=lambda fun: fun.__name__)
def test_arguments_whose_type_changes_between_calls(fun):
    """All of them stand for a weight of 2, and give its path; twice, in other orders."""
    x, rows = 0.0, [ROWS[0:2], ROWS[2:4], ROWS[4:5]]
    for part in 2 * rows:
        x -= 0.05 * np.mean(4.0 * (x - part))
    for kind in KINDS[fun] + KINDS[fun][::-1]:
        res = fit(fun, (kind,), epochs=2, shuffle=False)
        assert res.x[0] == pytest.approx(x, rel=1e-12), kind


def test_runs_in_several_threads_have_the_bits_of_one():
    def fun(x, row):
        return np.log1p(np.exp(-(x[0] - row)))

    def run(seed):
        found[seed] = fit(fun, seed=seed, epochs=300).x_last[0]

    found: dict = {}
    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = dict(found)
    for seed in range(6):
        run(seed)
    assert together == found
    assert len(set(found.values())) == 6

"""What `minimize` keeps from call to call: no call may see another's problem."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
from numba import njit

import fastopt
from fastopt.drivers import reused_problems

AIM = 1.0


@njit
def bowl(x, a):
    """Return a quadratic with its minimum at a in every component."""
    f = 0.0
    for i in range(x.size):
        f += (i + 1.0) * (x[i] - a) ** 2
    return f


@njit
def offset(x, y):
    return (x[0] - y[0]) ** 2 + 2.0 * (x[1] - y[1]) ** 2 + y[2]


@njit
def aimed(x):
    return (x[0] - AIM) ** 2 + x[1] ** 2


@pytest.fixture(autouse=True)
def nothing_kept():
    reused_problems._kept.clear()


def fresh(*args, **more):
    """Return the result of a call that finds nothing kept."""
    reused_problems._kept.clear()
    return fastopt.minimize(*args, **more)


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_a_kept_problem_gives_the_bits_of_a_new_one():
    cases = [([3.0, -2.0], 0.5), ([1e3, 1e-3], -4.0), ([0.0, 0.0], 2.0), ([3.0, -2.0], 0.5)]
    wanted = [fresh(bowl, x0, (a,)) for x0, a in cases]
    for (x0, a), result in zip(cases, wanted, strict=True):
        same(fastopt.minimize(bowl, x0, (a,)), result)
    assert len(reused_problems._kept) == 1


def test_kinds_are_kept_apart():
    box = [(0.0, 2.0), (-3.0, 0.25)]
    calls = [
        {"args": (0.5,)},
        {"args": (0.5,), "bounds": box},
        {"args": (0.5,), "bounds": [(0.75, 4.0), (-1.0, 3.0)]},
        {"args": (1,)},
        {"args": (True,)},
        {"args": (np.float32(0.1),)},
        {"args": (0.5,), "options": {"maxiter": 2}},
        {"args": (0.5,), "options": {"learning_rate": 0.1, "maxiter": 20}},
        {"args": (0.5,), "method": "adam", "options": {"learning_rate": 0.1}},
    ]
    x0 = np.array([1.5, 0.25])
    wanted = [fresh(bowl, x0, **call) for call in calls]
    for _ in range(3):
        for call, result in zip(calls, wanted, strict=True):
            same(fastopt.minimize(bowl, x0, **call), result)
    np.testing.assert_allclose(wanted[0].x, 0.5, atol=1e-6)
    np.testing.assert_allclose(wanted[1].x, [0.5, 0.25], atol=1e-6)
    np.testing.assert_allclose(wanted[2].x, [0.75, 0.5], atol=1e-6)
    np.testing.assert_allclose(wanted[3].x, 1.0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_other_types_and_sizes_in_turn(dtype):
    """One parameter has the loop of two, three have another: it is compiled in float64 only."""
    n = 3 if dtype == np.float64 else 1
    for x0 in (np.zeros(2, dtype), np.zeros(n, dtype), np.zeros((1, 2), dtype)[0], [4, 5]):
        for a in (0.25, 2, -1.5, 3):
            result = fastopt.minimize(bowl, x0, (a,))
            np.testing.assert_allclose(result.x, a, atol=2e-3)
            assert result.x.dtype == np.asarray(x0).dtype or np.asarray(x0).dtype.kind == "i"


def test_results_are_not_written_to_later():
    first = fastopt.minimize(bowl, [3.0, -2.0], (0.5,))
    kept = {name: np.copy(first[name]) for name in ("x", "jac", "x_last")}
    fastopt.minimize(bowl, [1.0, 7.0], (-9.0,))
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)


def test_arrays_may_change_between_calls_and_die_after_them():
    y = np.array([1.0, -2.0, 3.0])
    assert fastopt.minimize(offset, [0.0, 0.0], (y,)).fun == pytest.approx(3.0)
    y[:] = 4.0, 5.0, 6.0
    result = fastopt.minimize(offset, [0.0, 0.0], (y,))
    np.testing.assert_allclose(result.x, [4.0, 5.0], atol=1e-6)
    assert result.fun == pytest.approx(6.0)
    gone = weakref.ref(y)
    del y
    gc.collect()
    assert gone() is None
    strided = np.array([7.0, 0.0, 8.0, 0.0, 9.0])[::2]
    assert fastopt.minimize(offset, [0.0, 0.0], (strided,)).fun == pytest.approx(9.0)


def test_a_global_that_is_rebound_is_seen(monkeypatch):
    assert fastopt.minimize(aimed, [0.0, 0.0]).x[0] == pytest.approx(1.0)
    monkeypatch.setattr(sys.modules[__name__], "AIM", -3.0)
    assert fastopt.minimize(aimed, [0.0, 0.0]).x[0] == pytest.approx(-3.0)
    monkeypatch.undo()
    assert fastopt.minimize(aimed, [0.0, 0.0]).x[0] == pytest.approx(1.0)


def test_a_call_within_a_call_has_a_problem_of_its_own():
    inner = []

    def callback(_):
        inner.append(fastopt.minimize(bowl, [9.0, 9.0], (2.0,)).x)

    wanted = fresh(bowl, [3.0, -2.0], (0.5,))
    for _ in range(2):
        result = fastopt.minimize(bowl, [3.0, -2.0], (0.5,), callback=callback)
        same(result, wanted)
    np.testing.assert_allclose(inner, 2.0, atol=1e-6)


def test_what_a_callback_raises_leaves_nothing_behind():
    wanted = fresh(bowl, [3.0, -2.0], (0.5,))

    def callback(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fastopt.minimize(bowl, [8.0, 8.0], (1.0,), callback=callback)
    assert not reused_problems._kept
    same(fastopt.minimize(bowl, [3.0, -2.0], (0.5,)), wanted)


def test_threads_at_once():
    aims = np.linspace(-3.0, 3.0, 7)
    wanted = [fresh(bowl, [3.0, -2.0], (float(a),)) for a in aims]
    wrong = []

    def work(first):
        for k in range(200):
            j = (first + k) % aims.size
            result = fastopt.minimize(bowl, [3.0, -2.0], (float(aims[j]),))
            if result.x.tobytes() != wanted[j].x.tobytes() or result.nfev != wanted[j].nfev:
                wrong.append(j)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_few_are_kept():
    for k in range(reused_problems.MOST + 5):
        fastopt.minimize(bowl, [3.0, -2.0], (0.5,), options={"maxiter": k + 1})
    assert len(reused_problems._kept) == reused_problems.MOST


@pytest.mark.parametrize(("method", "options"), [("rmsprop", {}), ("adam", {"learning_rate": 0.1})])
def test_a_problem_begins_again_with_zeros(method, options):
    """Nothing is left of the one before but what the new start says."""
    fastopt.minimize(bowl, [0.5, 0.5], (7.0,), method=method, options=options)
    (problem,) = reused_problems._kept.values()
    assert not set(np.unique(problem.arrays[np.isfinite(problem.arrays)])) <= {0.0, 0.5}
    problem.begin(np.array([3.0, 4.0]), None, (7.0,))
    values = problem.arrays[~np.isnan(problem.arrays)]
    assert sorted(values[values != 0.0]) == [3.0, 3.0, 4.0, 4.0]
    assert np.isnan(problem.arrays).sum() == 2  # the gradient at the best point
    left = problem.scalars[len(problem.record) + 1 :]
    assert not left.any()

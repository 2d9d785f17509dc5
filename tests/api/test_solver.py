"""Prepared solvers: the bits of the other doors, from Python and from compiled code."""

import gc
import pickle
import sys
import threading
from collections import namedtuple

import decay_solvers
import numpy as np
import pytest
from decay_solvers import DECAYS, RATES, START, T, into, misfit, once, residuals, same
from numba import njit, prange
from numba.typed import List

import fastopt
from fastopt.targets.cpu.solvers.solver_call import LOCAL


@pytest.fixture
def solve():
    return decay_solvers.solver()


@pytest.fixture
def fit():
    return decay_solvers.fit()


@njit
def into_argument(solve, x0, t, y):
    return solve(x0, t, y, out=y)


@njit
def once_reversed(solve, x, t, y):
    return solve(x[::-1], t, y, out=x)


@njit(parallel=True)
def each(solve, x0, t, decays):
    x, status = np.empty((len(decays), 2)), np.empty(len(decays), np.int64)
    for b in prange(len(decays)):
        end = solve(x0, t, decays[b])
        x[b], status[b] = end.x, end.status
    return x, status


def test_python_and_compiled_code_get_the_bits_of_minimize(solve):
    for y in DECAYS[:3]:
        result = fastopt.minimize(misfit, START, (T, y))
        assert result.success
        same(solve(START, T, y), result)
        same(once(solve, START, T, y), result)
    assert solve.message(result.status) == result.message
    assert solve.jac_method == result.jac_method


def test_a_parallel_loop_gets_them_too(solve):
    x, status = each(solve, START, T, DECAYS)
    wanted = [fastopt.minimize(misfit, START, (T, y)) for y in DECAYS]
    np.testing.assert_array_equal(x, [w.x for w in wanted])
    np.testing.assert_array_equal(status, [w.status for w in wanted])
    np.testing.assert_allclose(x[:, 1], RATES, rtol=1e-6)


def test_a_fit_gets_those_of_least_squares(fit):
    for y in DECAYS[[0, -1]]:  # the last one ends at a bound
        result = fastopt.least_squares(residuals, START, (T, y), bounds=(0.0, [9.0, 1.5]))
        same(fit(START, T, y), result)
        same(once(fit, START, T, y), result)
        assert fit(START, T, y).cost == pytest.approx(result.cost, rel=1e-12, abs=1e-30)
    assert fit(START, T, y).x[1] == 1.5


def test_a_start_outside_of_the_bounds_is_moved_onto_them(fit):
    wanted = fit([9.0, 1.5], T, DECAYS[2])
    same(fit([20.0, 9.0], T, DECAYS[2]), wanted)
    same(once(fit, np.array([20.0, 9.0]), T, DECAYS[2]), wanted)


def test_other_lengths_starts_and_places_for_x(solve):
    y = DECAYS[1]
    wanted = fastopt.minimize(misfit, START, (T[:9], y[:9]))
    for start in ([1, 1], (1.0, 1.0), np.ones(4)[::2], np.ones(2, np.int32)):
        same(solve(start, T[:9], y[:9]), wanted)
        if not isinstance(start, list):
            same(once(solve, start, T[:9], y[:9]), wanted)
    for call in (lambda x: solve(x, T[:9], y[:9], out=x), lambda x: into(solve, x, T[:9], y[:9])):
        x = np.ones(2)
        end = call(x)
        assert end.x.ctypes.data == x.ctypes.data
        same(end, wanted)


def test_a_place_for_x_that_is_an_argument_too(solve):
    y = DECAYS[1]
    wanted = solve(START, T[:2], y[:2])
    for start in (START, (1.0, 1.0)):
        out = y[:2].copy()
        same(into_argument(solve, start, T[:2], out), wanted)
    x = np.array([1.0, 0.9])
    same(once_reversed(solve, x, T, y), solve([0.9, 1.0], T, y))


def test_containers_keep_solvers_alive(solve):
    kept = List([fastopt.solver(misfit, START, (T, T))])
    gc.collect()
    same(once(kept[0], START, T, DECAYS[0]), solve(START, T, DECAYS[0]))


def test_named_tuples_with_fields_in_another_order():
    first, second = namedtuple("P", "a b"), namedtuple("P", "b a")

    @njit
    def fun(x, p):
        return (x[0] - p.a) ** 2

    for kind, wanted in ((first, 1.0), (second, 2.0)):
        given = kind(1.0, 2.0)
        solve = fastopt.solver(fun, [0.0], (given,))
        for x in (solve([0.0], given).x, fastopt.minimize(fun, [0.0], (given,)).x):
            assert x[0] == pytest.approx(wanted)


@pytest.mark.parametrize("call", [lambda solve, x: solve(x, T, T), lambda s, x: once(s, x, T, T)])
def test_a_start_that_is_not_finite_is_a_status(solve, fit, call):
    for one in (solve, fit):
        end = call(one, np.array([1.0, np.nan]))
        assert (end.status, end.nit, end.nfev, end.success) == (-1, 0, 0, False)
        assert np.isnan([end[1], end.x[1]]).all()
        assert end.x[0] == 1.0
        assert "not finite" in one.message(end.status)


def test_problems_too_large_for_the_stack(solve):
    large = fastopt.solver(misfit, START, (T, T), options={"maxcor": LOCAL // 32})
    wanted = fastopt.minimize(misfit, START, (T, T), options={"maxcor": LOCAL // 32})
    same(large(START, T, T), wanted)
    same(once(large, START, T, T), wanted)
    for call in (lambda: once(large, (77.0, 1.0), T, T), lambda: large((77.0, 1.0), T, T)):
        with pytest.raises(ValueError, match="no such decay"):
            call()
    same(once(large, START, T, T), wanted)


def test_exceptions_of_fun_pass_through(solve):
    for call in (lambda: solve((77.0, 1.0), T, T), lambda: once(solve, (77.0, 1.0), T, T)):
        with pytest.raises(ValueError, match="no such decay"):
            call()
    assert solve(START, T, DECAYS[0]).success


def test_threads_at_once(solve):
    wanted, wrong = [solve(START, T, y) for y in DECAYS], []

    def work(first):
        for k in range(100):
            b = (first + k) % len(DECAYS)
            end = solve(START, T, DECAYS[b])
            if end.x.tobytes() != wanted[b].x.tobytes() or end[1:] != wanted[b][1:]:
                wrong.append(b)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


AIM = 1.0


@njit
def aimed(p, t, y):
    return (p[0] - AIM) ** 2 + (p[1] - t[0] - y[0]) ** 2


def test_pickles(solve, fit):
    for one in (solve, fit):
        again = pickle.loads(pickle.dumps(one))
        same(again(START, T, DECAYS[0]), one(START, T, DECAYS[0]))
        same(once(again, START, T, DECAYS[0]), one(START, T, DECAYS[0]))


def test_a_solver_keeps_its_function_as_it_was(monkeypatch):
    solve = fastopt.solver(aimed, START, (T, T))
    monkeypatch.setattr(sys.modules[__name__], "AIM", 5.0)
    assert solve(START, T, T).x[0] == pytest.approx(1.0)
    with pytest.raises(TypeError, match="redefined"):
        pickle.dumps(solve)
    monkeypatch.undo()
    assert pickle.dumps(solve)


def test_boxing(solve):
    assert itself(solve) is solve
    assert "misfit" in repr(solve)
    for status in ("x", 1000, None):
        with pytest.raises(ValueError, match="status"):
            solve.message(status)


@njit
def itself(solve):
    return solve

"""Prepared solvers: the bits of the other doors, from Python and from compiled code."""

import gc
import pickle
import sys
import threading
from collections import namedtuple

import numpy as np
import pytest
from numba import njit, prange
from numba.core.errors import TypingError
from numba.typed import List

import fastopt
from fastopt.targets.cpu.solvers.solver_call import LOCAL

T = np.linspace(0.0, 4.0, 24)
RATES = np.linspace(0.3, 2.0, 12)
DECAYS = (1.0 + RATES[:, None]) * np.exp(-RATES[:, None] * T)
START = np.array([1.0, 1.0])


@njit
def misfit(p, t, y):
    if p[0] == 77.0:
        raise ValueError("no such decay")
    s = 0.0
    for i in range(t.size):
        r = p[0] * np.exp(-p[1] * t[i]) - y[i]
        s += r * r
    return s


@njit
def residuals(p, t, y):
    return p[0] * np.exp(-p[1] * t) - y


@pytest.fixture(scope="module")
def solve():
    return fastopt.solver(misfit, START, (T, T))


@pytest.fixture(scope="module")
def fit():
    return fastopt.least_squares_solver(residuals, START, (T, T), bounds=(0.0, [9.0, 1.5]))


@njit
def once(solve, x0, t, y):
    return solve(x0, t, y)


@njit
def into(solve, x, t, y):
    return solve(x, t, y, out=x)


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


def same(solution, result):
    np.testing.assert_array_equal(solution.x, result.x)
    for name in ("fun", "status", "nit", "nfev", "success"):
        if hasattr(solution, name):
            found, wanted = getattr(solution, name), getattr(result, name)
            assert found == wanted, name
            assert type(found) is type(wanted), name


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


def test_whole_numbers_that_do_not_fit():
    solve = fastopt.solver(njit(lambda x, k: (x[0] - k) ** 2), [0.0], (5,))
    assert solve([0.0], np.int32(3)).x[0] == pytest.approx(3.0)
    with pytest.raises(TypeError, match=r"args\[0\] .*uint64.* prepared for int64"):
        solve([0.0], np.uint64(2**63 + 5))


@pytest.mark.parametrize("status", [np.inf, 1.5, True, "0", 77])
def test_no_such_status(solve, status):
    with pytest.raises(ValueError, match="must be the status of a solution"):
        solve.message(status)


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


BAD = [  # arguments of a call, and what is said from Python
    ((START, T), TypeError, "takes 2 arguments after x0 .* 1 was given"),
    ((START, T, T, T), TypeError, "3 were given"),
    ((START, T, T.astype(np.float32)), TypeError, r"args\[1\] .*float32.* prepared for .*float64"),
    ((START, T, DECAYS[:, 0]), TypeError, r"args\[1\] .*1d, A"),
    ((START, T, 1.0), TypeError, r"args\[1\] .*float64"),
    ((START, T, np.ma.masked_less(T, 1.0)), TypeError, "masked"),
    ((START.astype(np.float32), T, T), TypeError, "float32.*prepared for float64"),
    ((START.astype(complex), T, T), TypeError, "complex"),
    ((np.ones(3), T, T), ValueError, r"shape \(3,\)"),
    ((1.0, T, T), ValueError, r"shape \(1,\)"),
    ((START, T, T[:3]), IndexError, "outside"),
]


@pytest.mark.parametrize(("args", "error", "said"), BAD)
def test_bad_calls_from_python(solve, args, error, said):
    with pytest.raises(error, match=said):
        solve(*args)


def test_bad_places_for_x(solve):
    fixed = np.ones(2)
    fixed.flags.writeable = False
    for out in (np.ones(3), np.ones(2, np.float32), [1.0, 1.0]):
        with pytest.raises(TypeError, match="out is"):
            solve(START, T, T, out=out)
    with pytest.raises(ValueError, match="read-only"):
        solve(START, T, T, out=fixed)


@njit
def too_few(solve, x0, t):
    return solve(x0, t)


@njit
def misspelt(solve, x0, t):
    return solve(x0, t, t, into=x0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda solve: too_few(solve, START, T), "given are x0 and 1 of them"),
        (lambda solve: misspelt(solve, START, T), "no argument 'into'"),
        (lambda solve: once(solve, START, T, T.astype(np.float32)), r"args\[1\] of the solver is"),
        (lambda solve: once(solve, START, T, DECAYS[:, 0]), "1d, A"),
        (lambda solve: once(solve, START.astype(np.float32), T, T), "x0 of the solver is"),
        (lambda solve: once(solve, (1.0,), T, T), "x0 of the solver is"),
        (lambda solve: into(solve, np.ones(2, np.float32), T, T), "of the solver is"),
    ],
)
def test_bad_calls_in_compiled_code(solve, call, said):
    with pytest.raises(TypingError, match=said):
        call(solve)


def test_shapes_in_compiled_code(solve):
    with pytest.raises(ValueError, match=r"x0 of the solver must have shape \(2,\)"):
        once(solve, np.ones(3), T, T)


def test_bad_preparations():
    for options in ({"maxtime": 1.0}, {"disp": True}, {"checkpoint": "file"}):
        with pytest.raises(ValueError, match="not for a prepared solver"):
            fastopt.solver(misfit, START, (T, T), options=options)
    with pytest.raises(TypeError, match="no argument 'callback'"):
        fastopt.solver(misfit, START, (T, T), callback=print)
    with pytest.raises(IndexError, match="outside"):
        fastopt.solver(misfit, START, (T, T[:3]))
    with pytest.raises(TypeError, match="x and the 1 of args"):
        fastopt.least_squares_solver(residuals, START, (T,))


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

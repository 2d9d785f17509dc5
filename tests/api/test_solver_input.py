"""What prepared solvers refuse, from Python and in compiled code."""

from collections import namedtuple

import decay_solvers
import numba
import numpy as np
import pytest
from decay_solvers import DECAYS, START, T, into, misfit, once, residuals
from numba import njit
from numba.core.errors import TypingError

import fastopt
from fastopt.targets.cpu.solvers.argument_types import mismatch, shown


@pytest.fixture
def solve():
    return decay_solvers.solver()


def test_whole_numbers_that_do_not_fit():
    solve = fastopt.solver(njit(lambda x, k: (x[0] - k) ** 2), [0.0], (5,))
    assert solve([0.0], np.int32(3)).x[0] == pytest.approx(3.0)
    with pytest.raises(TypeError, match=r"args\[0\] .*uint64.* prepared for int64"):
        solve([0.0], np.uint64(2**63 + 5))


@pytest.mark.parametrize("status", [np.inf, 1.5, True, "0", 77])
def test_no_such_status(solve, status):
    with pytest.raises(ValueError, match="must be the status of a solution"):
        solve.message(status)


FIXED = T.copy()
FIXED.flags.writeable = False
BAD = [  # arguments of a call, and what is said from Python
    ((START, T), TypeError, "takes 2 arguments after x0 .* 1 was given"),
    ((START, T, T, T), TypeError, "3 were given"),
    ((START, T, T.astype(np.float32)), TypeError, r"args\[1\] .*float32.* prepared for .*float64"),
    ((START, T, DECAYS[:, 0]), TypeError, r"args\[1\] .*1d, A.*pass np.ascontiguousarray of it"),
    ((START, T, FIXED), TypeError, r"it is read-only: pass a copy \(.copy\(\)\)"),
    ((START, T, T.astype(int)), TypeError, r"convert it with .astype\(np.float64\)"),
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
    for prepare, fun in ((fastopt.solver, misfit), (fastopt.least_squares_solver, residuals)):
        with pytest.raises(TypeError, match=r"args\[1\] is an object, which compiled functions"):
            prepare(fun, START, (T, object()))


def test_shapes_that_do_not_fit_together():
    said = (
        r"whose shapes do not fit together: x has shape \(2,\), its other arguments \(24,\), \(3,\)"
    )
    for call in (
        lambda: decay_solvers.fit()(START, T, T[:3]),
        lambda: fastopt.least_squares(residuals, START, (T, T[:3])),
        lambda: fastopt.least_squares_batch(residuals, [START], args=(T, T[:3])),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    with pytest.raises(IndexError, match=r"fun indexes outside x, of shape \(1,\)"):
        fastopt.least_squares(residuals, [1.0], (T, T))


def test_named_tuples_tell_their_fields():
    first, second, again = (namedtuple("P", fields) for fields in ("a b", "b a", "a b"))
    a, b, c = (numba.typeof(kind(1.0, 2)) for kind in (first, second, again))
    assert "is P(b: float64, a: int64), but it was prepared for P(a: float64" in mismatch("p", b, a)
    assert "P(a: float64, b: int64), of another class of that name" in mismatch("p", c, a)
    assert shown(numba.typeof((1.0, (first(1.0, 2),)))) == "(float64, (P(a: float64, b: int64)))"

"""Linear algebra that returns NaN for nonfinite, singular or indefinite matrices.

In an objective that is numerical trouble, and a search steps back from NaN. Numba raises an error
instead, and does not free its memory. Shapes that do not match are still errors. Other results are
Numba's.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from fastopt.compiling import numba_lowerings
from fastopt.derivatives.forward.duals.dual_number import JIT
from fastopt.derivatives.forward.operators.stand_ins import some_dual, stand_in_for


@register_jitable
def finite(a):
    """Return True for an array without NaN and infinities."""
    for item in np.nditer(a):  # noqa: SIM110
        if not np.isfinite(item.item()):
            return False
    return True


def _harmless(a):
    """Return an array of the same shape and layout for which no error occurs."""


@overload(_harmless, jit_options=JIT)
def _typed_harmless(a):
    def harmless(a):
        made = a.copy()
        for place in np.ndindex(a.shape):
            made[place] = 1.0 if min(place) == max(place) else 0.0
        return made

    def first(a):
        made = a.copy()
        made[:] = 0.0
        made[0] = 1.0
        return made

    return first if a.ndim == 1 else harmless


def _kept(value, good) -> Any:
    """Return `value` if it is good, else NaN of the same type."""


@overload(_kept, jit_options=JIT)
def _typed_kept(value, good):
    if isinstance(value, types.Array):

        def array(value, good):
            if not good:
                value.fill(np.nan)
            return value

        return array
    if isinstance(value, types.BaseTuple):
        if not len(value):
            return lambda value, good: value
        return lambda value, good: (_kept(value[0], good), *_kept(value[1:], good))
    lost = numba_lowerings.as_dtype(value).type(0 if isinstance(value, types.Integer) else np.nan)
    return lambda value, good: value if good else lost


def _of_one(original):
    """Return the substitute for a function of one array."""

    def ours(a):
        good = finite(a)
        return _kept(original(a if good else _harmless(a)), good)

    return ours


def _svd(a, full_matrices=1):
    good = finite(a)
    return _kept(np.linalg.svd(a if good else _harmless(a), full_matrices), good)


def _pinv(a, rcond=1e-15):
    good = finite(a)
    return _kept(np.linalg.pinv(a if good else _harmless(a), rcond), good)


def _lstsq(a, b, rcond=-1.0):
    good = finite(a) and finite(b)
    given = a if good else _harmless(a), b if good else _harmless(b)
    return _kept(np.linalg.lstsq(given[0], given[1], rcond), good)


def _matrix_rank(A, tol=None):
    good = finite(A)
    return _kept(np.linalg.matrix_rank(A if good else _harmless(A), tol), good)


def _norm(x, ord=None):
    good = x.ndim < 2 or ord is None or finite(x)
    return _kept(np.linalg.norm(x if good else _harmless(x), ord), good)


def _cond(x, p=None):
    good = finite(x)
    if not (p is None or p == 2 or p == -2):
        good = good and finite(_inv_of(x))
    return _kept(np.linalg.cond(x if good else _harmless(x), p), good)


def _matrix_power(a, n):
    """Compute Numba's matrix_power; for n < 0, of the inverse."""
    if n >= 0:
        return np.linalg.matrix_power(a, n)
    return np.linalg.matrix_power(_inv_of(a), -n)


def _inv_of(a):
    """Compute np.linalg.inv."""


@overload(_inv_of, jit_options=JIT)
def _typed_inv(a):
    numba_lowerings.ensure_lapack()
    numba_lowerings.require_matrix(a, "inv")
    factor = numba_lowerings.Lapack().numba_xxgetrf(a.dtype)
    invert = numba_lowerings.Lapack().numba_ez_xxgetri(a.dtype)
    kind, index = ord(numba_lowerings.get_blas_kind(a.dtype, "inv")), numba_lowerings.lapack_integer

    def inv(a):
        n = a.shape[0]
        if a.shape[1] != n:
            raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square.")
        good, found = finite(a), numba_lowerings.copy_to_fortran_order(a)
        pivots = np.empty(n, index)
        if n > 0 and good:
            good = factor(kind, n, n, found.ctypes, n, pivots.ctypes) == 0
            good = good and invert(kind, n, found.ctypes, n, pivots.ctypes) == 0
        numba_lowerings.keep_alive([found.size, pivots.size])
        return _kept(found, good)

    return inv


def _solution(a, b):
    """Compute np.linalg.solve."""


@overload(_solution, jit_options=JIT)
def _typed_solution(a, b):
    numba_lowerings.ensure_lapack()
    numba_lowerings.require_matrix(a, "solve")
    numba_lowerings.require_vector_or_matrix(b, "solve")
    numba_lowerings.require_one_type("solve", a, b)
    gesv, index = numba_lowerings.Lapack().numba_xgesv(a.dtype), numba_lowerings.lapack_integer
    kind = ord(numba_lowerings.get_blas_kind(a.dtype, "solve"))

    def solve(a, b):
        n, count = a.shape[0], numba_lowerings.count_right_sides(b)
        numba_lowerings.require_fitting_rows(a, b)
        if a.shape[1] != n:
            raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square.")
        good = finite(a) and finite(b)
        factors, pivots = numba_lowerings.copy_to_fortran_order(a), np.empty(n, index)
        found = np.empty((count, n), a.dtype).T
        numba_lowerings.copy_right_sides(found, b, count)
        if n > 0 and good:
            given = kind, n, count, factors.ctypes, n, pivots.ctypes, found.ctypes, n
            good = gesv(*given) == 0
        numba_lowerings.keep_alive([factors.size, found.size, pivots.size])
        return _kept(numba_lowerings.solution_like(b, found), good)

    return solve


def _root_of(a):
    """Compute np.linalg.cholesky."""


@overload(_root_of, jit_options=JIT)
def _typed_root(a):
    numba_lowerings.ensure_lapack()
    numba_lowerings.require_matrix(a, "cholesky")
    factor = numba_lowerings.Lapack().numba_xxpotrf(a.dtype)
    kind, upper = ord(numba_lowerings.get_blas_kind(a.dtype, "cholesky")), ord("U")

    def cholesky(a):
        n, found = a.shape[0], a.copy()
        if a.shape[1] != n:
            raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square.")
        good = n == 0 or factor(kind, upper, n, found.ctypes, n) == 0
        for column in range(n):
            found[:column, column] = 0
        return _kept(found, good)

    return cholesky


def _inv(a):
    return _inv_of(a)


def _solve(a, b):
    return _solution(a, b)


def _cholesky(a):
    return _root_of(a)


def _of_numbers(kinds):
    return not some_dual(kinds)


_L = np.linalg
_ONE = (_L.det, _L.slogdet, _L.eig, _L.eigh, _L.eigvals, _L.eigvalsh, _L.qr, np.roots)
_MORE = (_svd, _pinv, _lstsq, _cond, _matrix_rank, _matrix_power, _inv, _solve, _cholesky, _norm)
_OURS = {f: _of_one(f) for f in _ONE} | {getattr(_L, f.__name__[1:]): f for f in _MORE}
STAND_INS = {f: stand_in_for(f, ours, _of_numbers) for f, ours in _OURS.items()}

"""Adjoints of NumPy's functions of arrays, each compared with differences or the complex step."""

import math
import os

import numba
import numpy as np
import pytest
from numba.core import config

from fastopt.derivatives.reverse.array_adjoints.table import ADJOINTS

RNG = np.random.default_rng(5)
V, W, SHORT = RNG.normal(size=7), RNG.normal(size=7), RNG.normal(size=3)
M, N, SQUARE = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 5)), RNG.normal(size=(4, 4))
CUBE = RNG.normal(size=(2, 3, 4))
POSITIVE = SQUARE @ SQUARE.T + 2.0 * np.eye(4)
ZEROS = np.array([0.5, 0.0, -2.0, 3.0])
KNOWN = np.array([0.3, math.nan, 1.5, -0.2])
LINE = np.array([0.0, 1.0, 2.5, 4.0])
L = np.linalg
COMPLEX, REAL = "the complex step", "differences"

# function, arguments, positions that depend on x, oracle, whether Numba compiles the function
CASES = [
    (np.sum, (V,), (0,), COMPLEX),
    (np.sum, (M, 0), (0,), COMPLEX),
    (np.sum, (CUBE, -2), (0,), COMPLEX),
    (np.mean, (M,), (0,), COMPLEX),
    (np.mean, (M, 1), (0,), COMPLEX),
    (np.nansum, (KNOWN,), (0,), REAL),
    (np.nanmean, (KNOWN,), (0,), REAL),
    (np.prod, (ZEROS,), (0,), COMPLEX),
    (np.prod, (M,), (0,), COMPLEX),
    (np.max, (M,), (0,), REAL),
    (np.max, (M, 0), (0,), REAL),
    (np.min, (V,), (0,), REAL),
    (np.ptp, (V,), (0,), REAL),
    (np.nanmax, (KNOWN,), (0,), REAL),
    (np.nanmin, (KNOWN,), (0,), REAL),
    (np.var, (M,), (0,), REAL),
    (np.std, (V,), (0,), REAL),
    (np.median, (V,), (0,), REAL),
    (np.median, (M,), (0,), REAL),
    (np.cumsum, (V,), (0,), COMPLEX),
    (np.cumprod, (ZEROS,), (0,), COMPLEX),
    (np.cumprod, (M,), (0,), COMPLEX),
    (np.sort, (V,), (0,), REAL),
    (np.diff, (V,), (0,), COMPLEX),
    (np.diff, (M,), (0,), COMPLEX),
    (np.convolve, (V, SHORT), (0, 1), COMPLEX),
    (np.convolve, (SHORT, V, "same"), (0, 1), COMPLEX),
    (np.convolve, (V, SHORT, "valid"), (0, 1), COMPLEX),
    (np.dot, (V, W), (0, 1), COMPLEX),
    (np.dot, (M, SHORT), (0, 1), COMPLEX),
    (np.dot, (SHORT, N), (0, 1), COMPLEX),
    (np.matmul, (M, N), (0, 1), COMPLEX),
    (np.matmul, (M, N), (1,), COMPLEX),
    (np.vdot, (V, W), (0, 1), REAL),
    (np.inner, (V, W), (0, 1), COMPLEX),
    (np.inner, (M, N.T), (0, 1), COMPLEX),
    (np.inner, (M, SHORT), (0, 1), COMPLEX),
    (np.inner, (SHORT, M), (0, 1), COMPLEX),
    (np.outer, (V, SHORT), (0, 1), COMPLEX),
    (np.kron, (V, SHORT), (0, 1), COMPLEX),
    (np.kron, (M, N), (0, 1), COMPLEX),
    (np.cross, (SHORT, V[:3]), (0, 1), COMPLEX),
    (np.cross, (M, M + 1.0), (0, 1), COMPLEX),
    (np.diag, (V, 0), (0,), COMPLEX),
    (np.diag, (V, -2), (0,), COMPLEX),
    (np.diag, (M, 1), (0,), COMPLEX),
    (np.trace, (SQUARE, 1), (0,), COMPLEX),
    (np.tril, (SQUARE, -1), (0,), COMPLEX),
    (np.triu, (M, 1), (0,), COMPLEX),
    (np.concatenate, ((V, SHORT, W),), (0,), COMPLEX),
    (np.concatenate, ((M, SQUARE), 1), (0,), COMPLEX),
    (np.concatenate, ((CUBE, CUBE), -1), (0,), COMPLEX),
    (np.stack, ((V, W), 1), (0,), COMPLEX),
    (np.vstack, ((SHORT, M),), (0,), COMPLEX),
    (np.hstack, ((V, SHORT),), (0,), COMPLEX),
    (np.hstack, ((M, SQUARE),), (0,), COMPLEX),
    (np.column_stack, ((M, SQUARE[0]),), (0,), COMPLEX),
    (np.append, (M, V), (0, 1), COMPLEX),
    (np.append, (V, 0.7), (0, 1), COMPLEX),
    (np.repeat, (M, 3), (0,), COMPLEX),
    (np.repeat, (SHORT, np.array([2, 0, 3])), (0,), COMPLEX),
    (np.repeat, (0.7, 3), (0,), COMPLEX),
    (np.full, (5, 0.7), (1,), COMPLEX),
    (np.full_like, (V + 0j, 0.7), (1,), COMPLEX),
    (np.roll, (V, 2), (0,), COMPLEX),
    (np.flip, (M,), (0,), COMPLEX),
    (np.take, (M, np.array([3, 3, 0])), (0,), COMPLEX),
    (np.copy, (M,), (0,), COMPLEX),
    (np.interp, (np.array([-1.0, 0.7, 3.0, 9.0, 0.2]), LINE, V[:4]), (0, 1, 2), REAL),
    (np.interp, (0.7, LINE, V[:4]), (0, 1, 2), REAL),
    (np.trapezoid, (V,), (0,), COMPLEX),
    (np.trapezoid, (V, None, 0.3), (0, 2), COMPLEX),
    (np.trapezoid, (V, W), (0, 1), COMPLEX),
    (np.linspace, (0.3, 2.0, 6), (0, 1), COMPLEX),
    (np.linspace, (0.3, 2.0, 1), (0, 1), COMPLEX),
    (L.solve, (SQUARE, V[:4]), (0, 1), COMPLEX),
    (L.solve, (SQUARE, M), (0, 1), COMPLEX),
    (L.inv, (SQUARE,), (0,), COMPLEX),
    (L.det, (SQUARE,), (0,), COMPLEX),
    (L.slogdet, (SQUARE,), (0,), REAL),
    (L.norm, (V,), (0,), REAL),
    (L.norm, (M,), (0,), REAL),
    (L.norm, (V, 1), (0,), REAL),
    (L.norm, (V, math.inf), (0,), REAL),
    (L.pinv, (M,), (0,), REAL),
    (L.pinv, (N,), (0,), REAL),
    (L.cholesky, (POSITIVE,), (0,), REAL),
    (L.eigh, (POSITIVE,), (0,), REAL),
    (L.eigvalsh, (POSITIVE,), (0,), REAL),
    (L.qr, (M,), (0,), REAL),
]
NOT_COMPILED = (np.inner, np.matmul)  # Numba knows neither, but `@`


def name(case):
    function, args, *_ = case
    shapes = "-".join(str(np.shape(a)) if not isinstance(a, tuple) else "tuple" for a in args)
    return f"{function.__name__} {shapes}"


def leaves(value):
    """Return the numbers and arrays in nested tuples, in order."""
    if isinstance(value, tuple):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def rebuilt(value, new):
    """Return nested tuples with other leaves, taken from an iterator."""
    return tuple(rebuilt(v, new) for v in value) if isinstance(value, tuple) else next(new)


def weights_like(out):
    numbers = np.random.default_rng(3)
    parts = [numbers.normal(size=np.shape(v)) for v in leaves(out)]
    return [p if p.ndim else float(p) for p in parts]


def weighted(function, args, weights):
    """Return the sum of weights times results."""
    out = leaves(as_tuple(function(*args)))
    return sum(np.sum(w * v) for w, v in zip(weights, out, strict=True))


def as_tuple(out):
    return tuple(out) if isinstance(out, tuple) else out


def by_step(function, args, k, index, weights, oracle):
    """Return the derivative by one element of the leaf k of the arguments."""

    def value(h):
        moved = [np.array(v) if np.ndim(v) else v for v in leaves(args)]
        if isinstance(h, complex):
            moved[k] = np.array(moved[k], complex)
        if np.ndim(moved[k]):
            moved[k][index] += h
        else:
            moved[k] = moved[k] + h
        moved = [v[()] if isinstance(v, np.ndarray) and not v.ndim else v for v in moved]
        return weighted(function, rebuilt(args, iter(moved)), weights)

    if oracle == COMPLEX:
        return value(1e-200j).imag / 1e-200
    h = 1e-3
    slopes = [(value(h * s) - value(-h * s)) / (2 * h * s) for s in (1.0, 0.5, 0.25)]
    first = [(4 * slopes[1] - slopes[0]) / 3, (4 * slopes[2] - slopes[1]) / 3]
    return (16 * first[1] - first[0]) / 15


def zeros_for(args, active):
    """Return a shadow for every array at the positions in `active`."""

    def shadow(value, wanted):
        if isinstance(value, tuple):
            return tuple(shadow(v, wanted) for v in value)
        floats = isinstance(value, np.ndarray) and value.dtype.kind in "fc"
        return np.zeros(value.shape) if wanted and floats else None

    return tuple(shadow(value, k in active) for k, value in enumerate(args))


def setting(case):
    """Return the adjoint, and what its backward function needs."""
    function, args, active, _ = case
    known = ADJOINTS[function]
    args = known.bind(args, {})
    out = as_tuple(function(*args)) if function not in (np.var, np.std) else function(args[0])
    weights = weights_like(out)
    return known, args, out, rebuilt(out, iter(weights)), weights, zeros_for(args, active)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_adjoints_are_exact(case):
    function, given, active, oracle = case
    known, args, out, out_bar, weights, bars = setting(case)
    numbers = list(known.backward(out, out_bar, args, bars))
    positions = [k for k in range(len(given)) for _ in leaves(given[k])]
    for k, (position, value, bar) in enumerate(
        zip(positions, leaves(given), leaves(bars[: len(given)]), strict=True)
    ):
        number = position in known.scalars and not isinstance(value, np.ndarray | type(None))
        found = numbers.pop(0) if number else bar
        if position not in active or found is None:
            continue
        wanted = np.zeros(np.shape(value))
        for index in np.ndindex(wanted.shape):
            wanted[index] = by_step(function, given, k, index, weights, oracle)
        tolerance = 1e-13 if oracle == COMPLEX else 1e-9
        if np.isnan(value).any():
            wanted[np.isnan(value)] = 0.0
        scale = max(1.0, np.max(np.abs(wanted)))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)
    assert numbers == [] or known.scalars


def compiled_cases():
    """Return one case a function, or all of them with FASTOPT_ALL_ADJOINTS=1."""
    found = {}
    for case in CASES:
        if case[0] not in NOT_COMPILED and not (len(case[1]) > 1 and case[0] in (np.max, np.mean)):
            found.setdefault(name(case) if ALL else case[0], case)
    return list(found.values())


ALL = os.environ.get("FASTOPT_ALL_ADJOINTS") == "1"


@pytest.mark.parametrize("case", compiled_cases() if ALL else compiled_cases()[::9], ids=name)
def test_compiled_adjoints_are_those_of_python(case, monkeypatch):
    for option in ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE"):
        monkeypatch.setattr(config, option, type(getattr(config, option))(0))
    known, args, out, out_bar, _, bars = setting(case)
    if case[0] is np.full_like:
        args = (V, args[1])
    again = zeros_for(args, case[2])
    numbers = known.backward(out, out_bar, args, bars)
    compiled = numba.njit(no_cfunc_wrapper=True)(known.backward)
    assert compiled(out, out_bar, args, again) == pytest.approx(numbers, rel=1e-13, abs=1e-13)
    for a, b in zip(leaves(again), leaves(bars), strict=True):
        if b is not None:
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_arguments_are_bound_by_name_or_refused():
    known = ADJOINTS[np.sum]
    assert known.bind((V,), {})[1] is None
    assert known.bind((V,), {"axis": 1})[1] == 1
    with pytest.raises(TypeError, match=r"known with \(a, axis\) only, not keepdims"):
        known.bind((V,), {"keepdims": True})
    with pytest.raises(TypeError, match="not 3 arguments"):
        known.bind((V, 0, float), {})
    with pytest.raises(TypeError, match="argument fp is missing"):
        ADJOINTS[np.interp].bind((0.5, V), {})


def test_at_ties_the_first_element_is_chosen():
    a, g = np.array([1.0, 3.0, 3.0, 1.0]), np.zeros(4)
    ADJOINTS[np.max].backward(3.0, 1.0, (a, None), (g, None))
    ADJOINTS[np.min].backward(1.0, 10.0, (a, None), (g, None))
    assert g.tolist() == [10.0, 1.0, 0.0, 0.0]


def test_at_kinks_derivatives_are_the_middle_of_the_slopes():
    a, g = np.zeros(3), np.zeros(3)
    ADJOINTS[L.norm].backward(0.0, 1.0, (a, None), (g, None))
    ADJOINTS[np.std].backward(0.0, 1.0, (a, None, 0), (g, None, None))
    assert g.tolist() == [0.0, 0.0, 0.0]


def test_the_determinant_of_a_singular_matrix_has_cofactors():
    a, g = np.array([[1.0, 2.0], [2.0, 4.0]]), np.zeros((2, 2))
    ADJOINTS[L.det].backward(0.0, 1.0, (a,), (g,))
    np.testing.assert_allclose(g, [[4.0, -2.0], [-2.0, 1.0]], atol=1e-14)


def test_nonfinite_numbers_give_nan_without_an_error():
    for function, size in ((L.solve, (3,)), (L.cholesky, (3, 3)), (L.inv, (3, 3))):
        out, g = np.full(size, math.nan), np.zeros((3, 3))
        args = (np.eye(3), np.ones(3))[: 2 if function is L.solve else 1]
        ADJOINTS[function].backward(out, np.ones(size), args, (g, None)[: len(args)])
        assert np.isnan(np.tril(g)[2, 0])


def test_equal_eigenvalues_have_a_derivative_only_if_the_vectors_do_not_matter():
    adjoint, out = ADJOINTS[L.eigh], (np.ones(3), np.eye(3))
    g, vectors = np.zeros((3, 3)), np.zeros((3, 3))
    adjoint.backward(out, (np.ones(3), vectors), (np.eye(3),), (g,))
    assert g.tolist() == np.eye(3).tolist()
    vectors[1, 0] = 1.0
    adjoint.backward(out, (np.ones(3), vectors), (np.eye(3),), (g,))
    assert np.isnan(g[1, 0])

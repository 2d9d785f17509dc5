"""Linear algebra of what is singular, indefinite or not finite is NaN in compiled objectives."""

import functools

import numpy as np
import pytest
from numba import njit
from problems.objectives import minimize_in_python
from programs import quick

import fastopt
from fastopt.compiling import compiler
from fastopt.derivatives import substitutions

NAN, INF = np.nan, np.inf
GOOD = np.array([[4.0, 1.0], [1.0, 3.0]])
BAD = {
    "nan": np.array([[NAN, 1.0], [1.0, 3.0]]),
    "infinite": np.array([[4.0, INF], [INF, 3.0]]),
    "singular": np.ones((2, 2)),
    "indefinite": np.array([[1.0, 2.0], [2.0, 1.0]]),
}
RAISED = {  # what NumPy or Numba raises for: the rest are numbers
    "nan": "solve inv det cholesky eigvalsh eigh svd qr pinv lstsq matrix_power slogdet cond cond1 "
    "norm2 roots",
    "singular": "solve inv cholesky matrix_power cond1",
    "indefinite": "cholesky",
}
RAISED["infinite"] = RAISED["nan"]


def everything(a, b):
    linalg = np.linalg
    return (
        ("solve", linalg.solve(a, b)),
        ("inv", linalg.inv(a)),
        ("det", linalg.det(a)),
        ("cholesky", linalg.cholesky(a)),
        ("eigvalsh", linalg.eigvalsh(a)),
        ("eigh", linalg.eigh(a)[1]),
        ("svd", linalg.svd(a, full_matrices=False)[1]),
        ("qr", linalg.qr(a)[1]),
        ("pinv", linalg.pinv(a)),
        ("lstsq", linalg.lstsq(a, b)[0]),
        ("matrix_power", linalg.matrix_power(a, -2)),
        ("slogdet", linalg.slogdet(a)[1]),
        ("cond", linalg.cond(a)),
        ("cond1", linalg.cond(a, 1)),
        ("norm2", linalg.norm(a, 2)),
        ("norm", linalg.norm(a)),
        ("roots", np.roots(np.array([a[0, 0], 5.0, 1.0]))),
    ), linalg.matrix_rank(a)


@functools.cache
def compiled(function):
    """`function` as an objective is compiled, to be called from Python."""
    with quick():
        inner, _ = compiler.user(njit(function), substitutions.meanings(None, True))
        return njit(lambda *args: inner(*args))


@pytest.mark.filterwarnings("ignore::numba.NumbaPerformanceWarning")  # matrix_power has it
def test_other_values_are_numpys():
    with quick():
        found, rank = compiled(everything)(GOOD, np.ones(2))
    wanted, _ = everything(GOOD, np.ones(2))
    assert rank == 2
    for (name, one), (_, other) in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.abs(one), np.abs(other), rtol=1e-12, err_msg=name)


@pytest.mark.filterwarnings("ignore::numba.NumbaPerformanceWarning")
@pytest.mark.parametrize("kind", BAD)
def test_what_would_raise_is_nan(kind):
    with quick():
        found, rank = compiled(everything)(BAD[kind], np.ones(2))
    lost = {name for name, value in found if np.isnan(value).any()}
    raised = set(RAISED[kind].split())
    if kind in ("nan", "infinite"):
        assert rank == 0
        lost -= {"norm"}
        if kind == "infinite":
            raised -= {"roots"}
    assert lost == raised


def test_shapes_that_do_not_fit_are_errors():
    def solve(a, b):
        return np.linalg.solve(a, b)

    def inv(a):
        return np.linalg.inv(a)

    def cholesky(a):
        return np.linalg.cholesky(a)

    wide = np.full((2, 3), NAN)
    with quick():
        for function, args in ((solve, (wide, wide[:, 0])), (inv, (wide,)), (cholesky, (wide,))):
            with pytest.raises(np.linalg.LinAlgError, match="square"):
                compiled(function)(*args)
        with pytest.raises(np.linalg.LinAlgError, match="array sizes"):
            compiled(solve)(GOOD, np.full(3, NAN))


def test_element_types_and_layouts():
    def solve(a, b):
        return np.linalg.solve(a, b), np.linalg.det(a)

    for kind in (np.float32, np.complex128):
        a = np.zeros((4, 4), kind)[::2, ::2]
        a[:] = GOOD
        with quick():
            right = compiled(solve)(a, np.eye(2, dtype=kind))
            a[:] = NAN  # in its layout: another one would be compiled anew
            lost = compiled(solve)(a, np.eye(2, dtype=kind))
        for one, other in zip(right, (np.linalg.inv(GOOD), 11.0), strict=True):
            assert one.dtype == kind if np.ndim(one) else True
            np.testing.assert_allclose(one, other, rtol=1e-5)
        assert all(np.isnan(value).all() for value in lost)


@njit
def likelihood(x, y):
    """Of a Gaussian process of two points; not defined for |x[0]| >= 1."""
    covariance = np.array([[1.0, x[0]], [x[0], 1.0]])
    root = np.linalg.cholesky(covariance)
    return np.sum(np.linalg.solve(root, y) ** 2) + 2.0 * np.log(root[0, 0] * root[1, 1])


@njit
def with_gradient(x, y):
    inverse = np.linalg.inv(np.array([[1.0, x[0]], [x[0], 1.0]]))
    r = inverse @ y
    d = -2.0 * r[0] * r[1] + 2.0 * inverse[0, 1]
    return y @ r + np.log(np.linalg.det(np.array([[1.0, x[0]], [x[0], 1.0]]))), np.array([d])


Y = np.array([1.1, 0.7])


def test_a_search_steps_back_from_it():
    """In the compiled loop, and in the interpreter's, which has one text with it."""
    inner = compiled(likelihood.py_func)
    cases = ((lambda x, y: inner(x, y), "2-point"), (with_gradient, True))
    for fun, jac in cases:
        res = fastopt.minimize(fun, [0.9], (Y,), jac=jac)
        assert res.success
        roots = np.roots([1.0, -Y[0] * Y[1], Y @ Y - 1.0, -Y[0] * Y[1]])
        assert res.x[0] == pytest.approx(roots[np.abs(roots.imag) < 1e-9].real[0], abs=1e-5)
        res = fastopt.minimize(fun, [1.0], (Y,), jac=jac)
        assert res.status == -1
        assert "not finite" in res.message


def test_one_of_a_batch_is_a_status():
    rows = np.stack([Y, [NAN, 1.0], Y])
    res = fastopt.minimize_batch(with_gradient, [0.5], rows, jac=True)
    assert res.status.tolist()[1] == -1
    assert res.success.tolist() == [True, False, True]
    assert not getattr(res, "errors", None)


def test_data_alone_beside_derivatives():
    @njit
    def fun(x, a, y):
        return np.sum((np.linalg.solve(a, y) - x) ** 2)

    derived = fastopt.value_and_grad(fun, size=2)
    f, g = derived(np.zeros(2), GOOD, np.ones(2))
    assert f == pytest.approx(np.sum(np.linalg.solve(GOOD, np.ones(2)) ** 2), rel=1e-14)
    f, g = derived(np.zeros(2), np.ones((2, 2)), np.ones(2))
    assert np.isnan([f, *g]).all()
    assert minimize_in_python(derived, [0.0, 0.0], (np.ones((2, 2)), np.ones(2))).status == -1

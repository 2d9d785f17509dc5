"""`jac` as "forward", "reverse" or "autodiff" in every function that derives gradients."""

import math

import numba
import numpy as np
import pytest

import fastopt
from fastopt.drivers import objective_bindings

N = 24
DATA = np.random.default_rng(2).normal(size=(60, N)), np.random.default_rng(3).normal(size=60)


@numba.njit
def valley(x, a):
    total = 0.0
    for i in range(x.size - 1):
        total += a * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


@numba.njit
def row_loss(w, features, label):
    z = 0.0
    for j in range(w.size):
        z += w[j] * features[j]
    return math.log1p(math.exp(-label * z))


@numba.njit
def refused(x):
    total = 0.0
    for i in range(x.size):
        total += abs(complex(x[i], 1.0)) + x[i] ** 2
    return total


@pytest.fixture(scope="module")
def solved():
    """The results of `minimize` in each mode, for the same start."""
    start = np.linspace(-0.5, 1.2, N)
    brief = {"maxiter": 0}
    return {
        jac: fastopt.minimize(valley, start, (5.0,), jac=jac, options=brief)
        for jac in (None, "autodiff", "forward", "reverse")
    }


def test_minimize_takes_reverse_mode_for_many_parameters(solved):
    modes = {jac: res.jac_method for jac, res in solved.items()}
    assert modes == {
        None: "reverse",
        "autodiff": "reverse",
        "forward": "forward",
        "reverse": "reverse",
    }
    for res in solved.values():
        np.testing.assert_allclose(res.jac, solved["forward"].jac, rtol=1e-13, atol=1e-13)
        assert (res.nfev, res.njev) == (1, 1)


def test_minimize_takes_forward_mode_for_few():
    found = fastopt.minimize(valley, np.zeros(3), (5.0,))
    assert (found.jac_method, found.success) == ("forward", True)


def test_batches_and_threads():
    starts = np.random.default_rng(1).normal(size=(30, N))
    found = fastopt.minimize_batch(valley, starts, args=(5.0,), workers=2)
    assert found.jac_method == "reverse"
    alone = fastopt.minimize(valley, starts[7], (5.0,))
    assert found.x[7].tolist() == alone.x.tolist()


def test_mini_batches():
    labels = np.sign(DATA[1])
    results = [
        fastopt.minimize_stochastic(
            row_loss, np.zeros(N), (DATA[0], labels), jac=jac, epochs=2, seed=4
        )
        for jac in (None, "forward")
    ]
    assert [res.jac_method for res in results] == ["reverse", "forward"]
    np.testing.assert_allclose(results[0].x, results[1].x, rtol=1e-12)


def test_compiled_value_and_gradient():
    slope, x = fastopt.value_and_grad(valley), np.linspace(-0.5, 1.2, N)
    wanted = fastopt.value_and_grad(valley, jac="forward")(x, 5.0)

    @numba.njit
    def from_compiled_code(x, a):
        return slope(x, a)

    for found in (slope(x, 5.0), from_compiled_code(x, 5.0)):
        assert found[0] == pytest.approx(wanted[0], rel=1e-14)
        np.testing.assert_allclose(found[1], wanted[1], rtol=1e-13, atol=1e-13)
    g = slope(x[:2], 5.0)[1]
    np.testing.assert_allclose(g, from_compiled_code(x[:2], 5.0)[1])
    with pytest.raises(ValueError, match="x is empty"):
        from_compiled_code(x[:0], 5.0)
    with pytest.raises(ValueError, match="'backward'; it must be 'autodiff'"):
        fastopt.value_and_grad(valley, jac="backward")


def test_comparison_with_differences():
    x = np.linspace(-0.5, 1.2, N)
    for jac in (None, "reverse"):
        assert fastopt.compare_grad(valley, x, (5.0,), jac=jac).success


def test_what_has_no_reverse_is_an_error_that_names_the_line():
    with pytest.raises(TypeError, match="cannot be differentiated in reverse: line") as info:
        fastopt.minimize(refused, np.ones(N), jac="reverse")
    assert "abs(complex(x[i], 1.0))" in str(info.value)
    assert "jac='forward'" in str(info.value)
    with pytest.raises(numba.TypingError, match="cannot be differentiated in reverse"):
        fastopt.value_and_grad(refused, jac="reverse")(np.ones(N))


def test_a_gpu_has_forward_mode_only():
    assert objective_bindings.for_device(None) == "forward"
    assert objective_bindings.for_device("2-point") == "2-point"
    with pytest.raises(ValueError, match="jac='reverse' does not run on a GPU"):
        objective_bindings.for_device("reverse")

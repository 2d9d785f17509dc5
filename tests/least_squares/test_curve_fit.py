"""`curve_fit` against SciPy's: parameters, covariances, data that are left out, bad input."""

import math

import numba
import numpy as np
import pytest
import scipy.optimize

import fastopt

RNG = np.random.default_rng(4)
T = np.linspace(0.1, 4, 40)


def decay(t, a, b, c):
    return a * np.exp(-b * t) + c


def peak(t, a, m, s):
    return a * np.exp(-0.5 * ((t - m) / s) ** 2)


def line(t, a, b):
    return a + b * t


def power(t, a, b):
    return a * t**b


def wave(t, a, w, phase):
    return a * np.sin(w * t + phase)


def plane(xy, a, b, c):
    x, y = xy
    return a + b * x + c * np.exp(-y)


CURVES = {
    "decay": (decay, T, (3.0, 1.2, 0.4), (1.0, 1.0, 0.0)),
    "peak": (peak, T, (5.0, 2.1, 0.4), (4.0, 1.9, 0.5)),
    "line": (line, T, (1.0, -2.0), None),
    "power": (power, T, (2.0, 0.7), None),
    "wave": (wave, T, (1.5, 2.0, 0.3), (1.0, 1.9, 0.5)),
    "plane": (plane, np.stack([T, np.cos(T)]), (1.0, 2.0, 3.0), None),
}
JITTED = {name: numba.njit(case[0]) for name, case in CURVES.items()}
SIGMA = 0.05 + 0.02 * np.cos(T) ** 2
CORRELATED = 0.003 * np.exp(-3.0 * np.abs(T[:, None] - T)) + 1e-3 * np.eye(T.size)
WAYS = {
    "plain": {},
    "sigma": {"sigma": SIGMA},
    "absolute": {"sigma": SIGMA, "absolute_sigma": True},
    "bounds": {"bounds": (-5.0, 20.0)},
}


def data_of(name):
    f, x, p, p0 = CURVES[name]
    noise = np.random.default_rng(len(name)).normal(0, 0.05, T.size)
    return f, x, f(x, *p) + noise, p0


def agree(ours, theirs, tolerance=1e-6):
    # SciPy stops at a relative reduction of 1e-8, so its parameters have fewer digits.
    (p, cov), (p_scipy, cov_scipy) = ours, theirs
    stderr = np.sqrt(np.diag(cov_scipy))
    np.testing.assert_allclose(p, p_scipy, rtol=0, atol=1e-4 * stderr.max() + 1e-7)
    scale = np.sqrt(np.outer(np.diag(cov_scipy), np.diag(cov_scipy)))
    assert np.max(np.abs(cov - cov_scipy) / scale) < tolerance


# Two curves are compiled, too: the code of the others differs in the model alone.
GIVEN = [(name, case[0]) for name, case in CURVES.items()]
GIVEN += [(name, JITTED[name]) for name in ("decay", "plane")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "given"), GIVEN)
def test_covariances_are_scipys(name, given, way):
    f, x, y, p0 = data_of(name)
    ours = fastopt.curve_fit(given, x, y, p0, **WAYS[way])
    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}
    agree(ours, scipy.optimize.curve_fit(f, x, y, p0, **WAYS[way], **tight))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("given", [decay, JITTED["decay"]])
def test_correlated_errors(given, absolute):
    f, x, y, p0 = data_of("decay")
    ways = {"sigma": CORRELATED, "absolute_sigma": absolute}
    agree(
        fastopt.curve_fit(given, x, y, p0, **ways),
        scipy.optimize.curve_fit(f, x, y, p0, **ways, ftol=1e-15, xtol=1e-15),
    )


@pytest.mark.parametrize(
    ("given", "loss"),
    [(decay, loss) for loss in ("soft_l1", "huber", "cauchy", "arctan")]
    + [(JITTED["decay"], loss) for loss in ("soft_l1", "cauchy")],
)
def test_robust_losses(given, loss):
    f, x, y, p0 = data_of("decay")
    y[::7] += 0.4
    ways = {"loss": loss, "f_scale": 0.1}
    tight = {"method": "trf", "ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "jac": "3-point"}
    ours = fastopt.curve_fit(given, x, y, p0, **ways)
    agree(ours, scipy.optimize.curve_fit(f, x, y, p0, **ways, **tight), 2e-6)


def test_full_output_and_message():
    f, x, y, p0 = data_of("peak")
    *_, told, message, ier = fastopt.curve_fit(f, x, y, p0, full_output=True)
    np.testing.assert_allclose(told["fvec"] @ told["fvec"], np.sum(told["fvec"] ** 2))
    assert ier in (1, 2, 3, 4)
    assert "Converged" in message
    assert told["nfev"] < 60


def test_start_is_scipys_if_none_is_given():
    f, x, y, _ = data_of("line")
    seen = []

    def spied(t, a, b):
        seen.append((a, b))
        return f(t, a, b)

    fastopt.curve_fit(spied, x, y)
    assert seen[0] == (1.0, 1.0)
    seen.clear()
    fastopt.curve_fit(spied, x, y, bounds=([0, -np.inf], [4, 5]))
    assert seen[0] == (2.0, 4.0)


def test_points_that_are_nan_are_left_out():
    f, x, y, p0 = data_of("decay")
    y[[3, 8]], kept = np.nan, np.isfinite(y)
    kept[[3, 8]] = False
    ours = fastopt.curve_fit(f, x, y, p0, sigma=SIGMA, nan_policy="omit")
    alone = fastopt.curve_fit(f, x[kept], y[kept], p0, sigma=SIGMA[kept])
    np.testing.assert_array_equal(ours[0], alone[0])
    np.testing.assert_array_equal(ours[1], alone[1])
    with pytest.raises(ValueError, match="NaN"):
        fastopt.curve_fit(f, x, y, p0, nan_policy="raise")
    with pytest.raises(ValueError, match="NaN"):
        fastopt.curve_fit(f, x, y, p0)


@numba.njit
def centred(t, a, b):
    return a + b * (t - np.mean(t))


def test_models_that_look_at_all_points_are_not_called_point_by_point():
    model = centred
    y = model.py_func(T, 1.0, 2.0) + 0.01 * np.cos(30 * T)
    ours = fastopt.curve_fit(model, T, y, [0.5, 0.0])
    agree(ours, scipy.optimize.curve_fit(model.py_func, T, y, [0.5, 0.0]))


def test_models_that_return_one_number():
    with pytest.warns(scipy.optimize.OptimizeWarning):
        p, _ = fastopt.curve_fit(numba.njit(lambda t, a, b: a), T, np.cos(T))
    np.testing.assert_allclose(p[0], np.mean(np.cos(T)), rtol=1e-10)
    with pytest.raises(ValueError, match="for each point"):
        fastopt.curve_fit(numba.njit(lambda t, a, b: a * np.mean(t)), T, np.cos(T))


@numba.njit
def two_lines(t, a, b):
    return a * t if t < 2.0 else 2.0 * a * math.exp(b * (t - 2.0))


def test_compiled_models_of_one_number():
    y = np.array([two_lines.py_func(t, 1.5, -0.7) for t in T]) + 0.01 * np.cos(30 * T)
    p, cov = fastopt.curve_fit(two_lines, T, y)
    arrays = np.vectorize(two_lines.py_func)
    agree((p, cov), scipy.optimize.curve_fit(arrays, T, y, [1.0, 1.0], ftol=1e-15, xtol=1e-15))
    res = fastopt.curve_fit_batch(two_lines, T, y[None], [1.0, 1.0])
    np.testing.assert_array_equal(res.x[0], p)


def test_undetermined_parameters_have_infinite_errors():
    with pytest.warns(scipy.optimize.OptimizeWarning):
        p, cov = fastopt.curve_fit(lambda t, a, b, c: a + b + c * t, T, 2.0 * T + np.cos(T))
    assert np.isinf(cov[0, 0])
    assert np.isinf(cov[1, 1])
    assert np.isfinite(cov[2, 2])
    assert np.isfinite(p).all()
    with pytest.warns(scipy.optimize.OptimizeWarning):
        _, cov = fastopt.curve_fit(line, T[:2], [1.0, 2.0])  # no degrees of freedom
    assert np.isinf(np.diag(cov)).all()


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_a_start_at_zero_finds_its_unit(unit):
    # A step of 1e-8 from zero changes no curve of size 1e12.
    f, x, y, _ = data_of("decay")
    p, cov = fastopt.curve_fit(f, x, y * unit, [unit, 1.0, 0.0])
    scale = np.array([unit, 1.0, unit])
    tight = {"ftol": 1e-15, "xtol": 1e-15}
    wanted = scipy.optimize.curve_fit(f, x, y, [1.0, 1.0, 0.0], **tight)
    agree((p / scale, cov / np.outer(scale, scale)), wanted)


def test_a_fit_that_fails_raises():
    f, x, y, p0 = data_of("decay")
    with pytest.raises(RuntimeError, match="maxfev"):
        fastopt.curve_fit(f, x, y, p0, options={"maxfev": 2})
    with pytest.raises(ValueError, match="not finite at p0"):
        fastopt.curve_fit(lambda t, a: np.log(-a * t), T, T)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"sigma": 0 * T}, ValueError, "positive"),
        ({"sigma": -SIGMA}, ValueError, "positive"),
        ({"sigma": SIGMA[:-1]}, ValueError, "shape"),
        ({"sigma": np.ones((T.size, 3))}, ValueError, "shape"),
        ({"sigma": -CORRELATED}, ValueError, "positive definite"),
        ({"sigma": CORRELATED + np.triu(CORRELATED, 1)}, ValueError, "symmetric"),
        ({"sigma": CORRELATED * np.nan}, ValueError, "finite"),
        ({"p0": [1.0, 1.0]}, TypeError, "2 parameters: missing"),
        ({"p0": [1.0, 1.0], "f": JITTED["decay"]}, TypeError, "2 parameters: missing"),
        ({"p0": ["1", "1", "0"]}, TypeError, "p0 has dtype"),
        ({"f": lambda t, *p: t * 1j}, TypeError, "complex"),
        ({"f": lambda t, *p: np.ma.masked_less(t, 2.0)}, TypeError, "masked"),
        ({"xdata": np.ma.masked_less(T, 2.0)}, TypeError, "xdata is masked"),
        ({"ydata": np.ma.masked_less(T, 2.0)}, TypeError, "ydata is masked"),
        ({"sigma": np.ma.masked_less(T, 2.0)}, TypeError, "sigma is masked"),
        ({"diff_step": 1e-3}, TypeError, "finite_diff_rel_step"),
        ({"bounds": (1.0, -1.0)}, ValueError, "low above high"),
        ({"bounds": (5.0, 6.0)}, ValueError, "outside its bounds"),
        ({"bounds": ([0, 1], [2, 3])}, ValueError, "each a number or one for each"),
        ({"bounds": ([0, 1, 0], [2, 3])}, ValueError, r"arrays of shapes \(3,\) and \(2,\)"),
        ({"bounds": [(0, None)] * 3}, ValueError, "are pairs, one for each parameter"),
        ({"bounds": "positive"}, ValueError, "bounds = 'positive'; they"),
        ({"p0": [1.0, np.nan, 1.0]}, ValueError, "not finite"),
        ({"p0": [[1.0, 1.0, 1.0]]}, ValueError, "vector"),
        ({"f": 3}, TypeError, "function"),
        ({"f": lambda t, *p: t, "p0": None}, ValueError, "give p0"),
        ({"ydata": T[:-1]}, ValueError, "shape"),
        ({"ydata": []}, ValueError, "not empty"),
        ({"ydata": T[:, None]}, ValueError, "curve_fit_batch fits many"),
        ({"ydata": T * 1j}, TypeError, "real numbers"),
        ({"ydata": T * np.nan}, ValueError, "NaN"),
        ({"ydata": T * np.nan, "nan_policy": "omit"}, ValueError, "all points"),
        ({"nan_policy": "drop"}, ValueError, "nan_policy"),
        ({"loss": "square"}, ValueError, "loss"),
        ({"f_scale": 0.0}, ValueError, "positive"),
        ({"method": "lm"}, ValueError, "unknown method 'lm': leave it out"),
        ({"jac": "newton"}, ValueError, "jac"),
        ({"jac": lambda t, *p: np.ones((3, 3))}, ValueError, "points by parameters"),
        ({"options": {"learning_rate": 0.1}}, ValueError, "no meaning"),
        ({"options": {"max_nfev": 5}}, ValueError, "max_nfev"),
    ],
)
def test_bad_input(change, error, said):
    f, x, y, p0 = data_of("decay")
    with pytest.raises(error, match=said):
        fastopt.curve_fit(**{"f": f, "xdata": x, "ydata": y, "p0": p0, **change})

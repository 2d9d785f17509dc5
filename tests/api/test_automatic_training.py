"""`minimize_stochastic` without a learning rate: against NumPy, in any units, and its ends."""

import numpy as np
import pytest
from test_minimize_stochastic import ROWS, X0, A, B, adding, shuffled

import fastopt
from fastopt.algorithms.training.distance_rate import DistanceRate, gone_too_far

EPOCHS, BATCH = 6, 8


def gradient(x, a, b):
    """Return loss and gradient of logistic regression, of the rows of a mini-batch."""
    e = np.exp(-b * (a @ x))
    return np.mean(np.log1p(e)), (-b * e / (1.0 + e)) @ a / len(b)


class RMSProp:
    def __init__(self, n):
        self.v = np.zeros(n)

    def __call__(self, g, t):
        self.v = 0.9 * self.v + (1.0 - 0.9) * (g * g)
        d = np.sqrt(self.v + 1e-30)
        return g / d, d


class Adam(RMSProp):
    m: object = 0.0

    def __call__(self, g, t):
        self.m = 0.9 * self.m + (1.0 - 0.9) * g
        self.v = 0.999 * self.v + (1.0 - 0.999) * (g * g)
        d = np.sqrt(self.v / (1.0 - 0.999**t)) + 1e-15
        return self.m / (1.0 - 0.9**t) / d, d


class SGD(RMSProp):
    def __call__(self, g, t):
        return g, np.ones_like(g)


def reference(rule, a, b, x0, seed, decay=0.0):
    """Return the points after each step, from the equations of `distance_rate`."""
    x, take, rng = x0.copy(), rule(x0.size), np.random.default_rng(seed)
    steps = EPOCHS * -(-len(b) // BATCH)
    points, t, order = [x0], 0, list(range(len(b)))
    distance = gain = u2 = r2 = 0.0
    trace = np.zeros_like(x0)
    for _ in range(EPOCHS):
        shuffled(order, rng.integers(2**64, dtype=np.uint64))
        for first in range(0, len(b), BATCH):
            rows = order[first : first + BATCH]
            f, g = gradient(x, a[rows], b[rows])
            share, t = 1.0 - t / steps, t + 1
            if distance == 0.0:
                distance = 1e-2 * abs(f) / np.abs(g).sum()
            u, d = take(g, t)
            u2, r2 = u2 + np.mean(u * u), r2 + np.mean((g / d) ** 2)
            # Weights are share times distance: here the sums are scaled when the distance grows.
            gain = 0.9995 * gain + share * distance * (g @ (x0 - x))
            trace = 0.9995 * trace + share * distance * g
            distance = max(distance, gain / np.abs(trace).sum())
            eta = share * distance / np.sqrt(max(u2, r2) / t)
            x = x - share * distance * decay * x - eta * u
            points.append(x)
    return points


@pytest.mark.parametrize(
    ("method", "rule", "decay"), [("rmsprop", RMSProp, 0.1), ("adam", Adam, 0.0), ("sgd", SGD, 0.0)]
)
def test_against_numpy(method, rule, decay):
    points = []
    res = fastopt.minimize_stochastic(
        adding,
        X0,
        (A, B),
        jac="add",
        method=method,
        seed=3,
        batch_size=BATCH,
        epochs=EPOCHS,
        callback=lambda xk: points.append(xk),
        options={"weight_decay": decay},
    )
    every = -(-ROWS // BATCH)
    wanted = reference(rule, A, B, X0, 3, decay)[every::every]
    np.testing.assert_allclose(points, wanted, rtol=1e-9, atol=1e-13)
    assert res.success
    assert 0.01 < res.distance < 1.0


def noisy(x, row, unit, size):
    """A bowl around the mean of the rows, in any units of f and of x."""
    d = x / size - row
    return unit * np.sum(d * d)


RNG = np.random.default_rng(0)
BOWL = np.array([3.0, -2.0, 0.5]) + 0.3 * RNG.normal(size=(400, 3))


def fit(x0=(0.0, 0.0, 0.0), unit=1.0, size=1.0, fun=noisy, data=BOWL, **how):
    x0, how = np.asarray(x0) * size, {"epochs": 10, "seed": 1, **how}
    return fastopt.minimize_stochastic(fun, x0, data, (unit, size), **how)


@pytest.mark.parametrize("method", fastopt.methods())
def test_the_mean_is_found_with_every_rule(method):
    res = fit(method=method, epochs=40)
    np.testing.assert_allclose(res.x, BOWL.mean(axis=0), atol=0.05)
    assert res.nit == 520
    assert res.status == 8


@pytest.mark.parametrize("method", ["adadelta", "adagrad", "sgd"])
def test_a_decay_does_not_depend_on_the_size_of_the_rule_s_steps(method):
    """Those of adadelta are so small that the rate was huge, and any decay held x at zero."""
    res = fit(method=method, epochs=40, options={"weight_decay": 1e-4})
    np.testing.assert_allclose(res.x, BOWL.mean(axis=0), atol=0.01)


def test_units_do_not_matter():
    wanted = fit().x
    for unit in (1e-18, 1e-12, 1e12, 1e18):
        np.testing.assert_allclose(fit(unit=unit).x, wanted, rtol=1e-6)
    for size in (1e-12, 1e12):
        np.testing.assert_allclose(fit(size=size).x / size, wanted, rtol=1e-6)
        np.testing.assert_allclose(fit(size=size, unit=1.0 / size).x / size, wanted, rtol=1e-6)


def test_other_starts_and_constants():
    mean = BOWL.mean(axis=0)
    for x0 in ([1e3, -1e3, 10.0], mean, [1e-9, -1e-9, 0.0]):
        np.testing.assert_allclose(fit(x0, epochs=30).x, mean, atol=0.05)

    def lifted(x, row, unit, size):
        return noisy(x, row, unit, size) + 1e6

    np.testing.assert_allclose(fit(fun=lifted, epochs=20).x, mean, atol=0.02)


def test_float32():
    res = fastopt.minimize_stochastic(
        noisy, np.zeros(3, np.float32), BOWL.astype(np.float32), (1.0, 1.0), seed=1
    )
    assert res.x.dtype == np.float32
    np.testing.assert_allclose(res.x, fit().x, rtol=1e-5)


def explosive(x, row, y):
    """Poisson regression in a unit in which a step that is a little too long overflows."""
    z = np.dot(row, x)
    return np.exp(z) - y * z


def test_a_run_that_goes_too_far_begins_again():
    rng, truth = np.random.default_rng(9), np.array([0.02, -3.0, 0.5])
    features = rng.normal(size=(2000, 3)) * [30.0, 0.1, 1.0]
    counts = rng.poisson(np.exp(features @ truth)).astype(float)
    for method in ("sgd", "adam", "rmsprop"):
        res = fastopt.minimize_stochastic(
            explosive, np.zeros(3), (features, counts), method=method, seed=0, epochs=30
        )
        assert res.success, method
        assert np.isfinite(res.loss).all(), method
        if method != "sgd":
            np.testing.assert_allclose(res.x, truth, atol=0.4)


def test_losses_that_leave_their_range_twice_begin_again():
    """One mini-batch may be an outlier; x that comes nearer to x0 again has not gone too far."""
    away, back = (1.0, 1.0, 0.0, 0.0, 0.0), (-1.0, 1.0, 0.0, 0.0, 0.0)

    def told(*losses, sums=away, steps=20.0):
        found = np.array(DistanceRate(steps=steps, top=2.0, bottom=1.0))  # its range is 1
        return [gone_too_far(found, f, sums) for f in losses]

    assert told(6.5, 6.5) == [False, True]
    assert told(5.5, 5.5) == [False, False]  # below the largest and four ranges
    assert told(6.5, 1.5, 6.5) == [False, False, False]
    assert told(6.5, 6.5, sums=back) == [False, False]
    assert told(6.5, 6.5, steps=3.0) == [False, False]  # the range is not known yet
    assert told(2.5, sums=away, steps=1.0) == [True]  # the first step was too long
    assert told(1.5, sums=away, steps=1.0) == [False]


def test_rows_that_are_not_finite_end_the_run():
    rows = BOWL.copy()
    rows[17] = np.nan
    res = fit(data=rows)
    assert res.status == -1
    assert not res.success
    assert np.isfinite(res.x).all()
    res = fit(data=np.where(rows == rows, np.inf, 0.0))
    assert res.status == -1
    assert res.nit == 0


def chosen(x, row, label):
    return (x[label] - row[0]) ** 2


def test_labels_that_are_indices():
    """Compiled code would read what lies behind x."""
    labels = np.arange(400) % 3
    for k, wrong in ((150, 3), (77, -4)):
        bad = labels.copy()
        bad[k] = wrong
        stream = [(BOWL[:4], labels[:4]), (BOWL[k:][:4], bad[k:][:4])]
        for data, where in (
            ((BOWL, bad), f"in row {k} of the data"),
            (iter(stream), "in row 0 of"),
        ):
            how = {"options": {"maxiter": 20}} if where[-2:] == "of" else {}
            with pytest.raises(IndexError, match=rf"outside x, of shape \(3,\), .* {where}"):
                fastopt.minimize_stochastic(chosen, np.zeros(3), data, **how)
        with pytest.raises(IndexError, match=f"in problem {k}"):
            fastopt.minimize_batch(chosen, np.zeros(3), (BOWL, bad))


def test_validation_rows_of_another_type_and_without_a_loss():
    held = BOWL[:40].astype(np.float32)
    res = fit(validation=held)
    np.testing.assert_array_equal(res.x, fit(validation=held.astype(float)).x)
    res = fit(validation=np.full((5, 3), np.nan))
    assert res.best_epoch == 0
    assert "No validation loss was finite" in res.message


def test_nothing_to_do():
    """At a minimum of all rows x stays; so does a parameter without influence."""
    still = np.broadcast_to(np.array([1.0, 2.0, 3.0]), (50, 3)).copy()
    res = fit([1.0, 2.0, 3.0], data=still)
    np.testing.assert_array_equal(res.x, [1.0, 2.0, 3.0])
    assert res.success

    def first_only(x, row, unit, size):
        return (x[0] - row[0]) ** 2

    res = fit([0.0, 5.0, 7.0], fun=first_only)
    np.testing.assert_array_equal(res.x[1:], [5.0, 7.0])
    assert abs(res.x[0] - BOWL[:, 0].mean()) < 0.05


def test_limits_of_steps_end_the_fall_of_the_rate():
    res = fit(options={"maxiter": 60})
    assert res.status == 1
    assert res.nit == 60
    np.testing.assert_allclose(res.x, BOWL.mean(axis=0), atol=0.05)


def test_a_given_rate_is_used_as_it_is():
    res = fit(options={"learning_rate": 0.01})
    assert "distance" not in res
    assert np.abs(res.x - BOWL.mean(axis=0)).max() > 0.5  # 130 steps of 0.01 do not reach it

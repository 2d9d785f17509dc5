"""Examples of many parameters: the smoothed photograph, and the heated wall."""

import pathlib
import sys

import matplotlib.pyplot as plt
import numpy as np
from problems.objectives import minimize_in_python

import fastopt

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
import denoise
import heating


def slope_by_hand(u, noisy, weight, rounded):
    """Return the gradient of `denoise.roughness`."""
    down, right = np.zeros_like(u), np.zeros_like(u)
    down[:-1], right[:, :-1] = np.diff(u, axis=0), np.diff(u, axis=1)
    length = np.sqrt(down**2 + right**2 + rounded**2)
    down, right = down / length, right / length
    g = -down - right
    g[1:] += down[:-1]
    g[:, 1:] += right[:, :-1]
    return u - noisy + weight * g


def test_a_photograph_is_smoothed(tmp_path):
    image, noisy = denoise.load(24)
    ours, theirs = denoise.denoise(noisy), denoise.by_scipy(noisy)
    assert ours.jac_method == "reverse"
    assert ours.success, ours.message
    np.testing.assert_allclose(ours.fun, theirs.fun, rtol=1e-9)
    assert denoise.error(image, ours.x) < 0.4 * denoise.error(image, noisy)

    slope = fastopt.value_and_grad(denoise.roughness)
    how = noisy, denoise.WEIGHT, denoise.ROUNDED
    np.testing.assert_allclose(slope(image, *how)[1], slope_by_hand(image, *how), atol=1e-13)

    fig = denoise.draw(image, noisy, ours.x)
    fig.savefig(tmp_path / "denoise.png")
    plt.close(fig)
    assert (tmp_path / "denoise.png").stat().st_size > 10_000


def test_a_wall_without_radiation_is_heated_as_linear_algebra_does(tmp_path):
    """Without radiation the temperatures are linear in the powers, and the cost quadratic."""
    steps = 30
    (wanted, spread, _, weight), start = heating.setting(steps)
    ends = [heating.temperatures(p, wanted, spread, 0.0)[-1] for p in np.eye(steps)]
    by_power, change = np.transpose(ends), np.eye(steps) - np.eye(steps, k=-1)
    normal = by_power.T @ by_power / wanted.size + weight * (np.eye(steps) + change.T @ change)
    exact = np.linalg.solve(normal, by_power.T @ wanted / wanted.size)

    slope = fastopt.value_and_grad(heating.cost)
    found = minimize_in_python(slope, start, (wanted, spread, 0.0, weight))
    assert found.success, found.message
    assert found.fun <= heating.cost(exact, wanted, spread, 0.0, weight) * (1.0 + 1e-6)
    g = slope(exact, wanted, spread, 0.0, weight)[1]
    np.testing.assert_allclose(g, 0.0, atol=1e-12)
    g = slope(start, wanted, spread, 0.0, weight)[1]
    np.testing.assert_allclose(g, 2.0 * (normal @ start - normal @ exact), atol=1e-13)

    fig = heating.draw(found, steps)
    fig.savefig(tmp_path / "heating.png")
    plt.close(fig)
    assert (tmp_path / "heating.png").stat().st_size > 10_000

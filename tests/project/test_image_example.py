"""The smoothed photograph, as in ``examples/denoise.py``, beside SciPy's solver."""

import pathlib
import sys

import matplotlib.pyplot as plt
import numpy as np

import fastopt

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
import denoise


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

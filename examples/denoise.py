"""A noisy photograph, smoothed
============================

Usage::

    python denoise.py                   # the picture goes to examples/pictures
    python denoise.py --output pictures
    python denoise.py --size 60         # rows of the image; it has 427

Each pixel is a parameter. Minimised is half the squared distance to the noisy image plus a weight
times the total variation, the sum of the lengths of the differences to the pixels below and to the
right (Rudin, Osher and Fatemi 1992). The lengths are rounded at zero, so that they have a slope.

The objective is a plain loop over the pixels. Its gradient is derived, in reverse mode, and costs
little more than the objective itself. The script prints the time and the evaluations beside those
of SciPy's L-BFGS-B, with the same gradient and with differences, and draws ``denoise.png``. It
needs scikit-learn, for its photograph, and matplotlib.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize
from numba import njit
from sklearn.datasets import load_sample_image

import fastopt

HERE = Path(__file__).resolve().parent
NOISE, WEIGHT, ROUNDED = 0.1, 0.08, 0.01  # of grey values from 0 to 1


def load(rows):
    """Return a grey photograph with so many rows, at most 427, and the noisy one."""
    grey = load_sample_image("china.jpg").mean(axis=2) / 255.0
    image = grey[:rows, : rows * 3 // 2]
    return image, image + np.random.default_rng(0).normal(0.0, NOISE, image.shape)


@njit
def roughness(u, noisy, weight, rounded):
    """Return the distance to the noisy image plus the weighted total variation."""
    rows, columns = u.shape
    total = 0.0
    for i in range(rows):
        for j in range(columns):
            down = u[i + 1, j] - u[i, j] if i + 1 < rows else 0.0
            right = u[i, j + 1] - u[i, j] if j + 1 < columns else 0.0
            total += 0.5 * (u[i, j] - noisy[i, j]) ** 2
            total += weight * (np.sqrt(down**2 + right**2 + rounded**2) - rounded)
    return total


def denoise(noisy):
    """Return the result for a noisy image."""
    return fastopt.minimize(roughness, noisy, (noisy, WEIGHT, ROUNDED))


def by_scipy(noisy, maxiter=1000):
    """Return the result of L-BFGS-B with the derived gradient."""
    slope = fastopt.value_and_grad(roughness)

    def both(u):
        f, g = slope(u.reshape(noisy.shape), noisy, WEIGHT, ROUNDED)
        return f, g.ravel()

    options = {"maxiter": maxiter, "ftol": 1e-14, "gtol": 1e-6}
    return scipy.optimize.minimize(
        both, noisy.ravel(), jac=True, method="L-BFGS-B", options=options
    )


def error(image, other):
    """Return the root mean square of the difference."""
    return np.sqrt(np.mean((image - other) ** 2))


def timed(function, *args):
    """Return the result of a call, and its seconds; a call before it compiles."""
    function(*args)
    begin = time.perf_counter()
    return function(*args), time.perf_counter() - begin


def report(image, noisy):
    """Print what each solver takes; return our result."""
    print(f"{image.size:,} parameters; error of the noisy image {error(image, noisy):.4f}")
    print(f"  {'':34}{'objective':>12}{'error':>9}{'evaluations':>13}{'time':>10}")

    def line(who, res, evaluations, seconds):
        found = error(image, res.x.reshape(image.shape))
        print(f"  {who:34}{res.fun:12.4f}{found:9.4f}{evaluations:13,}{seconds:8.2f} s")

    ours, seconds = timed(denoise, noisy)
    line("fastopt", ours, ours.nfev, seconds)
    theirs, seconds = timed(by_scipy, noisy)
    line("L-BFGS-B, the same gradient", theirs, theirs.nfev, seconds)
    _, one = timed(roughness, noisy, noisy, WEIGHT, ROUNDED)
    # Differences take an evaluation for each pixel and gradient: too long to run.
    count = theirs.nfev * (image.size + 1)
    print(f"  {'L-BFGS-B, differences (estimated)':34}{'':21}{count:13,}{count * one:8.0f} s")
    return ours


def draw(image, noisy, smooth):
    """Draw the photograph, the noisy one, and the smoothed one."""
    fig, axes = plt.subplots(1, 3, figsize=(12, 3.05), layout="constrained")
    titles = (
        "photograph",
        f"noisy: error {error(image, noisy):.3f}",
        f"smoothed: error {error(image, smooth):.3f}",
    )
    for ax, title, shown in zip(axes, titles, (image, noisy, smooth), strict=True):
        ax.imshow(shown, cmap="gray", vmin=0.0, vmax=1.0)
        ax.set_title(title)
        ax.axis("off")
    return fig


def main():
    """Smooth the image, print the table, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    parser.add_argument("--size", type=int, default=240, help="rows of the image")
    options = parser.parse_args()
    plt.switch_backend("Agg")
    image, noisy = load(options.size)
    res = report(image, noisy)
    options.output.mkdir(parents=True, exist_ok=True)
    draw(image, noisy, res.x).savefig(options.output / "denoise.png", dpi=90)


if __name__ == "__main__":
    main()

"""Fit a fluorescence decay to each pixel of an image
==================================================

Usage::

    python lifetime_image.py                            # 512 x 512 pixels
    python lifetime_image.py --size 128 --output pictures

Single photons are counted in 32 time bins after a laser's pulse, in every pixel. The stack is
synthetic (cells with nuclei, of different lifetimes), so that the truth is known. The
instrument's own response is left out. The expected counts of a bin at time t are

    rate(t) = amplitude exp(-t / lifetime) + background,

and the counts are few: down to zero in late bins. So the likelihood is Poisson's and not a sum of
squares: ``loss="poisson"``. Bounds keep the rate positive, without which it has no logarithm.

The script prints fits per second and the share that converged. It compares the errors with the
limit set by the photons' own noise, the Cramér-Rao bound, and with the fits' own standard errors.
The picture ``lifetime_image.png`` shows the maps and the truth.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from PIL import Image  # a part of every Matplotlib

import fastopt

HERE = Path(__file__).resolve().parent
PERIOD, BINS = 12.5, 32  # ns between pulses
TIMES = (np.arange(BINS) + 0.5) * PERIOD / BINS
START = [100.0, 2.5, 3.0]
BOUNDS = [1.0, 0.2, 0.01], [2000.0, 10.0, 100.0]
MAPS = ("amplitude (counts)", "lifetime (ns)", "background (counts)")
RANGES = ((0, 300), (1, 4), (0, 5))


@njit
def decay(t, amplitude, lifetime, background):
    """Return the expected counts at time t."""
    return amplitude * np.exp(-t / lifetime) + background


def truth(size):
    """Return the true amplitude, lifetime and background, size x size x 3."""
    down, right = np.mgrid[:size, :size] / size
    amplitude, lifetime = 30 + 20 * right, 2.0 + 0.0 * right
    rng = np.random.default_rng(7)
    for row, column in rng.uniform(0.1, 0.9, (14, 2)):
        radius, stretch, angle = rng.uniform(0.09, 0.16), rng.uniform(0.7, 1.3), rng.uniform(0, 3)
        u, v = down - row, right - column
        along = (np.cos(angle) * u + np.sin(angle) * v) * stretch
        across = (np.cos(angle) * v - np.sin(angle) * u) / stretch
        distance = np.hypot(along, across) / radius
        cell, nucleus = distance < 1, distance < 0.4
        amplitude[cell] = rng.uniform(90, 160) * (1.2 - 0.5 * distance[cell] ** 2)
        lifetime[cell] = rng.uniform(2.2, 3.6)
        amplitude[nucleus] *= 1.6
        lifetime[nucleus] = rng.uniform(1.3, 2.0)
    return np.stack([amplitude, lifetime, 1.5 + 2.0 * down], axis=-1)


def simulate(true, seed=0):
    """Return the counted photons, a row of bins for each pixel."""
    rate = decay.py_func(TIMES, *true.reshape(-1, 3, 1).swapaxes(0, 1))
    return np.random.default_rng(seed).poisson(rate).astype(np.uint16)


def fit(counts):
    """Fit every row; the last step moves no parameter by a thousandth of its noise."""
    return fastopt.curve_fit_batch(
        decay, TIMES, counts, START, loss="poisson", bounds=BOUNDS, tol=1e-10
    )


def noise_limit(true):
    """Return the Cramér-Rao bounds of the parameters' standard deviations, a row for each pixel."""
    amplitude, lifetime, background = true.reshape(-1, 3, 1).swapaxes(0, 1)
    shape = np.exp(-TIMES / lifetime)
    slopes = [shape, amplitude * shape * TIMES / lifetime**2, np.ones_like(shape)]
    noise = np.sqrt(amplitude * shape + background)
    slopes = np.stack([slope / noise for slope in slopes], axis=1)
    information = slopes @ slopes.swapaxes(1, 2)
    return np.sqrt(np.linalg.inv(information).diagonal(axis1=1, axis2=2))


def report(result, true, seconds):
    """Print the speed, the share that converged and the errors."""
    count = len(result.x)
    print(f"{count:,} fits in {seconds:.2f} s after compilation: {count / seconds:,.0f} a second")
    print(f"converged: {result.success.mean():.4%} ({result.message})")
    print(f"evaluations: {result.nfev.mean():.1f} a fit, at most {result.nfev.max()}")
    true = true.reshape(-1, 3)
    error, limit = result.x - true, noise_limit(true)
    held = np.any(result.active_mask != 0, axis=1)
    print(f"with a parameter on a bound: {held.mean():.2%}")
    print(f"{'':24}{'':16}{'root mean square of the error':>42}")
    print(f"{'':24}{'median |error|':>16}{'in Cramér-Rao bounds':>24}{'in standard errors':>20}")
    for k, name in enumerate(MAPS):
        typical = np.median(np.abs(error[:, k]))
        ratio = np.sqrt(np.mean((error[:, k] / limit[:, k]) ** 2))
        known = error[~held, k] / result.stderr[~held, k]
        own = np.sqrt(np.mean(known**2))
        print(f"{name:24}{typical:16.3f}{ratio:24.3f}{own:20.3f}")


def draw(counts, found, true):
    """Draw one pixel's decay, the maps found and the truth."""
    fig, axes = plt.subplots(2, 4, figsize=(14, 6), layout="constrained")
    size = len(true)
    middle = (size // 2) * size + size // 2
    ax = axes[0, 0]
    ax.stairs(counts[middle], np.arange(BINS + 1) * PERIOD / BINS, color="#555555", label="counts")
    ax.plot(TIMES, decay(TIMES, *found.reshape(-1, 3)[middle]), color="#D55E00", label="fit")
    ax.set_title("the middle pixel", loc="left", fontsize=10, fontweight="bold")
    ax.set_xlabel("time after the pulse (ns)", fontsize=8)
    ax.legend(frameon=False, fontsize=8)
    ax = axes[1, 0]
    ax.hist((found - true)[..., 1].ravel(), np.linspace(-0.8, 0.8, 81), color="#0072B2", alpha=0.7)
    ax.set_title("errors of the lifetime", loc="left", fontsize=10, fontweight="bold")
    ax.set_xlabel("found - true (ns)", fontsize=8)
    for ax in axes[:, 0]:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    for k, name in enumerate(MAPS):
        low, high = RANGES[k]
        for ax, values, origin in zip(axes[:, k + 1], (found, true), ("fit", "truth"), strict=True):
            image = ax.imshow(values[..., k], vmin=low, vmax=high, cmap="viridis")
            ax.set_title(f"{name}, {origin}", loc="left", fontsize=10, fontweight="bold")
            ax.set_axis_off()
        fig.colorbar(image, ax=axes[:, k + 1], shrink=0.7, aspect=40)
    return fig


def main():
    """Simulate, fit, report, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=512, help="pixels along each side")
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    options = parser.parse_args()

    true = truth(options.size)
    counts = simulate(true)
    print(f"compiling the fit of one pixel, then fitting {len(counts):,} ...", flush=True)
    fit(counts[:16])  # compiles
    begin = time.perf_counter()
    result = fit(counts)
    seconds = time.perf_counter() - begin
    report(result, true, seconds)

    plt.switch_backend("Agg")
    options.output.mkdir(parents=True, exist_ok=True)
    picture = draw(counts, result.x.reshape(true.shape), true)
    path = options.output / "lifetime_image.png"
    picture.savefig(path, dpi=85)
    with Image.open(path) as image:  # noisy images make large files; a palette makes them smaller
        image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, 3).save(path, optimize=True)
    print(f"written: {path}")


if __name__ == "__main__":
    main()

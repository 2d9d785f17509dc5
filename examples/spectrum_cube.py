"""Fit overlapping lines in a spectrum cube, with maps of the errors
=================================================================

Usage::

    python spectrum_cube.py                             # 72 x 72 spectra
    python spectrum_cube.py --size 32 --output pictures

A spectrograph takes a spectrum in each pixel of an image of a galaxy. Gas in its turning disc emits
three lines: hydrogen's H-alpha, and two of nitrogen. In the middle the gas moves so fast that they
overlap.

The two nitrogen lines come from one level of the atom, so their fluxes are as 1 to 3. All three
have one velocity and one width (as velocities), both from the Doppler effect. So five
parameters describe a spectrum: the continuum, two fluxes, the velocity and the width.

The cube is synthetic, with a seed, so that the truth is known. Its noise is known, too, and larger
where the night sky glows. A star hides a corner: its values are NaN, and are left out.

The script prints fits per second. It compares errors with their standard deviations: divided by
these, they must scatter by one. The picture ``spectrum_cube.png`` shows the maps and their errors.
Grey are pixels without data, and those in which a parameter ended at its bound.
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
LIGHT = 299_792.458  # km/s
WAVES = np.arange(6530.0, 6605.0, 0.9)  # Angstrom
HYDROGEN, NITROGEN = 6562.80, (6548.05, 6583.45)  # at rest, in air
BOUNDS = [-np.inf, -np.inf, -np.inf, -400.0, 25.0], [np.inf, np.inf, np.inf, 400.0, 500.0]
NAMES = ("continuum", "H-alpha", "nitrogen", "velocity (km/s)", "width (km/s)")
# Colours and limits of a parameter's map, and the largest error of its second map.
MAPS = {1: ("viridis", 0, 90, 4), 3: ("RdBu_r", -220, 220, 15), 4: ("magma", 30, 260, 15)}
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # of Okabe and Ito's palette


@njit
def line(wave, rest, flux, velocity, width):
    """Return a line's profile: Gaussian, shifted and widened by the Doppler effect."""
    sigma = rest * width / LIGHT
    distance = (wave - rest * (1.0 + velocity / LIGHT)) / sigma
    return flux / (sigma * np.sqrt(2.0 * np.pi)) * np.exp(-0.5 * distance**2)


@njit
def spectrum(wave, continuum, hydrogen, nitrogen, velocity, width):
    """Return the continuum and three lines; the stronger one of nitrogen has 3/4 of its flux."""
    weak, strong = 0.25 * nitrogen, 0.75 * nitrogen
    lines = line(wave, HYDROGEN, hydrogen, velocity, width)
    lines += line(wave, NITROGEN[0], weak, velocity, width)
    return continuum + lines + line(wave, NITROGEN[1], strong, velocity, width)


def truth(size):
    """Return the true parameters, size x size x 5: a disc that turns, with spiral arms."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    along, across = 0.87 * x + 0.5 * y, (0.87 * y - 0.5 * x) / 0.6  # the disc is tilted
    radius, angle = np.hypot(along, across), np.arctan2(across, along)
    arms = 1.0 + 0.6 * np.cos(2.0 * angle - 9.0 * radius)
    hydrogen = 100.0 * np.exp(-2.4 * radius) * arms
    velocity = 200.0 * np.tanh(4.0 * radius) * np.cos(angle)
    width = 50.0 + 200.0 * np.exp(-((radius / 0.3) ** 2))
    nitrogen = hydrogen * (0.35 + 0.7 * np.exp(-4.0 * radius))
    return np.stack([4.0 * np.exp(-2.0 * radius), hydrogen, nitrogen, velocity, width], axis=-1)


def simulate(true, seed=0):
    """Return the cube, with a spectrum in its last axis, and the noise of each wavelength."""
    parameters = np.moveaxis(true, -1, 0)[..., None]
    noise = 0.5 + 1.0 * np.exp(-0.5 * ((WAVES - 6577.3) / 1.2) ** 2)  # a line of the night sky
    cube = spectrum.py_func(WAVES, *parameters)
    cube += np.random.default_rng(seed).normal(0.0, noise, cube.shape)
    size = len(true)
    down, right = np.mgrid[:size, :size] / size
    cube[np.hypot(down - 0.15, right - 0.85) < 0.08] = np.nan  # a star
    return cube, noise


def starts(cube):
    """Return a start for each spectrum: the brightest wavelength is hydrogen's."""
    filled = np.nan_to_num(cube)
    smooth = filled[..., :-2] + filled[..., 1:-1] + filled[..., 2:]
    # Only where the disc's velocities can bring it: not the weaker line of nitrogen.
    near = np.abs(WAVES[1:-1] - HYDROGEN) < 6.0
    brightest = WAVES[1:-1][near][np.argmax(smooth[..., near], axis=-1)]
    velocity = LIGHT * (brightest / HYDROGEN - 1.0)
    continuum = np.median(filled, axis=-1)
    flux = np.clip((filled - continuum[..., None]).sum(axis=-1) * np.diff(WAVES)[0], 1.0, None)
    return np.stack([continuum, 0.6 * flux, 0.4 * flux, velocity, 0 * flux + 60.0], axis=-1)


def fit(cube, noise):
    """Fit all spectra in one call. The errors are those of the known noise."""
    return fastopt.curve_fit_batch(
        spectrum,
        WAVES,
        cube,
        starts(cube),
        sigma=noise,
        absolute_sigma=True,
        bounds=BOUNDS,
        nan_policy="omit",
    )


def pulls(result, true, least=10.0):
    """Return (found - true) / error of the pixels whose H-alpha is above `least` errors."""
    bright = result.x[..., 1] > least * result.stderr[..., 1]  # False for NaN
    return (result.x[bright] - true[bright]) / result.stderr[bright]


def report(result, true, seconds):
    """Print the speed, what converged, and whether the errors are right."""
    count = result.status.size
    print(f"{count:,} fits in {seconds:.2f} s after compilation: {count / seconds:,.0f} a second")
    print(result.message)
    bright = pulls(result, true)
    print(f"\nIn {len(bright):,} pixels H-alpha is above ten errors. There, (found - true) / error")
    print(f"{'':17}{'mean':>8}{'scatter':>9}{'within one error':>19}")
    for name, column in zip(NAMES, bright.T, strict=True):
        known = column[np.isfinite(column)]
        within = np.mean(np.abs(known) < 1.0)
        print(f"{name:17}{known.mean():8.2f}{known.std():9.2f}{within:19.1%}")


def draw_spectrum(ax, cube, result, at):
    """Draw one pixel's spectrum with the fit and its lines."""
    continuum, hydrogen, nitrogen, velocity, width = result.x[at]
    fine = np.linspace(WAVES[0], WAVES[-1], 600)
    ax.step(WAVES, cube[at], where="mid", color="#555555", lw=0.9, label="data")
    own = line(fine, HYDROGEN, hydrogen, velocity, width)
    ax.plot(fine, continuum + own, color=BLUE, lw=0.9, label="H-alpha")
    for rest, part, label in zip(NITROGEN, (0.25, 0.75), ("nitrogen", None), strict=True):
        own = line(fine, rest, part * nitrogen, velocity, width)
        ax.plot(fine, continuum + own, color=GREEN, lw=0.9, label=label)
    ax.plot(fine, spectrum(fine, *result.x[at]), color=ORANGE, lw=1.4, label="fit")
    ax.set_xlabel("wavelength (Angstrom)", fontsize=8)
    ax.set_title("the middle pixel", loc="left", fontsize=10, fontweight="bold")
    ax.legend(frameon=False, fontsize=7)


def draw_map(fig, ax, values, title, colors, low, high):
    """Draw an image with its scale of colours; NaN is grey."""
    colors = plt.get_cmap(colors).with_extremes(bad="0.7")
    image = ax.imshow(values, cmap=colors, vmin=low, vmax=high, origin="lower")
    ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
    ax.set_axis_off()
    fig.colorbar(image, ax=ax, shrink=0.8)


def draw(cube, result, true):
    """Draw a spectrum, the errors over their standard deviations, and the maps."""
    fig, axes = plt.subplots(2, 4, figsize=(14, 6.4), layout="constrained")
    middle = len(cube) // 2
    draw_spectrum(axes[0, 0], cube, result, (middle, middle))
    ax, edges = axes[1, 0], np.linspace(-4.0, 4.0, 33)
    for k, color in ((1, BLUE), (3, ORANGE), (4, GREEN)):
        ax.hist(pulls(result, true)[:, k], edges, color=color, histtype="step", density=True)
        ax.plot([], [], color=color, label=NAMES[k].partition(" (")[0])
    ax.plot(edges, np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi), color="black", lw=0.8, ls=":")
    ax.set_xlabel("(found - true) / error; dotted: the normal distribution", fontsize=8)
    ax.set_title("are the errors right?", loc="left", fontsize=10, fontweight="bold")
    ax.legend(frameon=False, fontsize=7)
    for ax in axes[:, 0]:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    for column, (k, (colors, low, high, most)) in enumerate(MAPS.items(), start=1):
        found, error = result.x[..., k], result.stderr[..., k]
        found = np.where(np.isfinite(error), found, np.nan)
        draw_map(fig, axes[0, column], found, NAMES[k], colors, low, high)
        draw_map(fig, axes[1, column], error, f"its error: {NAMES[k]}", "cividis", 0, most)
    return fig


def main():
    """Simulate, fit, report, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=72, help="pixels along each side")
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    options = parser.parse_args()

    true = truth(options.size)
    cube, noise = simulate(true)
    fit(cube[:1], noise)  # compiles
    begin = time.perf_counter()
    result = fit(cube, noise)
    seconds = time.perf_counter() - begin
    report(result, true, seconds)

    plt.switch_backend("Agg")
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "spectrum_cube.png"
    draw(cube, result, true).savefig(path, dpi=85)
    with Image.open(path) as image:  # noisy images make large files; a palette makes them smaller
        image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, 3).save(path, optimize=True)


if __name__ == "__main__":
    main()

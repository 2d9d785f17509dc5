"""Restoration of images and signals: large problems from synthetic data, the same for every seed.

Smoothed total variation: L. I. Rudin, S. Osher and E. Fatemi, "Nonlinear total variation based
noise removal algorithms", Physica D 60 (1992) 259-268. Trend filter: S.-J. Kim, K. Koh, S. Boyd and
D. Gorinevsky, "l1 trend filtering", SIAM Review 51 (2009) 339-360, smoothed likewise.
"""

import math

import numba
import numpy as np

from .large_case import Large, constant


@numba.njit
def variation(x, side, weight, smooth, g):
    """Return weight times the smoothed total variation of an image; add its gradient to g."""
    f = 0.0
    for i in range(side):
        for j in range(side):
            k = i * side + j
            down = x[k + side] - x[k] if i < side - 1 else 0.0
            right = x[k + 1] - x[k] if j < side - 1 else 0.0
            length = math.sqrt(down * down + right * right + smooth * smooth)
            f += weight * length
            slope = weight / length
            g[k] -= slope * (down + right)
            if i < side - 1:
                g[k + side] += slope * down
            if j < side - 1:
                g[k + 1] += slope * right
    return f


@numba.njit
def denoise(x, noisy, known, side, weight, smooth):
    """Misfit of the pixels that are `known` (1, others 0), and total variation."""
    f, g = 0.0, np.empty_like(x)
    for k in range(x.size):
        r = known[k] * (x[k] - noisy[k])
        f += 0.5 * r * r
        g[k] = r
    return f + variation(x, side, weight, smooth, g), g


@numba.njit
def blur(x, side, taps):
    """Return the image blurred along both axes; it is dark outside, and the blur symmetric."""
    reach = taps.size // 2
    between, result = np.zeros_like(x), np.zeros_like(x)
    for i in range(side):
        for j in range(side):
            for t in range(max(-reach, -j), min(reach, side - 1 - j) + 1):
                between[i * side + j] += taps[t + reach] * x[i * side + j + t]
    for i in range(side):
        for t in range(max(-reach, -i), min(reach, side - 1 - i) + 1):
            for j in range(side):
                result[i * side + j] += taps[t + reach] * between[(i + t) * side + j]
    return result


@numba.njit
def deblur(x, blurred, taps, side, weight, smooth):
    """Misfit of the blurred image, and total variation."""
    r = blur(x, side, taps)
    f = 0.0
    for k in range(x.size):
        r[k] -= blurred[k]
        f += 0.5 * r[k] * r[k]
    g = blur(r, side, taps)  # the transposed blur is the same
    return f + variation(x, side, weight, smooth, g), g


@numba.njit
def trend(x, noisy, weight, smooth):
    """Misfit, and the smoothed sum of absolute second differences."""
    f, g = 0.0, np.empty_like(x)
    for i in range(x.size):
        r = x[i] - noisy[i]
        f += 0.5 * r * r
        g[i] = r
    for i in range(1, x.size - 1):
        d = x[i - 1] - 2.0 * x[i] + x[i + 1]
        length = math.sqrt(d * d + smooth * smooth)
        f += weight * length
        slope = weight * d / length
        g[i - 1] += slope
        g[i] -= 2.0 * slope
        g[i + 1] += slope
    return f, g


def square(n):
    """Return the largest square number up to n."""
    return math.isqrt(n) ** 2


def picture(n):
    """Return a disc, a bar and a ramp as an image of n pixels between 0 and 1."""
    side = math.isqrt(n)
    y, x = np.mgrid[:side, :side] / side
    image = 0.3 * x
    image[(x - 0.35) ** 2 + (y - 0.4) ** 2 < 0.06] = 0.9
    image[(np.abs(x - 0.75) < 0.1) & (np.abs(y - 0.5) < 0.35)] = 0.6
    return image.ravel()


def noise(n):
    return np.random.default_rng(20).standard_normal(n)


def denoise_arguments(n):
    return picture(n) + 0.1 * noise(n), np.ones(n), math.isqrt(n), 0.1, 0.01


def inpaint_arguments(n):
    known = (np.random.default_rng(21).random(n) < 0.5).astype(float)
    return known * (picture(n) + 0.02 * noise(n)), known, math.isqrt(n), 0.02, 0.01


def deblur_arguments(n):
    taps = np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2)
    taps /= taps.sum()
    side = math.isqrt(n)
    return blurred(picture(n), side, taps) + 0.01 * noise(n), taps, side, 1e-3, 0.01


def blurred(image, side, taps):
    """Return what `blur` does, without compiling it."""
    image = image.reshape(side, side)
    for _ in range(2):
        image = np.array([np.convolve(row, taps)[4 : side + 4] for row in image]).T
    return image.ravel()


def trend_arguments(n):
    random = np.random.default_rng(22)
    turns = random.random(n) < 20.0 / n
    slope = np.cumsum(turns * random.uniform(-20.0, 20.0, n) / n)
    return np.cumsum(slope) + 0.1 * noise(n), 1.0, 0.01


IMAGES = [
    Large(
        "denoising",
        denoise,
        lambda n: denoise_arguments(n)[0],
        args=denoise_arguments,
        size=square,
    ),
    Large(
        "inpainting",
        denoise,
        lambda n: inpaint_arguments(n)[0],
        args=inpaint_arguments,
        size=square,
    ),
    Large(
        "deblurring", deblur, lambda n: deblur_arguments(n)[0], args=deblur_arguments, size=square
    ),
    Large("trend filter", trend, constant(0), args=trend_arguments),
]

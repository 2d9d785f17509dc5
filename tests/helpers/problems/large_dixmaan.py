"""The family of L. C. W. Dixon and Z. Maany, twelve large problems with sparse Hessians.

Technical Report 206, Numerical Optimisation Centre, Hatfield Polytechnic (1988). Parameters and
starts are those of the SIF files of the CUTE collection (1995).
"""

import numba
import numpy as np

from .large_case import Large, constant, multiple_of


@numba.njit
def dixmaan(x, beta, gamma, delta, k):
    """1 + a sum of four kinds of terms; those of x_i^2 and x_i x_(i+2m) are times (i / n)^k."""
    n = x.size
    m = n // 3
    f, g = 1.0, np.zeros_like(x)
    for i in range(n):
        weight, square = 1.0, x[i] * x[i]
        for _ in range(k):
            weight *= (i + 1.0) / n
        f += weight * square
        g[i] += 2.0 * weight * x[i]
        if i < n - 1:
            y = x[i + 1]
            p = y + y * y
            f += beta * square * p * p
            g[i] += 2.0 * beta * x[i] * p * p
            g[i + 1] += 2.0 * beta * square * p * (1.0 + 2.0 * y)
        if i < 2 * m:
            cube = x[i + m] ** 3
            f += gamma * square * cube * x[i + m]
            g[i] += 2.0 * gamma * x[i] * cube * x[i + m]
            g[i + m] += 4.0 * gamma * square * cube
        if i < m:
            f += weight * delta * x[i] * x[i + 2 * m]
            g[i] += weight * delta * x[i + 2 * m]
            g[i + 2 * m] += weight * delta * x[i]
    return f, g


SIZES = {  # beta, gamma, delta, power of i / n
    "A": (0.0, 0.125, 0.125, 0),
    "B": (0.0625, 0.0625, 0.0625, 0),
    "C": (0.125, 0.125, 0.125, 0),
    "D": (0.26, 0.26, 0.26, 0),
    "E": (0.0, 0.125, 0.125, 1),
    "F": (0.0625, 0.0625, 0.0625, 1),
    "G": (0.125, 0.125, 0.125, 1),
    "H": (0.26, 0.26, 0.26, 1),
    "I": (0.0, 0.125, 0.125, 2),
    "J": (0.0625, 0.0625, 0.0625, 2),
    "K": (0.125, 0.125, 0.125, 2),
    "L": (0.26, 0.26, 0.26, 2),
}


def row(letter, sizes):
    return Large(
        f"DIXMAAN{letter}",
        dixmaan,
        constant(2),
        lambda n: 1.0,
        constant(0),
        lambda n: sizes,
        multiple_of(3),
    )


DIXMAAN = [row(*item) for item in SIZES.items()]

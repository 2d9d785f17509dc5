"""Problems of Moré, Garbow and Hillstrom (1981) of any number of variables, numbers as there."""

import math


def penalty_1(x):
    f = 0.0
    norm2 = 0.0
    for i in range(len(x)):
        f += 1e-5 * (x[i] - 1.0) ** 2
        norm2 += x[i] ** 2
    return f + (norm2 - 0.25) ** 2


def penalty_2(x):
    n = len(x)
    f = (x[0] - 0.2) ** 2
    weighted = n * x[0] ** 2
    for i in range(1, n):
        y = math.exp(0.1 * (i + 1.0)) + math.exp(0.1 * i)
        f += 1e-5 * (math.exp(0.1 * x[i]) + math.exp(0.1 * x[i - 1]) - y) ** 2
        f += 1e-5 * (math.exp(0.1 * x[i]) - math.exp(-0.1)) ** 2
        weighted += (n - i) * x[i] ** 2
    return f + (weighted - 1.0) ** 2


def variable_dimension(x):
    f = 0.0
    s = 0.0
    for i in range(len(x)):
        f += (x[i] - 1.0) ** 2
        s += (i + 1.0) * (x[i] - 1.0)
    return f + s**2 + s**4


def trigonometric(x):
    n = len(x)
    cosines = 0.0
    for i in range(n):
        cosines += math.cos(x[i])
    f = 0.0
    for i in range(n):
        f += (n - cosines + (i + 1.0) * (1.0 - math.cos(x[i])) - math.sin(x[i])) ** 2
    return f


def brown_almost_linear(x):
    n = len(x)
    total, product = 0.0, 1.0
    for i in range(n):
        total += x[i]
        product *= x[i]
    f = (product - 1.0) ** 2
    for i in range(n - 1):
        f += (x[i] + total - (n + 1.0)) ** 2
    return f


def boundary_value(x):
    """Discrete boundary value; x is zero at both ends."""
    n = len(x)
    h = 1.0 / (n + 1.0)
    f = 0.0
    for i in range(n):
        left = x[i - 1] if i > 0 else 0.0
        right = x[i + 1] if i < n - 1 else 0.0
        bent = x[i] + (i + 1.0) * h + 1.0
        f += (2.0 * x[i] - left - right + 0.5 * h * h * bent**3) ** 2
    return f


def integral_equation(x):
    """Discrete integral equation; the two sums run on from one term to the next."""
    n = len(x)
    h = 1.0 / (n + 1.0)
    above, below, f = 0.0, 0.0, 0.0
    for i in range(n):
        t = (i + 1.0) * h
        above += (1.0 - t) * (x[i] + t + 1.0) ** 3
    for i in range(n):
        t = (i + 1.0) * h
        bent = (x[i] + t + 1.0) ** 3
        below += t * bent
        above -= (1.0 - t) * bent
        f += (x[i] + 0.5 * h * ((1.0 - t) * below + t * above)) ** 2
    return f


def broyden_tridiagonal(x):
    """Beyond both ends, x is zero."""
    f = 0.0
    for i in range(len(x)):
        left = x[i - 1] if i > 0 else 0.0
        right = x[i + 1] if i < len(x) - 1 else 0.0
        f += ((3.0 - 2.0 * x[i]) * x[i] - left - 2.0 * right + 1.0) ** 2
    return f


def broyden_banded(x):
    n = len(x)
    f = 0.0
    for i in range(n):
        band = 0.0
        for j in range(max(0, i - 5), min(n, i + 2)):
            if j != i:
                band += x[j] * (1.0 + x[j])
        f += (x[i] * (2.0 + 5.0 * x[i] ** 2) + 1.0 - band) ** 2
    return f


def linear_full_rank(x):
    """With m = 2 n."""
    n = len(x)
    total = 0.0
    for i in range(n):
        total += x[i]
    mean = total / n
    f = n * (mean + 1.0) ** 2
    for i in range(n):
        f += (x[i] - mean - 1.0) ** 2
    return f


def linear_rank_1(x):
    """With m = 2 n."""
    s, f = 0.0, 0.0
    for j in range(len(x)):
        s += (j + 1.0) * x[j]
    for i in range(2 * len(x)):
        f += ((i + 1.0) * s - 1.0) ** 2
    return f


def linear_rank_1_zero(x):
    """With zero columns and rows, m = 2 n."""
    n = len(x)
    s, f = 0.0, 2.0
    for j in range(1, n - 1):
        s += (j + 1.0) * x[j]
    for i in range(1, 2 * n - 1):
        f += (i * s - 1.0) ** 2
    return f


def chebyquad(x):
    """Chebyshev polynomials shifted to [0, 1]; their integrals are 0 for odd degrees."""
    n = len(x)
    f = 0.0
    for i in range(1, n + 1):
        total = 0.0
        for j in range(n):
            z = 2.0 * x[j] - 1.0
            before, now = 1.0, z
            for _ in range(i - 1):
                before, now = now, 2.0 * z * now - before
            total += now
        f += (total / n + (1.0 / (i * i - 1.0) if i % 2 == 0 else 0.0)) ** 2
    return f

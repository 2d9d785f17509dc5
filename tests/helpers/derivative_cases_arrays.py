"""Objectives on whole arrays, fitted to data, and those that are programs, for `derivative_cases`.

Each row of `ARRAYS` is a function of x and data, the points where it is differentiated, and data.
"""

import math

import numpy as np

T = np.linspace(0.1, 2.0, 8)
Y = np.array([2.1, 1.7, 1.5, 1.2, 1.15, 0.9, 0.85, 0.8])
SIGNS = np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0])
A = np.array([[2.0, -0.5, 0.3], [0.1, 1.5, -0.7], [-0.4, 0.6, 1.2]])
B = np.array([0.5, -1.0, 2.0])
DESIGN = np.array([[math.sin(i + 2.0 * j) for j in range(3)] for i in range(8)])
COUNTS = np.array([1, 0, 2, 3, 1, 0, 1, 4])
GENERIC = [[0.7, -1.3, 0.4], [1.9, 0.6, -0.8]]  # no two equal, nor any zero, in size


def decay(p, t, y):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


def products(x, a, b):
    residual = a @ x - b
    return np.dot(residual, residual) + x @ a @ x + np.sum(np.outer(x, b) * a.T)


def statistics(x):
    centred = x - np.mean(x)
    return x.sum() + x.mean() ** 2 + np.var(x) * np.std(x) + np.sum(centred**3) / x.size


def ufuncs(x, b):
    s = np.sin(x) * np.cos(b) - np.arctan(x) + np.sign(x) * np.square(x) + np.power(x, 3)
    s -= np.expm1(x) / np.cosh(b) + np.log1p(x**2) * np.arctan2(x, b + 3.0) + np.fmod(x, 0.9)
    return np.sum(s * np.hypot(x, b)) + np.sum(np.tan(0.3 * x) + np.log(np.abs(x)) + np.floor(x))


def rosenbrock_by_slices(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2) + np.sum(x[::2] * x[-1])


def huber_by_where(x, b):
    r = x - b
    return np.sum(np.where(np.abs(r) < 1.0, 0.5 * r**2, np.abs(r) - 0.5)) + 0.1 * np.abs(x).sum()


def hinge(w, design, signs):
    margins = 1 - signs * (design @ w)
    return np.mean(np.maximum(0.0, margins)) + np.sum(np.clip(w, -1.0, 1.0) * w)


def minima(x):
    return np.sum(np.minimum(x**2, 1.0)) + np.max(x) * np.min(x) + x.max() - np.prod(x)


def scratch(x):
    n = len(x)
    r = np.zeros(2 * n)
    for i in range(n):
        r[i] = math.exp(0.3 * x[i]) - 1.0
        r[n + i] = x[i] * x[i - 1]
    r += 0.5
    r *= 2.0
    r[1:] -= 0.1 * r[0]
    r[-1] /= x[0]
    return np.sum(r**2)


def scratch_like(x):
    left, right = np.empty_like(x), np.zeros_like(x)
    for i, v in enumerate(x):
        left[i] = v / (1 + v * v)
        right[i] += v + i
    return np.sqrt(np.sum(left**2)) + np.linalg.norm(x - right * left)


def bilinear(x):
    rows, columns = x.shape
    s = 0.0
    for i in range(rows):
        for j in range(columns):
            s += (i + 1) * x[i, j] ** 2 * x[i - 1, j - 1]
    return s + np.sum(x[0] * x[1] ** 2) + x[1][2] - np.sum(x[:, 0] ** 3)


def over_rows(x):
    s = 0.0
    for r in x:
        s += math.sqrt(1.0 + r[0] ** 2) * r[1] - np.sum(r * r)
    columns = np.sum(x, axis=0)
    return s + np.sum(np.tanh(columns)) + np.sum(x.T @ x)


def softmax(w, design, classes):
    loss = 0.0
    for k in range(len(classes)):
        scores = design[k] * w  # one score per row of w
        z = np.array([scores[0].sum(), scores[1].sum()])
        top = np.max(z)
        loss -= z[classes[k]] - top - np.log(np.exp(z - top).sum())
    return loss / len(classes)


def logistic(w, design, signs):
    return np.sum(np.log(1 + np.exp(-signs * (design @ w)))) + 0.05 * np.dot(w, w)


def kernel(x, b):
    squares = (x.reshape(-1, 1) - b.reshape(1, -1)) ** 2
    d = x[:, None] - x[None, :]
    return np.sum(np.exp(-0.5 * squares)) + np.sum(np.sqrt(d**2 + 0.1))


def smoothed(x):
    """Total variation, and the distance from a grid."""
    grid = np.arange(x.size) / x.size
    total = np.cumsum(x)
    return (
        np.sum(np.sqrt(np.diff(x) ** 2 + 1e-2))
        + np.sum((total - grid) ** 2)
        - np.sum(x[::-1] * grid)
    )


def pairs(x, points):
    terms = [a * math.sin(x[0] * t) - y * x[1] for a, (t, y) in zip(x, points)]  # noqa: B905
    return sum([v * v for v in terms]) + len(terms) * terms[0]


def heat(x, steps):
    u = x.copy()
    for _ in range(steps):
        u[1:-1] += 0.2 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u[0], u[-1] = u[-1], u[0]
    return np.sum((u - 0.5) ** 2)


def network(p, design, y):
    w = p[:6].reshape(2, 3)
    hidden = np.tanh(design @ w.T + p[6:8])
    return np.mean((hidden @ p[8:10] + p[10] - y) ** 2)


def elimination(x, b):
    """The logarithm of a determinant, and a solution, with pivots."""
    n = len(b)
    m = np.zeros((n, n + 1))
    for i in range(n):
        for j in range(n):
            m[i, j] = x[(i + j) % n] / (1.0 + abs(i - j)) + (1.0 if i == j else 0.0)
        m[i, n] = b[i]
    log_det = 0.0
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(m[i, k]) > abs(m[pivot, k]):
                pivot = i
        for j in range(n + 1):
            m[k, j], m[pivot, j] = m[pivot, j], m[k, j]
        log_det += math.log(abs(m[k, k]))
        for i in range(k + 1, n):
            m[i] = m[i] - m[k] * (m[i, k] / m[k, k])
    return log_det + m[n - 1, n] / m[n - 1, n - 1]


def trimmed(x, b):
    """Residuals sorted by insertion; the largest does not count."""
    r = np.abs(x - b)
    for i in range(1, len(r)):
        j, moved = i, r[i]
        while j > 0 and r[j - 1] > moved:
            r[j] = r[j - 1]
            j -= 1
        r[j] = moved
    return np.sum(r[:-1] ** 2) + r[0]


def rate(p, u, v):
    return p[0] * u - p[1] * u * v, p[1] * u * v - p[2] * v


def lotka_volterra(p, y, h=0.25):
    """Fourth-order Runge-Kutta, fitted to the prey."""
    u, v, loss = 1.0, 0.5, 0.0
    for observed in y:
        a_1, b_1 = rate(p, u, v)
        a_2, b_2 = rate(p, u + 0.5 * h * a_1, v + 0.5 * h * b_1)
        a_3, b_3 = rate(p, u + 0.5 * h * a_2, v + 0.5 * h * b_2)
        a_4, b_4 = rate(p, u + h * a_3, v + h * b_3)
        u += h / 6 * (a_1 + 2 * a_2 + 2 * a_3 + a_4)
        v += h / 6 * (b_1 + 2 * b_2 + 2 * b_3 + b_4)
        loss += (u - observed) ** 2
    return loss


def mixture(p, data):
    """Of two Gaussians: logit of the weight, means, logarithms of the widths."""
    weight = 1 / (1 + math.exp(-p[0]))
    s = 0.0
    for y in data:
        left = math.exp(-0.5 * ((y - p[1]) / math.exp(p[3])) ** 2 - p[3])
        right = math.exp(-0.5 * ((y - p[2]) / math.exp(p[4])) ** 2 - p[4])
        s -= math.log(weight * left + (1 - weight) * right)
    return s + 0.5 * len(data) * math.log(2 * math.pi)


def poisson(w, design, counts):
    s = 0
    for k in range(len(counts)):
        eta = 0.0
        for j in range(w.size):
            eta += design[k, j] * w[j]
        s += math.exp(eta) - counts[k] * eta + math.lgamma(counts[k] + 1.0)
    return s


def garch(p, y):
    omega, alpha, beta = p
    if omega <= 0 or alpha < 0 or beta < 0 or not alpha + beta < 1:
        return np.inf
    variance = omega / (1 - alpha - beta)
    s = 0.0
    for r in y:
        s += 0.5 * (math.log(variance) + r**2 / variance)
        variance = omega + alpha * r**2 + beta * variance
    return s


def kalman(p, y):
    """A random walk seen through noise: logarithms of the two variances."""
    q, r = math.exp(p[0]), math.exp(p[1])
    level, spread, s = p[2], 1.0, 0.0
    for observed in y:
        spread += q
        total = spread + r
        gain, surprise = spread / total, observed - level
        level, spread = level + gain * surprise, (1.0 - gain) * spread
        s += math.log(total) + surprise**2 / total
    return s


def michaelis_menten(p, data, weights=(1.0, 0.5)):
    top, half = p[0], p[1]
    s = 0.0
    for t, y in data:
        r = top * t / (half + t) - y
        s += weights[0 if r > 0 else 1] * r * r
    return s


def lennard_jones(x):
    energy = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            d = x[i] - x[j]
            inverse = 1 / np.dot(d, d) ** 3
            energy += 4 * (inverse**2 - inverse)
    return energy


def morse_ring(x, depth):
    """Neighbours on a ring of which the last is followed by the first."""
    s = 0.0
    for i in range(len(x)):
        s += depth * (1 - math.exp(-abs(x[(i + 1) % len(x)] - x[i]) + 0.8)) ** 2
    return s


def fermi(v):
    if v > 0:
        return math.exp(-v) / (1 + math.exp(-v))
    return 1 / (1 + math.exp(v))


def soft(v):
    return max(v, 0.0) + math.log1p(math.exp(-abs(v)))


def occupation(x):
    s = soft(x[0]) - soft(x[-1])
    for k in range(5):
        s += fermi((0.5 * k - x[0]) / abs(x[1]))
    return s


def heron(v, tol):
    root = v
    while abs(root * root - v) > tol * v:
        root = 0.5 * (root + v / root)
    return root


def roots(x):
    """Square roots, and Kepler's equation, by Newton's method."""
    e = 4.0
    for _ in range(50):
        move = (e - x[1] * math.sin(e) - x[0]) / (1 - x[1] * math.cos(e))
        e = e - move
        if abs(move) < 1e-10:
            break
    return e**2 + heron(x[0], 1e-9) * heron(1 + x[1], 1e-9)


def series(x):
    """The Bessel function J0 by its series without the odd terms, and a continued fraction."""
    term, s, k = 1.0, 0.0, 0
    while True:
        k += 1
        term *= -((x[0] / 2) ** 2) / k**2
        if abs(term) < 1e-18:
            break
        if k % 2:
            continue
        s += term
    fraction = 2.0 * x[1]
    for i in range(9, 0, -1):
        fraction = i * x[0] / (x[1] + fraction)
    return s + 1 / (1 + fraction)


def table(x, y):
    """Linear interpolation, the ends extended."""
    s = 0.0
    for v in x:
        k = int(v * 5.0)
        k = min(max(k, 0), len(y) - 2)
        w = v * 5.0 - k
        s += (1.0 - w) * y[k] + w * y[k + 1] ** 2 * w
    return s


def polynomial(*coefficients):
    """An objective with constants, and a helper, of its enclosing function."""

    def horner(v):
        s = 0.0
        for c in coefficients:
            s = s * v + c
        return s

    def of_array(x, i):
        return horner(x[i]) * coefficients[0]

    def horner_pair(x):
        return of_array(x, i=0) * of_array(x, 1) - horner(x[0] * x[-1])

    return horner_pair


FIT = [[1.5, 0.8, 0.3], [2.2, 1.7, -0.4]]
WEIGHTS = [[[0.3, -0.2, 0.7], [0.5, 0.1, -0.9]], [[-1.1, 0.4, 0.2], [0.8, -0.6, 1.3]]]
ATOMS = [[0.0, 0.1, -0.2], [1.1, 0.2, 0.1], [0.4, 0.9, 0.3], [0.3, 0.2, 1.2]]
LAYERS = [[0.3, -0.5, 0.2, 0.7, 0.1, -0.4, 0.05, -0.1, 0.9, -1.2, 0.6]]
OBSERVED = tuple((float(t), float(y)) for t, y in zip(T, Y, strict=True))
ARRAYS = [
    (decay, FIT, T, Y),
    (products, GENERIC, A, B),
    (statistics, GENERIC),
    (ufuncs, GENERIC, B),
    (rosenbrock_by_slices, [*GENERIC, [0.3, -0.2, 1.4, 0.9, -0.6]]),
    (huber_by_where, GENERIC, B),
    (hinge, GENERIC, DESIGN, SIGNS),
    (minima, GENERIC),
    (scratch, GENERIC),
    (scratch_like, GENERIC),
    (bilinear, WEIGHTS),
    (over_rows, WEIGHTS),
    (softmax, WEIGHTS, DESIGN, COUNTS % 2),
    (logistic, GENERIC, DESIGN, SIGNS),
    (kernel, GENERIC, B),
    (smoothed, GENERIC),
    (pairs, GENERIC, OBSERVED[:3]),
    (heat, [[0.2, 1.4, -0.6, 0.9, 0.3, 1.1], [1.0, -0.3, 0.8]], 5),
    (network, LAYERS, DESIGN, Y),
    (elimination, GENERIC, B),
    (trimmed, GENERIC, B),
    (lotka_volterra, [[0.9, 1.1, 0.7], [1.4, 0.6, 1.3]], Y),
    (mixture, [[0.3, 0.8, 1.9, -0.7, -0.2], [-0.6, 1.6, 0.9, 0.1, -0.5]], Y),
    (poisson, [[0.2, -0.4, 0.6], [0.9, 0.3, -0.1]], DESIGN, COUNTS),
    (garch, [[0.2, 0.3, 0.4], [0.5, 0.1, 0.7]], Y - 1.2),
    (kalman, [[-1.0, -0.5, 1.8], [0.3, -2.0, 2.5]], Y),
    (michaelis_menten, [[2.0, 0.4], [1.2, 1.5]], OBSERVED),
    (lennard_jones, [ATOMS, ATOMS[:3]]),
    (morse_ring, [[0.2, 1.1, 2.3, -0.4]], 1.7),
    (occupation, [[0.7, 0.4], [-0.3, 1.2]]),
    (roots, [[0.8, 0.3], [2.1, 0.7]]),
    (series, [[1.3, 0.7], [2.4, 1.6]]),
    (table, [[0.13, 0.55, 0.91], [1.7, -0.25, 0.37]], Y),
    (polynomial(0.5, -1.2, 0.3, 2.0), [[0.4, -1.3], [1.7, 0.6]]),
]

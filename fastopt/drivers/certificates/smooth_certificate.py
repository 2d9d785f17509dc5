"""The test that tells a smooth minimum from a failure, where differences gave the gradient.

In a narrow valley the error of differences hides the slope, so that a search ends before its
minimum. Here f and its gradient are taken on both sides of the point, in every parameter. Central
differences of f have a smaller error. Those of the gradient are the Hessian, from which a few steps
of Newton's method follow. The point is a minimum if no such step gains anything and the Hessian is
positive definite. f and its gradient must agree that f is smooth.
"""

import math
from types import SimpleNamespace

import numpy as np

from fastopt.algorithms.status_codes import GTOL, NO_STEP, RUNNING
from fastopt.drivers.certificates.kink_certificate import scales

STEPS = 5  # largest number of steps
SMOOTH = 0.05  # difference of f and the integral of its slope, relative to the curvature's effect
GAIN = 1.0 / 16.0  # of f that a step may still gain, in roots of epsilon
SURE = 8.0  # errors of the Hessian that every curvature must exceed


def examine(ask, x, f, g, start, box, dtype, left):
    """Return whether best points are minima; see `kink_certificate.examine`."""
    eps, left = float(np.finfo(dtype).eps), np.array(left, float)
    x, f, g, start = (np.array(a, float) for a in (x, f, g, start))
    low, high = box if box is not None else np.full((2, *x.shape), [[[-math.inf]], [[math.inf]]])
    with np.errstate(all="ignore"):
        sizes = scales(x.T, g.T, start.T, low.T, high.T).T
        searches = [newton(x[k], f[k], g[k], sizes[k], low[k], high[k], eps) for k in range(len(x))]
        now = {k: next(search) for k, search in enumerate(searches)}
        while now:
            for k in [k for k, found in now.items() if found.status != RUNNING]:
                yield ended(k, now.pop(k))
            if now:
                which = np.array(list(now))
                points = np.array([now[k].x for k in which]).astype(dtype)
                f_new, g_new, spent = ask(which, points)
                left[which] -= spent
                for k, *answer, more in zip(which, f_new, g_new, left[which] >= spent, strict=True):
                    now[k] = searches[k].send((*answer, more))


def ended(k, found):
    """Return an examined problem in the form of `kink_certificate`."""
    number, status, f = np.array([k]), np.array([found.status]), np.array([found.f])
    return SimpleNamespace(
        number=number, status=status, x=found.x[:, None], f=f, g=found.g[:, None]
    )


def newton(x, f, g, size, low, high, eps):
    """Take steps of Newton's method from x, and yield what is found.

    Points at which to evaluate have the status RUNNING. For each of them, f, the gradient and
    whether another evaluation is allowed must be sent.
    """
    n, root = x.size, math.sqrt(eps)
    for _ in range(STEPS):
        values, slopes = np.zeros((4, n)), np.zeros((4, n, n))
        # Slopes need short differences: a narrow valley is curved. The Hessian needs long ones.
        reach = eps ** (1.0 / 3.0) * size, math.sqrt(root) * size
        sides = x + reach[0], x - reach[0], x + reach[1], x - reach[1]
        if any(((side < low) | (side > high)).any() for side in sides):
            break
        for side, moved in enumerate(sides):
            for i in range(n):
                values[side, i], slopes[side, i], more = yield trial(x, i, moved[i])
                if not more:
                    yield SimpleNamespace(x=x, f=f, g=g, status=NO_STEP)
        length = 0.5 * (sides[2] - sides[3])
        g = (values[0] - values[1]) / (sides[0] - sides[1])
        curvature, error = hessian(f, values[2:], slopes[2:], length)
        error = max(error, n * root * math.sqrt(root) * np.max(abs(values)))
        if curvature is None or not np.linalg.eigvalsh(curvature)[0] > SURE * error:
            break
        step = np.linalg.solve(curvature, g * length)
        level = (g * length) @ step <= GAIN * root * abs(f)
        if level or (abs(step * length) <= root * size).all():
            yield SimpleNamespace(x=x, f=f, g=g, status=GTOL)
        at = np.clip(x - step * length, low, high)
        f_new, g_new, more = yield trial(at)
        if not f_new < f:
            break
        x, f, g = at, f_new, g_new
        if not more:
            break
    yield SimpleNamespace(x=x, f=f, g=g, status=NO_STEP)


def trial(x, i=0, moved=None):
    """Return a point to be evaluated: x, or x with another component i."""
    at = x.copy()
    at[i] = x[i] if moved is None else moved
    return SimpleNamespace(x=at, status=RUNNING)


def hessian(f, values, slopes, length):
    """Return the Hessian in changes of f by `length`, or None if f is not smooth; and its error.

    For a smooth f, its values and its slopes on both sides say the same.
    """
    rise, bend = 0.5 * (values[0] - values[1]), values[0] + values[1] - 2.0 * f
    along = length * np.diagonal(slopes, axis1=1, axis2=2)
    curvature = 0.5 * (slopes[0] - slopes[1]) * length
    effect = SMOOTH * np.diagonal(curvature)
    even = abs(rise - 0.5 * (along[0] + along[1])) <= effect
    error = abs(bend - np.diagonal(curvature))
    smooth = even & (error <= effect)
    return 0.5 * (curvature + curvature.T) if smooth.all() else None, np.max(error)

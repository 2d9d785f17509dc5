"""Problems with known minima in units from 1e-12 to 1e12, and what a success there must be.

`python tests/helpers/false_success.py 10000 7` solves so many of seed 7, half of them in float32,
and prints counts.
"""

import sys

import numba
import numpy as np

import fastopt

SIZE = 3
TOLERANCE = 1e-6  # of f, in units of f
KINDS = ("bowl", "quartic", "cosh", "Rosenbrock")


@numba.njit
def fun(x, unit, center, weight, of_f, offset, kind):
    """Each family has the minimum `offset` at unit * center."""
    f = x[0] * 0
    for i in range(x.size):
        r = x[i] / unit[i] - center[i]
        if kind == 0:
            f += weight[i] * r * r
        elif kind == 1:
            f += weight[i] * (r * r + r * r * r * r)
        elif kind == 2:
            f += weight[i] * (np.exp(r) + np.exp(-r) - 2.0)
        else:
            before = x[i - 1] / unit[i - 1] - center[i - 1]
            f += r * r if i == 0 else weight[i] * (r - before * before) ** 2
    return of_f * f + offset


def problems(count, dtype, rng):
    """Return x0, data, bounds and the tolerances of `count` problems."""
    shape = count, SIZE
    unit = 10.0 ** rng.uniform(-12, 12, shape)
    mixed = rng.random(count) < 0.5
    unit = np.where(mixed[:, None], unit, unit[:, :1])
    of_f = 10.0 ** rng.uniform(-12, 12, count)
    center = rng.uniform(-3, 3, shape)
    weight = 10.0 ** rng.uniform(-1, 1, shape)
    offset = np.where(rng.random(count) < 0.5, 0.0, of_f * 10.0 ** rng.uniform(-3, 3, count))
    kind = rng.integers(0, len(KINDS), count)
    start = center + rng.uniform(-2, 2, shape)
    start[rng.random(shape) < 0.1] = 0.0
    width = 10.0 ** rng.uniform(-1, 3, (2, *shape))
    low = np.minimum(start, center) - width[0]
    high = np.maximum(start, center) + width[1]
    low = np.where(rng.random(shape) < 0.3, -np.inf, low)
    high = np.where(rng.random(shape) < 0.3, np.inf, high)
    # gtol bounds the gradient in units of f and of the largest unit of x.
    gtol = 1e-4 * of_f / unit.max(axis=1)
    x0, unit, center, weight, of_f, offset = (
        a.astype(dtype) for a in (start * unit, unit, center, weight, of_f, offset)
    )
    wide = np.stack([low, high], -1) * unit[..., None].astype(float)
    side = np.stack([np.minimum(wide[..., 0], x0), np.maximum(wide[..., 1], x0)], -1)
    return x0, (unit, center, weight, of_f, offset, kind), side, gtol


def check(count, dtype, seed, part=slice(None), given=True):
    """Solve a part of so many problems; return successes, false ones' numbers, result and gaps.

    Without a `given` gtol, the search stops by its own tests.
    """
    x0, data, bounds, gtol = problems(count, dtype, np.random.default_rng(seed))
    x0, bounds, gtol, data = x0[part], bounds[part], gtol[part], tuple(a[part] for a in data)
    options = {"gtol": gtol} if given else {}
    res = fastopt.minimize_batch(fun, x0, data, bounds=bounds, options=options)
    wide = [a.astype(float) if a.dtype.kind == "f" else a for a in data]
    of_f, offset = wide[3:5]
    at = res.x.astype(float)
    value = np.array([fun.py_func(at[b], *(a[b] for a in wide)) for b in range(len(x0))])
    gap = (value - offset) / of_f
    # Rounding of f hides what is below it, and rounding of x moves f by its curvature.
    eps = np.finfo(dtype).eps
    allowed = TOLERANCE + 1e3 * eps * np.abs(offset) / of_f + 1e6 * eps**2
    return int(res.success.sum()), np.flatnonzero(res.success & (gap > allowed)), res, gap


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for dtype in (np.float64, np.float32):
        successes, false, res, gap = check(count // 2, dtype, seed)
        print(dtype.__name__, count // 2, "problems,", successes, "successes,", len(false), "false")
        for b in false[:10]:
            print("   ", b, gap[b], res.status[b], res.nfev[b])


if __name__ == "__main__":
    main()

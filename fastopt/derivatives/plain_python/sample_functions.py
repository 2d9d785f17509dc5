"""NumPy's functions of samples for arrays of plain duals; NumPy's own do not support objects."""

import functools

import numpy as np


def along(function):
    """Decorate a function of all items of an array, so that it accepts an axis, too."""

    @functools.wraps(function)
    def call(a, axis=None, **kws):
        if axis is None:
            return function(a, **kws)
        rows = np.moveaxis(np.asarray(a, object), axis, -1)
        made = np.empty(rows.shape[:-1], object)
        for index in np.ndindex(made.shape):
            made[index] = function(rows[index], **kws)
        return made if made.ndim else made[()]

    return call


def _between(x, xp, fp, left, right):
    last = len(xp) - 1
    if last == 0 or x < xp[0]:
        return (fp[0] if left is None or x >= xp[0] else left) + 0.0 * x
    if x >= xp[last]:
        return (fp[last] if right is None or x == xp[last] else right) + 0.0 * x
    k = max(k for k in range(last) if xp[k] <= x) if x == x else 0
    return (fp[k + 1] - fp[k]) / (xp[k + 1] - xp[k]) * (x - xp[k]) + fp[k]


def interp(x, xp, fp, left=None, right=None):
    if len(xp) == 0 or len(xp) != len(fp):
        raise ValueError("xp and fp must be equally long, and not empty")
    made = [_between(v, xp, fp, left, right) for v in np.ravel(np.asarray(x, object))]
    return np.array([*made, None], object)[:-1].reshape(np.shape(x)) if np.ndim(x) else made[0]


def _known(a):
    flat = np.ravel(np.asarray(a, object))
    return flat[[bool(v == v) for v in flat]]


@along
def nansum(a):
    return np.sum(_known(a))


@along
def nanmean(a):
    return np.sum(_known(a)) / len(_known(a))


@along
def nanmax(a):
    return np.max(_known(a))


@along
def nanmin(a):
    return np.min(_known(a))


@along
def median(a):
    order = np.sort(np.ravel(np.asarray(a, object)))
    for v in order:
        if v != v:
            return v
    half = order.size // 2
    return order[half] if order.size % 2 else (order[half - 1] + order[half]) / 2.0


def linspace(start, stop, num=50):
    step = (stop - start) / max(num - 1, 1)
    made = [start + i * step for i in range(num)]
    return np.array([*made[:-1], stop] if num > 1 else made, object)


def polyval(p, x):
    y = 0.0 * x
    for c in p:
        y = y * x + c
    return y


FUNCTIONS = {
    getattr(np, f.__name__): f
    for f in (interp, nansum, nanmean, nanmax, nanmin, median, linspace, polyval)
}

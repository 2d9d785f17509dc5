"""Contests of one step over an array, or a list of arrays, with a constant gradient."""

import functools

import numba
import numpy as np

from ..helpers import limits
from .contest_types import Entry, Work

THREADS = numba.get_num_threads()
SIZES = {"1,000": 1_000, "1M": 1_000_000, "20M": 20_000_000}
STEPS = 5


@functools.lru_cache(1)
def arrays(shape, dtype):
    rng = np.random.default_rng(6)
    x, g = (rng.uniform(-1.0, 1.0, shape).astype(dtype) for _ in range(2))
    return {"x": x, "g": g, "steps": STEPS}


def stepped(method, x, g):
    """Return x after the steps, in float64, by the closed form for a constant gradient."""
    for t in range(1, STEPS + 1):
        share = {"rmsprop": 1.0 - 0.9**t, "adagrad": t, "adam": 1.0}[method]
        x = x - 1e-3 * g / np.sqrt(share * g * g + 1e-16)
    return x


def sweep(method, size, dtype, count=None):
    """Return the work of a step over one array of a size, or over a list of `count` such arrays.

    The place of epsilon differs among peers, and matters at tiny g only. Peers do not check whether
    gradients are finite; fastopt does by default.
    """
    n, slots = SIZES[size], 2 if method == "adam" else 1
    shape = (count, n) if count else (n,)
    threads = THREADS if n >= 1_000_000 else 1  # waking others takes longer than the work
    over = f"{count} arrays of {size} {dtype}" if count else f"{size} {dtype}"

    def differs(answer):
        x, g = (arrays(shape, dtype)[name].ravel()[:100_000].astype(float) for name in ("x", "g"))
        away = np.abs(answer.ravel()[:100_000] - stepped(method, x, g))[np.abs(g) > 0.05].max()
        return "" if away <= 1e-6 else f"x is {away:.2g} away after {STEPS} steps"

    entries = [
        Entry("fastopt", "ours.py", method),
        Entry("fastopt, gradients checked", "ours.py", f"{method}, checked"),
        Entry("torch, foreach", "by_torch.py", f"{method}, foreach"),
        Entry("torch, fused", "by_torch.py", f"{method}, fused"),
        Entry("optax, buffers donated", "by_optax.py", method),
        Entry("NumPy, in place", "by_numpy.py", method),
    ]
    if method == "rmsprop":
        del entries[3]  # torch has none
    if count:
        del entries[-1]  # NumPy's time is `count` times that over one array
    limit = functools.partial(limits.stream, dtype, slots, n, threads)  # no root, no division
    if method == "rmsprop":
        limit = functools.partial(limits.rmsprop, dtype, n, threads)
    return Work(
        f"{method} over {over}",
        f"One step of {method} over {over}",
        functools.partial(arrays, shape, dtype),
        differs,
        tuple(entries),
        None if count else limit,
    )

"""Variants of running one fit's JAX function over all fits; a peer gets the fastest."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import turns

ALL, EACH = "vmap", "map"  # a number n means a sequential map over vmaps of n
BATCHES = (ALL, EACH, 100, 1_000)
THREADED = (EACH, 100)


def over(one, size):
    """Return a compiled function of y (problems, 64) that calls `one` for each row."""
    if size == ALL:
        return jax.jit(jax.vmap(one))
    several = {} if size == EACH else {"batch_size": size}
    return jax.jit(lambda y: jax.lax.map(one, y, **several))


def fastest(one, y, batches=BATCHES):
    """Return the job of the fastest way, and a dict with its name; (ALL,) leaves no choice."""
    if batches == (ALL,):
        return job(over(one, ALL), y, 1), {"way": ALL}
    jobs = {(size, 1): job(over(one, size), y, 1) for size in batches}
    trial = {way: turns.quickest(run) for way, run in jobs.items()}
    # XLA runs a map's small operations on one thread, so parts of the batch, a thread each, may
    # help. Larger vmaps are not tried: with them two calls of optimistix's LevenbergMarquardt
    # deadlock. This was seen with jaxlib 0.10.2, for vmaps of 1,000 and of all, with asynchronous
    # calls or without.
    size = min((s for s in batches if s in THREADED), key=lambda s: trial[s, 1])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    jobs[size, cores] = job(over(one, size), y, cores)
    trial[size, cores] = turns.quickest(jobs[size, cores])
    way = min(trial, key=trial.get)
    name = f"vmaps of {way[0]} in a map" if isinstance(way[0], int) else way[0]
    return jobs[way], {"way": f"{name}, {way[1]} threads" if way[1] > 1 else name}


def job(compiled, y, parts):
    """Return a warm function without arguments that runs `compiled` over y in `parts` threads."""
    cuts = [len(y) * k // parts for k in range(parts + 1)]
    pieces = [jax.numpy.asarray(y[slice(*pair)]) for pair in itertools.pairwise(cuts)]
    pool = ThreadPoolExecutor(parts)

    def run():
        call = pool.map if parts > 1 else map
        return list(call(lambda piece: jax.block_until_ready(compiled(piece)), pieces))

    run()
    return lambda: np.concatenate(run())

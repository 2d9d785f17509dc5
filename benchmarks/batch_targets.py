"""Print the figures that `minimize_batch` is held to, as ratios measured in one run.

Usage::

    python -m benchmarks.batch_targets

Limits and peers are measured in turn with our own work, each in a process of its own; the peers in
the Python that FASTOPT_PEERS_PYTHON names, or in this one. Of every peer's answers it says how many
have a largest gradient component of 1e-6 at most.
"""

import functools
import pathlib
import statistics
import tempfile
import time

import numba
import numpy as np

from . import batch, fits, limits
from .peers.batch import largest
from .targets import line

AUTO, FIXED = "10,000 fits to gtol 1e-6", "10,000 fits, 500 iterations"
OURS = {"sums in order": batch.misfit, "fastmath": batch.free}
WANTED = {"L-BFGS-B": 100, "curve_fit": 20, "jaxopt": 8, "optimistix": 8, "optax": 3}


def main():
    print(f"{'figure':58} {'wanted':>10} {'measured':>10}")
    t, y = fits.make(batch.PROBLEMS)
    ours = against_limits(t, y)
    against_peers(ours)
    scaling(t, y)
    tails()
    sizes()


def clock(job):
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin


def against_limits(t, y, rounds=7):
    """Both jobs, with either objective, over the hand-written C; our seconds by both."""
    jobs = {}
    for how, fun in OURS.items():
        jobs[AUTO, how] = functools.partial(batch.solve, t, y, fun=fun)
        jobs[FIXED, how] = functools.partial(batch.fixed, t, y, fun=fun)
        gradients = largest(jobs[AUTO, how]().x, t, y)
        share, worst = np.mean(gradients <= 1e-6), gradients.max()
        print(f"    ours to gtol 1e-6, {how}: {share:.2%} within, worst {worst:.2e}")
        jobs[FIXED, how]()
    ours, theirs = {key: [] for key in jobs}, {AUTO: [], FIXED: []}
    for _ in range(rounds):
        found = limits.measure("limits_fits") if limits.program() else {}
        theirs[AUTO].append(found.get("fits_auto", float("nan")))
        theirs[FIXED].append(found.get("fits_fixed", float("nan")))
        for key, job in jobs.items():
            ours[key].append(clock(job))
    mid = {key: statistics.median(times) for key, times in ours.items()}
    for (name, how), seconds in mid.items():
        limit, wanted = statistics.median(theirs[name]), "<= 2.0" if name == AUTO else ""
        line(f"{name}, {how}, over the C limit", wanted, f"{seconds / limit:.2f}")
        print(f"    {seconds:.4f} s against {limit:.4f} s on {numba.get_num_threads()} threads")
    return mid


def against_peers(ours):
    """Each peer's time over ours (fastmath; sums in order): by `jax.vmap`, by its fastest way."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "fits.npz"
        fits.save(file, batch.PROBLEMS)
        for script in ("batch_scipy.py", "batch_jax.py", "batch_optax.py"):
            for found in fits.peer(script, file):
                name, fixed = found["name"], script == "batch_optax.py"
                job = FIXED if fixed else AUTO
                wanted = next((f">= {w}" for key, w in WANTED.items() if key in name), "")
                tried = found["settings"].pop("tried", {})
                if "vmap x 1" in tried:
                    line(f"{name}, vmap, over ours", wanted, ratios(tried["vmap x 1"], ours, job))
                    name, wanted = f"{name}, fastest way", ""
                line(f"{name} over ours", wanted, ratios(found["seconds"], ours, job))
                within = "" if fixed else f", {found['within']:.2%} within"
                print(
                    f"    {found['seconds']:.3f} s{within}; {found['version']}; {settings(found)}"
                )


def ratios(seconds, ours, job):
    return "; ".join(f"{seconds / ours[job, how]:.1f}" for how in ("fastmath", "sums in order"))


def settings(found):
    return ", ".join(f"{name} {value}" for name, value in found["settings"].items())


def scaling(t, y, rounds=3):
    """Throughput of all threads over that of as many processes."""
    threads = numba.get_num_threads()
    together, apart = [], []
    for _ in range(rounds):
        together.append(batch.throughput(None, t, y))
        apart.append(batch.processes(threads))
    ratio = statistics.median(together) / statistics.median(apart)
    line(f"fits a second, {threads} threads over {threads} processes", ">= 0.95", f"{ratio:.2f}")
    print(f"    {statistics.median(together):,.0f} against {statistics.median(apart):,.0f}")


def tails():
    """A heavy-tailed mix over its work divided by the threads."""
    for place in batch.TrackTail.params:
        job = batch.TrackTail()
        try:
            job.setup(place)
        except NotImplementedError as reason:
            print(f"heavy tail: {reason}")
            return
        title = f"heavy-tailed mix (1 % of 1,000 times the work, {place})"
        line(f"{title} over its share", "<= 1.1", f"{job.track_balance(place):.2f}")


def sizes():
    """Cost a fit by the size of the batch."""
    costs = {}
    for problems in (1_000, 10_000, 100_000, 1_000_000):
        job = batch.TrackBatches()
        job.setup(problems)
        costs[problems] = job.track_fit(problems) / 1e3
    shown = ", ".join(f"{cost:.2f} us at {problems:,}" for problems, cost in costs.items())
    line(
        "cost a fit, 1,000,000 problems over 1,000",
        "<= 1.1",
        f"{costs[1_000_000] / costs[1_000]:.2f}",
    )
    print(f"    {shown}")


if __name__ == "__main__":
    main()

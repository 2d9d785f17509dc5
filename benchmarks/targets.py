"""Print the figures that the core is held to, as ratios measured in one run.

Usage::

    python -m benchmarks.targets

Every line has the figure, what is wanted of it, and what was measured. Limits are measured in turn
with our own work, each in a process of its own; so is JAX, in the Python that FASTOPT_PEERS_PYTHON
names, or in this one.
"""

import statistics

import numba
import numpy as np

from . import derivatives, limits, startup
from .work import ITERATIONS, Sweep, iterate, median


def main():
    print(f"{'figure':58} {'wanted':>10} {'measured':>10}")
    if limits.program() is None:
        print("no C compiler: the limits cannot be measured")
    else:
        against_limits()
    calls()
    gradients()
    processes()


def line(name, wanted, measured):
    print(f"{name:58} {wanted:>10} {measured:>10}")


def against_limits(rounds=5):
    """Sweeps and iterations over the hand-written C of limits.c."""
    single, double = (Sweep("rmsprop", 20_000_000, t) for t in (np.float32, np.float64))
    iterate()
    jobs = {
        "stream_f32": single,
        "stream_f64": double,
        "rosenbrock": lambda: iterate(),
    }
    ours, limit = {name: [] for name in jobs}, {name: [] for name in jobs}
    for _ in range(rounds):
        for name, seconds in limits.measure().items():
            limit[name].append(seconds)
        for name, job in jobs.items():
            ours[name].append(median(job) / (ITERATIONS if name == "rosenbrock" else 1))
    mid = {name: (statistics.median(ours[name]), statistics.median(limit[name])) for name in jobs}
    for name, kind in (("stream_f32", "float32"), ("stream_f64", "float64")):
        a, b = mid[name]
        title = f"rate of an RMSProp sweep over the stream's, 20M {kind}"
        line(title, ">= 0.9", f"{b / a:.2f}")
        print(f"    {a * 1e3:.2f} ms against {b * 1e3:.2f} ms on {numba.get_num_threads()} threads")
    a, b = mid["rosenbrock"]
    line("RMSProp iteration, 2-D Rosenbrock, over the C loop", "<= 1.3", f"{a / b:.2f}")
    print(f"    {a * 1e9:.1f} ns against {b * 1e9:.1f} ns")


def calls():
    """Cost of one call on a small array."""
    sweep = Sweep("rmsprop", 1_000, np.float32)

    def thousand():
        for _ in range(1_000):
            sweep.bare()

    line(
        "sweep kernel, 1,000 float32, called from Python",
        "<= 2 us",
        f"{median(thousand) * 1e3:.2f} us",
    )


def gradients(rounds=5):
    """A decay fit's derived gradient over one by hand and over JAX's, in turn."""
    fits = derivatives.Fits()
    jobs = {name: derivatives.compiled(f, d, **k) for name, (f, d, k) in derivatives.JOBS.items()}
    times = {name: [] for name in jobs}
    threads, all_threads, jax = numba.get_num_threads(), [], []
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].append(fits.nanoseconds(job))
        all_threads.append(fits.nanoseconds(jobs["array"], threads))
        jax.append(derivatives.jax_nanoseconds(fits))
    mid = {name: statistics.median(values) for name, values in times.items()}
    for name in ("loop", "array", "loop, fastmath"):
        hand = "by hand, fastmath" if "fastmath" in name else "by hand"
        title = f"derived gradient of a decay fit ({name}) over one by hand"
        line(title, "<= 1.3", f"{mid[name] / mid[hand]:.2f}")
        print(f"    {mid[name]:.0f} ns against {mid[hand]:.0f} ns")
    if None in jax:
        print("no JAX: set FASTOPT_PEERS_PYTHON to a Python that has it")
        return
    ours, theirs = statistics.median(all_threads), statistics.median(jax)
    line("derived gradient of a decay fit (array) over JAX's", "<= 0.4", f"{ours / theirs:.2f}")
    print(f"    {ours:.0f} ns against {theirs:.0f} ns a fit, {threads} threads")


def processes(rounds=7):
    """Import and start-up, whole processes, the best of each: other work on a host only adds."""
    run = startup.Processes()
    cold = run.seconds("minimize")
    names = tuple(startup.PROGRAMS)
    run.seconds(names[3])  # fills Numba's own cache
    times = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            times[name].append(run.seconds(name))
    best = {name: min(values) for name, values in times.items()}
    more = best["import fastopt"] - best["import numba"]
    line("import fastopt over import numba", "<= 0.15 s", f"{more:.2f} s")
    more = best["minimize"] - best[names[3]]
    line("second process, minimize over one cached Numba call", "<= 0.4 s", f"{more:.2f} s")
    print(f"    {best['minimize']:.2f} s against {best[names[3]]:.2f} s")
    line("first process, nothing cached", "", f"{cold:.2f} s")


if __name__ == "__main__":
    main()

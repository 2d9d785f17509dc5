"""Batches on a device: from its own memory, from the host's, and compared with the CPU."""

import time

import numpy as np

import fastopt

from . import jobs
from .clock import spread


def solve(job, device="cuda", y=None):
    """Solve all problems; `y` may be the data on the device."""
    y = job.y if y is None else y
    return fastopt.minimize_batch(job.fun, job.x0, y, (job.t,), device=device, **job.how)


def clock(call, repeats):
    """Return the spread of the seconds of calls that wait by themselves, and the last result."""
    times, result = [], None
    for _ in range(repeats):
        began = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - began)
    return spread(times), result


def said(result):
    """Return a summary of a batch's result."""
    return {
        "evaluations": int(result.nfev.sum()),
        "most": int(result.nfev.max()),
        "converged": float(result.success.mean()),
        "problems": len(result.nfev),
    }


def there(array):
    from numba import cuda

    return cuda.to_device(array)


def decay(lines, how, dtype):
    """Measure a million decay fits in one element type."""
    job = jobs.decays(how.problems, how.folder).cast(dtype)
    with lines.attempt(f"decay fits, {dtype}, in the device's memory"):
        y = there(job.y)
        began = time.perf_counter()
        solve(job, y=y)
        lines.figure(f"first call, {dtype}", time.perf_counter() - began, "s", kind="first")
        seconds, result = clock(lambda: solve(job, y=y), how.repeats)
        lines.figure(
            f"{dtype}, in the device's memory", seconds, "s", kind="resident", **said(result)
        )
        roofline(lines, how, job, seconds["median"], result, dtype)
        gradients(lines, job, result, dtype)
        y = None  # its memory is free again
    with lines.attempt(f"decay fits, {dtype}, against the CPU's"):
        some = job.part(0, how.agree)
        compare(lines, f"decay fits, {dtype}", solve(some), solve(some, "cpu"), dtype)
    with lines.attempt(f"decay fits, {dtype}, from the host's memory"):
        solve(job)
        seconds, result = clock(lambda: solve(job), how.repeats)
        lines.figure(f"{dtype}, from the host's memory", seconds, "s", kind="host", **said(result))
    with lines.attempt(f"copies of the decays, {dtype}"):
        copying(lines, job, result, dtype, how)


def gradients(lines, job, result, dtype):
    """Report the share of gradients below 1e-6, computed by NumPy in float64."""
    from benchmarks.contests.decay_fit_batches import slopes

    x, y = result.x[:100_000].astype(float), job.y[:100_000].astype(float)
    g = np.abs(slopes(x, job.t.astype(float), y)).max(1)
    lines.figure(f"{dtype}, gradients below 1e-6", (g <= 1e-6).mean(), "of all", kind="within")


def copying(lines, job, result, dtype, how):
    """Measure the copies that a batch from the host's memory needs, without the fits."""
    from numba import cuda

    room = cuda.device_array(job.y.shape, job.y.dtype)

    def up():
        room.copy_to_device(job.y)
        cuda.synchronize()

    up()
    seconds, _ = clock(up, how.repeats)
    lines.figure(f"{dtype}, data to the device", seconds, "s", kind="up", bytes=job.y.nbytes)
    back = np.empty((len(job.y), 3 * result.x.shape[1] + 4), job.y.dtype)
    room = cuda.device_array(back.shape, back.dtype)

    def down():
        room.copy_to_host(back)
        cuda.synchronize()

    down()
    seconds, _ = clock(down, how.repeats)
    lines.figure(f"{dtype}, results to the host", seconds, "s", kind="down", bytes=back.nbytes)


def roofline(lines, how, job, seconds, result, dtype):
    """Report the time over the least that arithmetic allows, and the data read a second."""
    from numba import cuda

    device, evaluations = cuda.get_current_device(), int(result.nfev.sum())
    if not hasattr(device, "MULTIPROCESSOR_COUNT"):
        return
    wide = tuple(device.compute_capability) in ((8, 0), (9, 0), (10, 0))
    lanes = {"float32": 64 if tuple(device.compute_capability) == (8, 0) else 128}
    lanes["float64"] = {(8, 0): 32, (9, 0): 64, (10, 0): 64}.get(
        tuple(device.compute_capability), 2
    )
    peak = 2.0 * lanes[dtype] * device.MULTIPROCESSOR_COUNT * device.CLOCK_RATE * 1e3
    least = evaluations * job.flops / peak
    lines.figure(
        f"{dtype}, time over the arithmetic's least",
        seconds / least,
        "times",
        kind="roofline",
        assumed=f"{jobs.EXPLAINED}; {lanes[dtype]} fused multiply-adds a clock and multiprocessor"
        + ("" if wide or dtype == "float32" else " (a guess for this device)")
        + f", {peak / 1e12:.1f} Tflop/s; {evaluations:,} evaluations",
    )
    traffic = evaluations * job.bytes() / seconds / 1e9
    lines.figure(f"{dtype}, data read a second", traffic, "GB/s", kind="traffic")


def compare(lines, name, ours, theirs, dtype):
    """Compare statuses, minima and evaluations with the CPU's."""
    lines.figure(
        f"{name}: as successful as on the CPU",
        (ours.success == theirs.success).mean(),
        "of all",
        kind="same success",
        same_status=float((ours.status == theirs.status).mean()),
    )
    both = ours.success & theirs.success
    a, b = (np.asarray(r.fun, float)[both] for r in (ours, theirs))
    off = abs(a - b) / np.maximum(abs(b), np.finfo(dtype).tiny)
    lines.figure(
        f"{name}: largest difference of the minima from the CPU's",
        off.max(initial=0.0),
        "of f",
        kind="same minima",
        bound=float(1e3 * np.finfo(dtype).eps),
        beyond=float((off > 1e3 * np.finfo(dtype).eps).mean()) if both.any() else 0.0,
    )
    lines.figure(f"{name}: nfev over the CPU's", ours.nfev.sum() / theirs.nfev.sum(), "times")


def decay_cpu(lines, how):
    """Measure the decay fits on all cores, with sums in order and in any order."""
    import numba

    for dtype in ("float64", "float32"):
        job = jobs.decays(how.problems, how.folder).cast(dtype)
        free = job._replace(fun=numba.njit(fastmath=True)(jobs.decay))
        for name, one in (("sums in order", job), ("fastmath", free)):
            with lines.attempt(f"the CPU, {dtype}, {name}"):
                solve(one.part(0, how.agree), "cpu")
                seconds, result = clock(lambda one=one: solve(one, "cpu"), how.repeats)
                lines.figure(
                    f"{dtype}, all cores, {name}",
                    seconds,
                    "s",
                    kind="cpu",
                    dtype=dtype,
                    threads=numba.get_num_threads(),
                    **said(result),
                )


def examples(lines, how):
    """Measure the other batches on the device, and on all cores in the same run."""
    made = {
        "Poisson lifetime fits": jobs.lifetimes(how.lifetimes),
        "six-peak fits of 20 parameters": jobs.spectra(how.spectra),
    }
    for name, job in made.items():
        for dtype in how.dtypes if len(job.y) else ():
            with lines.attempt(f"{name}, {dtype}"):
                example(lines, f"{name}, {dtype}", job.cast(dtype), dtype, how)


def example(lines, name, job, dtype, how):
    if dtype == "float32":  # it reaches only larger gradients
        job = job._replace(how={**job.how, "tol": 1e-2})
    y, count = there(job.y), len(job.y)
    found = {}
    for device, data in (("cuda", y), ("cpu", None)):
        some = job.part(0, 64)
        solve(some, device, None if data is None else there(some.y))  # compiles
        seconds, found[device] = clock(lambda d=device, y=data: solve(job, d, y), how.few)
        rate = {"median": count / seconds["median"]}
        rate |= {"low": count / seconds["high"], "high": count / seconds["low"]}
        lines.figure(f"{name}, {device}", rate, "fits/s", kind=device, **said(found[device]))
    compare(lines, name, found["cuda"], found["cpu"], dtype)


def tails(lines, how):
    """Compare a mix, 1 % of which takes 100 times as long, with the same work spread evenly."""
    with lines.attempt("heavy-tailed mix"):
        mixed, even = jobs.tail(jobs.decays(how.mixed, how.folder), *how.tail)
        y = there(mixed.y)
        times = {}
        for name, job in (("mixed", mixed), ("even", even)):
            solve(job, y=y)
            seconds, result = clock(lambda job=job: solve(job, y=y), how.few)
            times[name] = seconds["median"] / result.nfev.sum()
            lines.figure(f"heavy-tailed, {name}", seconds, "s", kind=name, **said(result))
        ratio = times["mixed"] / times["even"]
        lines.figure("heavy-tailed mix over its mean, an evaluation", ratio, "times", kind="tail")

"""Sweeps on a device: their rate over that of a copy, small ones over an empty kernel."""

import functools
import itertools
import pathlib

import numpy as np

import fastopt
from fastopt import rules
from fastopt.targets.cpu import cpu_target as cpu

from .clock import Clock

SMALL, COUNT = 1_000, 200
ULPS = {"float32": 16, "float64": 8}  # units of max(1, |x|), as in tests/gpu/test_gpu.py
# Constants for all: torch and optax have other places for epsilon by default.
SAME = {
    "rmsprop": {"rho": 0.9, "eps": 1e-8, "eps_inside": False},
    "adagrad": {"eps": 1e-20, "eps_inside": False},
    "adam": {},
}
RATE, STEPS = 1e-2, 3


class Rule:
    """A rule with its options, coefficients and arrays for steps on a device."""

    def __init__(self, name, rate=1e-3, **options):
        self.name, self.rule = name, rules.get(name)
        self.options = rules.options_class(self.rule)(**options)
        self.uses = rules.uses(self.rule, self.options)
        self.rate, self.rule_scalar, self.t = rate, 1.0, 0
        self.next()

    def next(self):
        """Return the coefficients of the next step."""
        self.t += 1
        at = self.options, self.rate, float(self.t), self.rule_scalar
        self.c, self.rule_scalar = self.rule.coefficients(*at)
        return self.c

    def item(self, arrays):
        """Return x, g and the state of used slots, from a sequence of arrays."""
        rest = iter(arrays[2:])
        state = tuple(next(rest) if used else arrays[0] for used in self.uses)
        return arrays[0], arrays[1], state

    def count(self):
        return 2 + sum(self.uses)

    def bytes(self, n, dtype):
        """Return the bytes read and written by a step."""
        return (self.count() + self.count() - 1) * n * np.dtype(dtype).itemsize


class Place:
    """The place of the arrays: the device, or the host for the simulator's sweeps."""

    def __init__(self):
        from numba import cuda

        from fastopt.targets.cuda import cuda_target

        self.cuda, self.target, self.clock = cuda, cuda_target, Clock(cuda)
        self.simulated = cuda_target.simulated()

    def array(self, host):
        return host.copy() if self.simulated else self.cuda.to_device(host)

    def host(self, array):
        return array if self.simulated else array.copy_to_host()

    def pool(self, count, n, dtype):
        """Return `count` arrays filled with 0.1, from one upload."""
        first = self.array(np.full(n, 0.1, dtype))
        made = [first]
        for _ in range(count - 1):
            if self.simulated:
                made.append(first.copy())
                continue
            there = self.cuda.device_array(n, dtype)
            there.copy_to_device(first)
            made.append(there)
        return made


def copies(lines, how):
    """Measure the rate of copies within the device, reads plus writes: the limit of sweeps."""
    place = Place()
    for megabytes in how.copies:
        n = megabytes * 1_000_000 // 8
        with lines.attempt(f"a copy of {megabytes} MB"):
            here, there = place.pool(2, n, np.float64)
            if place.simulated:
                job = functools.partial(np.copyto, there, here)
            else:
                job = functools.partial(there.copy_to_device, here, place.cuda.default_stream())
            seconds = place.clock.device(job)
            rate = {k: 2 * n * 8 / s / 1e9 for k, s in seconds.items()}
            rate["low"], rate["high"] = rate["high"], rate["low"]
            lines.figure(f"copy of {megabytes} MB", rate, "GB/s", kind="copy")


def large(lines, how):
    """Measure every rule over many elements, and compare its steps with the CPU's."""
    place, n = Place(), how.elements
    for dtype in ("float32", "float64"):
        most = max(Rule(name).count() for name in fastopt.methods())
        with lines.attempt(f"arrays of {n:,} {dtype}"):
            arrays = place.pool(most, n, dtype)
            for name in fastopt.methods():
                with lines.attempt(f"{name}, {dtype}"):
                    large_one(lines, place, Rule(name), arrays, dtype)
            del arrays
    for name, dtype in itertools.product(fastopt.methods(), ULPS):
        with lines.attempt(f"{name}, {dtype}, against the CPU"):
            agreement(lines, place, name, dtype, how)


def large_one(lines, place, rule, arrays, dtype):
    x, g, state = rule.item(arrays)
    n, c = x.size, np.array(rule.c, dtype)
    step = functools.partial(place.target.sweep, rule.rule, rule.uses, x, g, c, state)
    seconds = place.clock.device(step)
    rate = rule.bytes(n, dtype) / seconds["median"] / 1e9
    say = {"rule": rule.name, "dtype": dtype}
    lines.figure(f"{rule.name}, {dtype}", seconds, "s", kind="sweep", rate=rate, elements=n, **say)
    waited = place.clock.wall(step, 5, 1 if place.simulated else 10)
    lines.figure(f"{rule.name}, {dtype}, waited for", waited, "s", kind="sweep, wall", **say)


def agreement(lines, place, name, dtype, how):
    """Report the largest difference from the CPU's x after some steps, in units of last place."""
    rule, rng, n = Rule(name, 0.1), np.random.default_rng(3), how.agree
    host = [rng.normal(size=n).astype(dtype) for _ in range(2)]
    host += [np.zeros(n, dtype) for _ in range(rule.count() - 2)]
    there = [place.array(a) for a in host]
    for _ in range(STEPS):
        c = np.array(rule.c, dtype)
        for target, arrays in ((cpu, host), (place.target, there)):
            x, g, state = rule.item(arrays)
            target.sweep(rule.rule, rule.uses, x, g, c, state)
        rule.next()
    error = abs(place.host(there[0]).astype(float) - host[0]) / np.maximum(1.0, abs(host[0]))
    ulps = error.max() / np.finfo(dtype).eps
    lines.figure(f"{name}, {dtype}", ulps, "ulp", kind="sweep, ulp", bound=ULPS[dtype], rule=name)


def nothing(n, arrays, c):
    """Do nothing: an empty kernel with the arguments of a sweep."""


def small(lines, how):
    """Measure sweeps of 1,000 elements, on the device and per call, and an empty kernel."""
    place = Place()
    for dtype, name in itertools.product(("float32", "float64"), ("rmsprop", "adam", "sgd")):
        with lines.attempt(f"{name}, {dtype}, {SMALL:,} elements"):
            small_one(lines, place, Rule(name), np.dtype(dtype), how)
    with lines.attempt(f"{COUNT} arrays in one launch"):
        together(lines, place, how)


def small_one(lines, place, rule, dtype, how):
    from fastopt.targets.cuda.steps import step_on_device, sweep_launcher

    x, g, state = rule.item(place.pool(rule.count(), how.small, dtype))
    sweep = functools.partial(place.target.sweep, rule.rule, rule.uses, x, g, rule.c, state)
    what, inner = f"{rule.name}, {dtype}", 1 if place.simulated else 300
    say = {"rule": rule.name, "dtype": str(dtype)}
    lines.figure(f"{what}, a call", place.clock.wall(sweep, 9, inner), "s", kind="call", **say)
    lines.figure(f"{what}, device", place.clock.queued(sweep), "s", kind="small", **say)
    if place.simulated:
        return
    launches = place.target.launches()
    signature = sweep_launcher.signature("together", rule.rule, rule.uses, dtype)
    empty = place.cuda.jit(signature)(nothing)
    used = [a for a, u in zip(state, rule.uses, strict=True) if u]
    addresses = tuple(a.device_ctypes_pointer.value for a in (x, g, *used))
    words = step_on_device.pack_coefficients(rule.rule, rule.c, dtype)
    threads = step_on_device.THREADS
    blocks = -(-(x.size * dtype.itemsize // step_on_device.LINE) // threads)

    def numbas():
        empty[blocks, threads](x.size, addresses, words)

    (compiled,) = empty.overloads.values()
    kernel = getattr(compiled.library.get_cufunc(), "kernel", None)
    jobs = {"empty, Numba's launch": numbas}
    if kernel is not None:
        config = launches.core.LaunchConfig(grid=blocks, block=threads)
        queue = launches.core.Stream.from_handle(0)
        jobs["empty, bare launch"] = functools.partial(
            launches.core.launch, queue, config, kernel, x.size, *addresses, *words
        )
    for how_launched, job in jobs.items():
        seconds = place.clock.wall(job, 9, inner)
        lines.figure(f"{what}, {how_launched}, a call", seconds, "s", kind=how_launched, **say)
    lines.figure(f"{what}, empty, device", place.clock.queued(job), "s", kind="small, empty", **say)


def together(lines, place, how):
    rule = Rule("rmsprop")
    items = [rule.item(place.pool(rule.count(), how.small, np.float32)) for _ in range(how.arrays)]
    step = functools.partial(place.target.sweep_all, rule.rule, rule.uses, items, rule.c)
    inner, name = 1 if place.simulated else 50, f"{how.arrays} arrays of {how.small:,}"
    lines.figure(f"{name}, a call", place.clock.wall(step, 7, inner), "s", kind="several, call")
    seconds = place.clock.queued(step, inner=20)
    lines.figure(f"{name}, device", seconds, "s", kind="several")


def expected(file):
    """Write x after some steps on the CPU, with which peers compare theirs."""
    rng, n, found = np.random.default_rng(5), 10_000, {}
    found["x0"], found["g"] = rng.normal(size=n), rng.normal(size=n)
    for name, options in SAME.items():
        for dtype in ULPS:
            rule = Rule(name, RATE, **options)
            x, g = found["x0"].astype(dtype), found["g"].astype(dtype)
            state = tuple(np.zeros(n, dtype) if used else x for used in rule.uses)
            for _ in range(STEPS):
                cpu.sweep(rule.rule, rule.uses, x, g, np.array(rule.c, dtype), state)
                rule.next()
            found[f"{name}_{dtype}"] = x
    np.savez(pathlib.Path(file), **found)

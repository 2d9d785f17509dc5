"""The parts of the report in order of weight, their time limits, and the sizes of their work."""

import importlib
import pathlib
from typing import Any, NamedTuple

import numpy as np


class How(NamedTuple):
    """Sizes of the work."""

    folder: Any = None  # folder with the decays, for all parts and peers
    copies: tuple = (400, 800, 1600)  # MB
    elements: int = 100_000_000
    agree: int = 10_000  # elements or problems compared with the CPU
    small: int = 1_000
    arrays: int = 200
    problems: int = 1_000_000
    lifetimes: int = 262_144
    spectra: int = 4_000
    mixed: int = 500_000
    tail: tuple = (20.0, 100.0, 100)  # iterations, factor of a heavy problem, one in 100 is heavy
    sizes: tuple = (1_000, 1_000_000)
    evaluations: int = 300
    repeats: int = 3
    few: int = 2
    dtypes: tuple = ("float64", "float32")


QUICK = How(
    copies=(1, 8),
    elements=1_000_000,
    problems=20_000,
    lifetimes=5_000,
    spectra=100,
    mixed=20_000,
    sizes=(1_000,),
    evaluations=50,
    few=1,
)
# Tiny sizes, since each thread of the simulator is a Python thread.
SIMULATED = How(
    copies=(1,),
    elements=1_100,
    agree=3,
    small=30,
    arrays=3,
    problems=3,
    lifetimes=2,
    spectra=0,
    mixed=6,
    tail=(2.0, 3.0, 6),
    sizes=(4,),
    evaluations=3,
    repeats=1,
    few=1,
    dtypes=("float64",),
)


class Part(NamedTuple):
    """A part of the report: a function of (lines, how) in a module, or a peer's script."""

    name: str
    title: str
    module: str
    function: str
    limit: float  # seconds
    arguments: tuple = ()
    peer: bool = False


def ours(name, title, where, limit, *arguments):
    module, function = where.split(".")
    return Part(name, title, module, function, limit, arguments)


def peer(name, title, script, limit, *arguments):
    return Part(name, title, script, "", limit, arguments, True)


PARTS = (
    ours("copies", "Copies within the device", "sweeps.copies", 40),
    ours("sweeps", "Sweeps over large arrays", "sweeps.large", 90),
    ours("decay64", "Decay fits, float64", "batches.decay", 90, "float64"),
    ours("cpu", "Decay fits on the CPU's cores", "batches.decay_cpu", 80),
    ours("small", "Sweeps over small arrays", "sweeps.small", 60),
    peer("jax", "Decay fits by JAX", "gpu_jax.py", 110),
    peer("torch", "PyTorch's optimisers", "gpu_torch.py", 100),
    peer("optax", "Optax", "gpu_optax.py", 60),
    ours("decay32", "Decay fits, float32", "batches.decay", 60, "float32"),
    ours("minimize", "minimize on device arrays", "single.run", 60),
    ours("tails", "A heavy-tailed mix", "batches.tails", 40),
    ours("examples", "Other batches", "batches.examples", 80),
)


def data(folder, how):
    """Write the common data of parts and peers into a folder, computed on the CPU."""
    from . import jobs, sweeps

    folder = pathlib.Path(folder)
    job = jobs.decays(how.problems)
    np.save(folder / "t.npy", job.t)
    np.save(folder / "y.npy", job.y)
    sweeps.expected(folder / "steps.npz")


def run(name, lines, how):
    """Run one of our own parts, "machine" or "data", in this process."""
    if name == "data":
        data(how.folder, how)
        return
    if name == "machine":
        from . import machine

        machine.run(lines, how)
        return
    (part,) = (p for p in PARTS if p.name == name)
    module = importlib.import_module(f"benchmarks.gpu_parts.{part.module}")
    getattr(module, part.function)(lines, how, *part.arguments)

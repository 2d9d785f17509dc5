"""Checks and conversion of the arguments of a batch."""

import math
import os
from typing import Any, NamedTuple

import numpy as np

from fastopt._sentences import counted
from fastopt.algorithms import batch_worker
from fastopt.algorithms.batch_worker import ProblemData
from fastopt.arrays import data_rows
from fastopt.compiling import compiler
from fastopt.inputs import compiled_arguments, option_tables
from fastopt.inputs.start_and_bounds import boxes_of, floats

NAMES = "x0", "data[{}]"  # of the start and of a field of the data, in errors
# Bytes of results for which the system need not be asked. The answer takes 0.1 ms.
ALWAYS_FITS = 1 << 24


class Example(NamedTuple):
    """The problem with the most data; the loop is compiled for its types and sizes."""

    x0: Any
    box: Any  # (low, high) or None
    rows: tuple  # this problem's row of each field


class Batch(NamedTuple):
    """The checked arguments of a batch."""

    problems: int
    shape: tuple  # shape of a problem's x
    problem_data: ProblemData
    settings: Any  # Options
    example: Any  # Example, or None if there are no problems


def read(rule, x0, data, args, bounds, tol, options, adopt=None, names=NAMES):
    """Return the `Batch` of these arguments; `adopt` as in `data_rows.fields_of`.

    `names` are as in `NAMES`.
    """
    fields = data_rows.fields_of(data, adopt)
    start, field_name = names
    starts, shape, lengths = starts_of(x0, adopt, start)
    shared, columns, tol = option_tables.per_problem_options(options, tol)
    box = boxes_of(bounds, starts, shape, start)
    lengths |= {field_name.format(k): data_rows.count(field) for k, field in enumerate(fields)}
    lengths |= option_tables.count(columns)
    if box and len(box[0]) > 1:
        lengths["bounds"] = len(box[0])
    problems = common_length(lengths)
    if not problems:
        columns = {}
    settings = option_tables.parse(rule, shared, columns, tol, starts.dtype)
    tables = option_tables.tables(settings, columns)
    args = compiled_arguments.checked(args)
    low, high = box or (starts, starts)
    problem_data = ProblemData(starts, low, high, fields, args, *tables)
    example = example_of(problem_data, shape, box) if problems else None
    return Batch(problems, shape, problem_data, settings, example)


def example_of(problem_data, shape, box):
    """Return the problem with the most data as an `Example`."""
    b = data_rows.longest(problem_data.fields)
    sides = box and tuple(side[batch_worker.row_of(side, b)] for side in box)
    rows = tuple(data_rows.row(field, b) for field in problem_data.fields)
    x0 = np.array(data_rows.row(problem_data.x0, batch_worker.row_of(problem_data.x0, b))).reshape(
        shape
    )
    return Example(x0, sides, rows)


def starts_of(x0, adopt: Any = None, name="x0"):
    """Return x0 with one row for each problem or for all, the shape of a row, and its length.

    The length is a dict from `name`, that of x0 in errors, to the number of rows.
    """
    if data_rows.is_elsewhere(x0):
        return starts_on_device(adopt(name, x0))
    x = floats(x0, name)
    if x.ndim < 2:
        x, lengths = x.reshape(1, -1), {}
        if not np.isfinite(x).all():
            raise ValueError(f"{name}, the start of all problems, is not finite")
    else:
        lengths = {name: len(x)}
    shape = x.shape[1:]
    if math.prod(shape) == 0:
        raise ValueError(f"{name} has shape {np.shape(x0)}; a problem needs at least one component")
    return x.reshape(len(x), math.prod(shape)).view(), shape, lengths


def starts_on_device(x):
    """Return the same as `starts_of`, for an x0 on a device."""
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(f"x0 has dtype {x.dtype}; on a device float64 and float32 are accepted")
    shape, problems = x.shape[1:], len(x) if x.ndim > 1 else 1
    if x.ndim < 2:
        return x.reshape(1, x.size), x.shape or (1,), {}
    return x.reshape(problems, math.prod(shape)), shape, {"x0": problems}


def common_length(lengths):
    """Return the number of problems; raise if the lengths differ."""
    if not lengths:
        raise ValueError(
            "the number of problems is not known: x0 is one start for all, and there are no data; "
            "give x0 with a row for each problem, or use fastopt.minimize"
        )
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {n:,}" for name, n in lengths.items())
        raise ValueError(f"the numbers of problems differ: {said} (their leading axes)")
    return next(iter(lengths.values()))


def workers_of(workers: Any):
    """Return (threads, executor or None)."""
    if workers is None:
        return compiler.thread_limit(), None
    if hasattr(workers, "submit") and not isinstance(workers, type):
        return 1, workers
    if isinstance(workers, int | np.integer) and not isinstance(workers, bool) and workers > 0:
        return int(workers), None
    raise ValueError(
        f"workers = {workers!r}; it must be a positive number of threads, or an executor with "
        "a submit method, as in concurrent.futures"
    )


def callback_of(callback):
    """Return the user's callback as a function of (done, total) that returns True to stop."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback must be a function, not {type(callback).__name__}")

    last_done = -1

    def call(done, total):
        nonlocal last_done
        if last_done == done:
            return False
        last_done = done
        try:
            callback(done, total)
        except StopIteration:
            return True
        return False

    return call


def require_memory(batch):
    """Raise, before the results are allocated, if they do not fit into memory."""
    n = math.prod(batch.shape)
    needed = batch.problems * (3 * n * batch.problem_data.x0.dtype.itemsize + 7 * 8)
    if needed < ALWAYS_FITS:
        return
    free = available()
    if needed > free:
        raise MemoryError(
            f"the results of {counted(batch.problems, 'problem')} of {counted(n, 'parameter')} "
            f"take {needed / 1e9:,.1f} GB, but {free / 1e9:,.1f} GB of memory are available; solve "
            "them in parts"
        )


def available():
    """Return the available memory in bytes; infinity if the system does not report it."""
    try:
        with open("/proc/meminfo") as file:
            rows = dict(line.split(":", 1) for line in file)
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return math.inf

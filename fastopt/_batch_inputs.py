"""What the user gives a batch, checked and made ready."""

import math
import os
from typing import Any, NamedTuple

import numpy as np

from fastopt import _compile, _fields, _tables
from fastopt._feed import Given
from fastopt._inputs import boxes_of, floats


class Batch(NamedTuple):
    """Problems, ready to be solved."""

    problems: int
    shape: tuple  # of a problem's x
    given: Given
    bounded: bool
    chosen: Any  # Options
    example: tuple  # the rows of the problem with the most data


def read(rule, x0, data, args, bounds, tol, options):
    """Everything about the problems but their function."""
    from fastopt.derivatives._explain import kind_of  # takes time to import

    fields = _fields.fields_of(data)
    starts, shape, lengths = starts_of(x0)
    shared, columns, tol = _tables.columns_of(options, tol)
    box = boxes_of(bounds, starts, shape)
    lengths |= {f"data[{k}]": _fields.count(field) for k, field in enumerate(fields)}
    lengths |= _tables.count(columns)
    if box and len(box[0]) > 1:
        lengths["bounds"] = len(box[0])
    problems = common(lengths)
    if not problems:
        columns = {}
    chosen = _tables.parse(rule, shared, columns, tol, starts.dtype)
    tables = _tables.tables(chosen, columns)
    args = args if isinstance(args, tuple) else (args,)
    for k, value in enumerate(args):
        kind_of(f"args[{k}]", value)
    low, high = box or (starts, starts)
    given = Given(starts, low, high, fields, args, *tables)
    lead = _fields.longest(fields)
    example = tuple(_fields.row(field, lead) for field in fields) if problems else ()
    return Batch(problems, shape, given, box is not None, chosen, example)


def starts_of(x0):
    """x0 with a row for each problem, or one for all; the shape of a row; its length by name."""
    x = floats(x0)
    if x.ndim < 2:
        x, lengths = x.reshape(1, -1), {}
        if not np.isfinite(x).all():
            raise ValueError("x0, the start of all problems, is not finite")
    else:
        lengths = {"x0": len(x)}
    shape = x.shape[1:]
    if math.prod(shape) == 0:
        raise ValueError(f"x0 has shape {np.shape(x0)}; a problem needs at least one component")
    rows = x.reshape(len(x), math.prod(shape)).view()
    rows.flags.writeable = False  # one type for Numba, whatever it is a view of
    return rows, shape, lengths


def common(lengths):
    """The number of problems that all lengths agree in."""
    if not lengths:
        raise ValueError(
            "the number of problems is not known: x0 is one start for all, and there are no data; "
            "give x0 with a row for each problem, or use fastopt.minimize"
        )
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {n:,}" for name, n in lengths.items())
        raise ValueError(f"the numbers of problems differ: {said} (their leading axes)")
    return next(iter(lengths.values()))


def workers_of(workers):
    """(threads, executor or None)."""
    if workers is None:
        return _compile.thread_limit(), None
    if hasattr(workers, "submit"):
        return 1, workers
    whole = isinstance(workers, int | np.integer) and not isinstance(workers, bool)
    if whole and workers > 0:
        return int(workers), None
    raise ValueError(
        f"workers = {workers!r}; it must be a positive number of threads, or an executor with "
        "a submit method, as in concurrent.futures"
    )


def callback_of(callback):
    """The user's callback as a function of (done, total), true where it asks to stop."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback must be a function, not {type(callback).__name__}")

    def call(done, total):
        try:
            callback(done, total)
        except StopIteration:
            return True
        return False

    return call


def require_memory(batch):
    """Raise before the results are allocated where they cannot fit."""
    n = math.prod(batch.shape)
    needed = batch.problems * (3 * n * batch.given.x0.itemsize + 7 * 8)
    there = available()
    if needed > there:
        raise MemoryError(
            f"the results of {batch.problems:,} problems of {n:,} parameters take "
            f"{needed / 1e9:,.1f} GB, and {there / 1e9:,.1f} GB of memory are available; solve "
            "them in parts"
        )


def available():
    """Bytes of memory that can be had, as far as the system tells."""
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

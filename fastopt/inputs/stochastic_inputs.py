"""Checks and conversion of the arguments of `minimize_stochastic`."""

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from fastopt import rules, schedules
from fastopt._sentences import counted
from fastopt.arrays import data_rows
from fastopt.arrays.data_rows import Ragged
from fastopt.inputs import run_options, start_and_bounds
from fastopt.inputs.single_values import generator, number, switch, whole_number

OPTIONS = (
    "learning_rate",
    "weight_decay",
    "maxiter",
    "maxtime",
    "disp",
    "fast_math_functions",
    "finite_diff_rel_step",
    "checkpoint",
)
EPOCHS = 10  # of rows in memory


class TrainingData(NamedTuple):
    """The checked arguments except the functions and x0."""

    fields: tuple
    order: Any  # indices of the rows to train on
    validation_rows: Any  # (fields, indices) held out, or None
    batch: int
    epochs: int
    shuffle: bool
    keys: Any  # numpy.random.Generator
    average: float  # the first epoch that is averaged
    patience: float
    decay: float
    automatic: bool = False  # whether the learning rate is found on the way
    parts: int = 0  # most parts of a mini-batch, each with its own gradient; 0: it is whole
    rows: int = 0  # rows of a part
    threads: int = 1


def read(*given):
    """Return the checked arguments as `TrainingData`, and the settings with their schedule."""
    *given, settings = given
    work = rows_and_numbers(*given)
    if settings.schedule is not None:
        return work, settings
    steps = min(work.epochs * -(-len(work.order) // work.batch), settings.limits.maxiter)
    return work._replace(automatic=True), with_share(settings, steps)


def rows_and_numbers(
    data, batch_size, epochs, shuffle, seed, average, validation, patience, decay, together
):
    """Return the checked arguments as `TrainingData`."""
    fields = rows_of("data", data)
    count = data_rows.count(fields[0])
    if count == 0:
        raise ValueError("data has no rows")
    shuffle = switch("shuffle", shuffle)
    rng = generator("seed", seed)
    order = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
    validation_rows = None
    if isinstance(validation, numbers.Real):
        order, places = split(order, validation, rng if shuffle else None)
        validation_rows = fields, places
    elif validation is not None:
        validation_rows = like(fields, rows_of("validation", validation))
    if together and any(isinstance(field, Ragged) for field in fields):
        raise ValueError("with vectorized=True rows are put side by side: equal lengths are needed")
    if patience is not None and validation_rows is None:
        raise ValueError("patience counts epochs without a better validation loss; give validation")
    epochs = whole_number("epochs", EPOCHS if epochs is None else epochs)
    average = first_averaged(average)
    if epochs < average < math.inf:
        raise ValueError(f"average = {average} begins after the last epoch, {epochs}")
    return TrainingData(
        fields=fields,
        order=order,
        validation_rows=validation_rows,
        batch=min(whole_number("batch_size", batch_size), len(order)),
        epochs=epochs,
        shuffle=shuffle,
        keys=rng,
        average=average,
        patience=math.inf if patience is None else whole_number("patience", patience),
        decay=decay,
    )


def rows_of(name, data):
    """Return the fields of `data`, which must have the same number of rows."""
    fields = data_rows.fields_of(data, refuse, name, "row")
    if not fields:
        raise ValueError(f"{name} is empty; it must be an array, or a tuple of arrays, of rows")
    counts = {f"{name}[{k}]": data_rows.count(field) for k, field in enumerate(fields)}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} has {n:,}" for name, n in counts.items())
        raise ValueError(f"the numbers of rows differ: {said} (their leading axes)")
    return fields


def refuse(name, array):
    raise ValueError(f"{name} lives on a GPU; minimize_stochastic works on host arrays: copy it")


def like(fields, others):
    """Return validation data and its indices; raise if its shapes are not those of the data."""

    def kinds(fields):
        return [
            "rows of unequal lengths" if isinstance(field, Ragged) else field.shape[1:]
            for field in fields
        ]

    if kinds(fields) != kinds(others) or not data_rows.count(others[0]):
        raise ValueError(
            f"validation has rows of shapes {kinds(others)}; it must be a fraction, or one row or "
            f"more of the shapes of data's: {kinds(fields)}"
        )
    others = tuple(
        _in_type_of(field, other, f"validation[{k}]")
        for k, (field, other) in enumerate(zip(fields, others, strict=True))
    )
    count = data_rows.count(others[0])
    return others, np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)


def _in_type_of(field, other, name):
    """Return validation data in the type of the data, for which the loop is compiled."""
    new, wanted = (f.flat if isinstance(f, Ragged) else f for f in (other, field))
    if new.dtype == wanted.dtype:
        return other
    if not np.can_cast(new.dtype, wanted.dtype, "same_kind"):
        raise ValueError(f"{name} has dtype {new.dtype}, but data has {wanted.dtype} there")
    new = new.astype(wanted.dtype)
    return other._replace(flat=new) if isinstance(other, Ragged) else new


def split(order, fraction, rng):
    """Return (indices to train on, indices held out): random ones with `rng`, else the last."""
    fraction = number("validation", fraction, 0.0, 1.0)
    count = round(fraction * len(order))
    if not 0 < count < len(order):
        raise ValueError(
            f"validation = {fraction:g} holds out {count} of {counted(len(order), 'row')}; some "
            "must be held out, and some left"
        )
    if rng is not None:
        rng.shuffle(order)
    train, test = order[:-count].copy(), order[-count:].copy()
    test.sort()
    return train, test


def first_averaged(average):
    if average is None or average is False:
        return math.inf
    return 1 if average is True else whole_number("average", average)


def start_point(x0):
    if data_rows.is_elsewhere(x0):
        refuse("x0", x0)
    return start_and_bounds.start_point(x0)


def options_of(rule, options, dtype):
    """Return (options, weight decay); the default learning rate is the rule's own."""
    given = run_options.given_options(options)
    kind = rules.options_class(rule)
    for name in given:
        if name not in OPTIONS and name not in kind._fields:
            raise ValueError(run_options.unknown(name, rule, kind, OPTIONS))
    if is_automatic(given):  # the averages of the published rule, not those of `minimize`
        given = {
            **{n: kind._field_defaults[n] for n in run_options.AUTO if n in kind._fields},
            **given,
        }
    decay = number("weight_decay", given.pop("weight_decay", 0.0), 0.0)
    if decay == math.inf:
        raise ValueError("weight_decay must be finite")
    given.setdefault("maxiter", math.inf)
    return run_options.parse(rule, given, None, dtype), decay


def is_automatic(given):
    rate = given.get("learning_rate", "auto")
    return isinstance(rate, str) and rate == "auto"


def with_share(settings, steps):
    """Return the settings, with the schedule of the shares of a rate that is found on the way.

    The share falls to zero along a straight line, over all steps of the run.
    """
    return settings._replace(schedule=schedules.polynomial(1.0, steps=max(float(steps), 1.0)))

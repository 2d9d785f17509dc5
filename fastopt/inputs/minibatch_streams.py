"""Mini-batches that come one after another, from an iterator, instead of rows in memory."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastopt._sentences import counted
from fastopt.arrays.data_rows import Ragged
from fastopt.inputs import stochastic_inputs


def is_stream(data):
    """Return True for an iterator, for a function that makes one, and for what makes one again.

    Whatever has indices is rows in memory.
    """
    if hasattr(data, "__array__") or hasattr(data, "__getitem__"):
        return False
    return callable(data) or hasattr(data, "__iter__")


def _length_of(source):
    """Return the number of mini-batches in an epoch, or None.

    torch's DataLoader has a len() that raises, if its data set has none.
    """
    try:
        return len(source) if hasattr(source, "__len__") else None
    except TypeError:
        return None


def _is_minibatch(value):
    return isinstance(value, np.ndarray) or (
        isinstance(value, tuple) and all(isinstance(v, np.ndarray) for v in value)
    )


def _as_array(field, name, what):
    """Return a field as an array; raise if its rows have unequal lengths."""
    if not isinstance(field, Ragged):
        return field
    if any(len(set(axis.tolist())) > 1 for axis in field.lengths):
        raise ValueError(f"{name} of {what} has rows of unequal lengths; a stream gives arrays")
    return field.flat.reshape(len(field.starts), *(int(axis[0]) for axis in field.lengths))


class Stream:
    """A source of mini-batches, whose rows are copied into the same arrays again and again.

    Attributes
    ----------
    fields : tuple of array
        The rows of the present mini-batch. There is room for as many as the first one has.
    length : int or None
        The number of mini-batches in an epoch, if the source tells it.
    """

    def __init__(self, source: Any):
        self.source = source
        self.once = hasattr(source, "__next__")
        self.length = _length_of(source)
        self.waiting = self.begin()
        first = next(self.waiting, self)
        if first is self:
            raise ValueError("data gives no mini-batch; an iterator that was read before is empty")
        fields = self.read(first, "the first mini-batch")
        self.fields = tuple(np.array(f, order="C") for f in fields)
        self.waiting = itertools.chain([first], self.waiting)

    def begin(self):
        called = callable(self.source)
        source: Any = self.source() if called else self.source
        said = "a function that returned " * called
        if called and _is_minibatch(source):
            raise TypeError(
                f"data is {said}a mini-batch; it must return an iterator of them, such as "
                "iter([batch])"
            )
        try:
            return iter(source)
        except TypeError:
            raise TypeError(
                f"data is {said}{source!r}; it must {'return' if called else 'be'} an iterator of "
                "mini-batches, each an array or a tuple of arrays"
            ) from None

    def read(self, batch, what):
        """Return the fields of a mini-batch that the source gives."""
        if batch is None or isinstance(batch, Mapping):
            shown = "None" if batch is None else f"a {type(batch).__name__}"
            raise TypeError(f"{what} is {shown}; it must be an array or a tuple of arrays")
        batch = tuple(batch) if isinstance(batch, list) else batch
        fields = stochastic_inputs.rows_of("data", batch)
        return tuple(_as_array(field, f"data[{k}]", what) for k, field in enumerate(fields))

    def epoch(self, number):
        """Copy mini-batch after mini-batch into `fields`; yield the number of rows of each."""
        batches, self.waiting = self.waiting or self.begin(), None
        count = 0
        for count, batch in enumerate(batches, 1):
            what = f"mini-batch {count} of epoch {number}"
            fields = self.read(batch, what)
            self.require_alike(fields, what)
            rows = len(fields[0])
            for place, field in zip(self.fields, fields, strict=True):
                np.copyto(place[:rows], field, casting="same_kind")
            if rows:
                yield rows
        if count == 0:
            raise ValueError(
                f"data gives no mini-batch in epoch {number}; a function must return a new "
                "iterator at each call"
            )

    def require_alike(self, fields, what):
        """Raise if a mini-batch has not the fields of the first one."""
        kinds, wanted = ([(f.shape[1:], f.dtype) for f in fs] for fs in (fields, self.fields))
        shapes = [shape for shape, _ in kinds] == [shape for shape, _ in wanted]
        if not shapes or not all(
            np.can_cast(new, old, "same_kind")
            for (_, new), (_, old) in zip(kinds, wanted, strict=True)
        ):
            shown = (
                ", ".join(f"{shape} of {dtype}" for shape, dtype in k) for k in (kinds, wanted)
            )
            here, first = shown
            raise ValueError(f"{what} has rows of {here}; those of the first one were {first}")
        if len(fields[0]) > len(self.fields[0]):
            raise ValueError(
                f"{what} has {counted(len(fields[0]), 'row')}; none may have more than the first "
                f"one, {len(self.fields[0])}"
            )


def read(stream, epochs, average, validation, patience, decay, settings):
    """Return the checked arguments as `TrainingData`, and the settings with their schedule."""
    if isinstance(validation, float | int):
        raise ValueError(
            f"validation = {validation!r} is a share of the rows, but data is a stream; give rows"
        )
    if settings.checkpoint:
        raise ValueError("a stream cannot be read again from its middle: leave out checkpoint")
    epochs = 1 if epochs is None and stream.once else epochs
    rest = average, validation, patience, decay, False
    work = stochastic_inputs.rows_and_numbers(
        stream.fields, len(stream.fields[0]), epochs, False, None, *rest
    )
    if stream.once and work.epochs > 1:
        raise ValueError(
            f"epochs = {epochs}, but data is an iterator, which can be read once; give a function "
            "that returns a new one, or an object that can be iterated over again"
        )
    if settings.schedule is not None:
        return work, settings
    steps = min(settings.limits.maxiter, work.epochs * (stream.length or math.inf))
    if steps == math.inf:
        raise ValueError(
            'learning_rate = "auto" falls to zero over the run, and nothing tells how long this '
            "stream is; set options['maxiter'] to the number of steps, give data a len(), or give "
            "a learning rate"
        )
    return work._replace(automatic=True), stochastic_inputs.with_share(settings, steps)

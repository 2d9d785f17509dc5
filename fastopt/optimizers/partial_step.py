"""Steps that change some rows or elements of host arrays; the rest is left unchanged."""

from typing import Any, NamedTuple

import numpy as np

from fastopt._sentences import counted
from fastopt.arrays import arguments
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.turns import T
from fastopt.optimizers.foreign_arrays import is_sparse, is_torch, on_host
from fastopt.optimizers.prepared_step import HostStep, coefficients
from fastopt.targets.cpu import cpu_target as cpu


class TouchedElements(NamedTuple):
    """The elements of an array that a step changes, each once, and their gradients."""

    index: Any  # any index that NumPy accepts
    grad: np.ndarray


def touched_rows(x, grad, indices, name):
    """Return rows `indices` of x; a row that occurs several times gets the sum of its gradients."""
    rows, g = arguments.plain("indices", indices), on_host(grad, name)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise TypeError(f"indices must be vectors of whole numbers, not {indices!r}")
    if x.ndim == 0 or (g.shape, g.dtype) != ((rows.size, *x.shape[1:]), x.dtype):
        raise ValueError(
            f"{name} has shape {g.shape} and dtype {g.dtype}; for {counted(rows.size, 'row')} of "
            f"the parameter {(rows.size, *x.shape[1:])} and {x.dtype} are accepted"
        )
    if rows.size and not 0 <= rows.min() <= rows.max() < len(x):
        raise IndexError(f"indices must be from 0 to {len(x) - 1}")
    order = np.argsort(rows, kind="stable")
    unique, first = np.unique(rows[order], return_index=True)
    summed = np.add.reduceat(g[order], first, axis=0) if rows.size else g
    return TouchedElements(unique.astype(np.intp), summed)


def touched_elements(x, grad, name):
    """Return the stored elements of a sparse gradient, or all of a dense one."""
    if not is_sparse(grad):
        g = on_host(grad, name)
        index: Any = ...
    else:
        coo = grad.tocoo(copy=True)
        coo.sum_duplicates()
        g, index = coo.data, getattr(coo, "coords", None) or (coo.row, coo.col)
    if (grad.shape, g.dtype) != (x.shape, x.dtype):
        raise ValueError(
            f"{name} has shape {grad.shape} and dtype {g.dtype}, but its parameter has {x.shape} "
            f"and {x.dtype}"
        )
    return TouchedElements(index, g)


def all_rows(x, grad, name):
    """Return every row."""
    return touched_rows(x, grad, np.arange(len(x)), name)


class PartialStep(HostStep):
    """A prepared step of the touched elements of each array."""

    def prepare(self, params, grads, more, touched, state, row_wise):
        self.xs, self.state = self.arrays(params, "params"), state
        self.reject_overlap(self.xs, [])
        self.tensors = [p for p in self.tree.leaves(params, "params") if is_torch(p)]
        self.one = step_row_wise if row_wise else step
        given = [(tree,) for tree in (grads, *more)]  # a list may be the indices of one array
        if self.tree.shape is not None:
            named = zip((grads, *more), ("grads", "indices"), strict=False)
            given = [self.tree.leaves(tree, what) for tree, what in named]
        self.touched = [
            touched(x, *parts, self.tree.label("grads", k))
            for k, (x, *parts) in enumerate(zip(self.xs, *given, strict=True))
        ]

    def finite(self):
        return all(np.isfinite(t.grad).all() for t in self.touched)

    def squares(self):
        return sum(float(np.sum(np.square(t.grad, dtype=np.float64))) for t in self.touched)

    def step(self, turns):
        with DelayedInterrupts():
            for group in self.state.groups:
                c, rule_scalar = coefficients(group.rule, group.numbers)
                for k in group.members:
                    self.one(group, c, self.xs[k], self.state.slots[k], self.touched[k])
                group.numbers[-1] = rule_scalar
            turns[T] += 1
        self.announce()


def step(group, c, x, state, touched):
    """Step these elements; the rule is applied to copies of them alone."""
    at, g = touched
    used = [array for array, use in zip(state, group.uses, strict=True) if use]
    gathered = [np.ascontiguousarray(array[at]) for array in (x, *used)]
    found = iter(gathered[1:])
    full = tuple(next(found) if use else gathered[0] for use in group.uses)
    c = np.array(c, group.dtype)
    cpu.sweep(group.rule, group.uses, gathered[0], np.ascontiguousarray(g), c, full)
    for array, new in zip((x, *used), gathered, strict=True):
        array[at] = new


def step_row_wise(group, c, x, state, touched):
    """Step with one accumulator a row, which holds the mean of g² over the row.

    Rules whose only slot is v just rescale the gradient. So apply the rule once to the root mean
    square of the row's gradient, and scale the whole row by (step / root mean square).
    """
    at, g = touched
    place, axes = group.uses._fields.index("v"), tuple(range(1, g.ndim))
    g = np.clip(c.scale * g, -c.limit, c.limit) + c.decay * x[at]
    size = np.sqrt(np.mean(g * g, axis=axes))
    moved, v = np.zeros_like(size), state[place][at]
    full = tuple(v if use else moved for use in group.uses)
    plain = c._replace(scale=1.0, limit=np.inf, decay=0.0, shrink=0.0)
    cpu.sweep(group.rule, group.uses, moved, size, np.array(plain, group.dtype), full)
    state[place][at] = v
    factor = np.divide(moved, size, out=np.zeros_like(size), where=size > 0.0)
    x[at] += factor.reshape(-1, *[1] * len(axes)) * g - c.shrink * x[at]

"""Repeated steps over many host arrays: a table prepared once, and the calls that use it."""

import functools
from typing import Any, NamedTuple

import numba
import numpy as np

from fastopt import rules
from fastopt.algorithms import finiteness
from fastopt.compiling.compiler import NO_REFCOUNT, SEPARATE, inline, jit, link, thread_limit
from fastopt.concurrency.cached_attribute import CachedAttribute
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.turns import T
from fastopt.targets.cpu.steps import array_headers, shared_steps, step_by_address
from fastopt.targets.cpu.steps.shared_steps import FINITE, SQUARES, STEP

# Elements per block of a sum of squares. Blocks are fixed, so that the result does not depend on
# the number of threads.
REDUCTION_BLOCK = 1 << 20
# Elements per block of other passes that threads share: some microseconds of work, out of a cache.
SHARED_BLOCK = 1 << 15
# Bytes that a step may move while no other thread runs Python: about ten microseconds of work.
BRIEF = 300_000
# Sums over gradients may be added up in any order, so that they vectorise.
_ANY_ORDER: dict[str, Any] = {**NO_REFCOUNT, **SEPARATE, "fastmath": {"contract", "reassoc"}}


class Group(NamedTuple):
    """Arrays of one dtype that a rule steps with the same numbers."""

    rule: Any
    uses: Any
    dtype: np.dtype
    numbers: np.ndarray  # the rule's options, t and its scalar
    members: list  # numbers of the arrays


@functools.cache
def finiteness_bindings(dtype):
    """Bindings of `finite`, `squares` and `distances` of `step_by_address`."""
    decorate, bound = numba.njit(**_ANY_ORDER), {"real": dtype.type}
    sums = {
        text.__name__: decorate(link(text, bound, inline, suffix=f"_{dtype.name}"))
        for text in (
            finiteness.all_finite,
            step_by_address.vector_sum_of_squares,
            step_by_address.gaps,
        )
    }
    return {**bound, **sums}


@functools.cache
def compiled(text, rule, uses, dtype, bindings, atomic=False, shared=False):
    """Compile a step of `step_by_address` for a rule, with the target's `array_bindings`.

    `shared` is for functions of `shared_steps`.
    """
    bound = {**finiteness_bindings(dtype), **bindings(rule, uses, dtype)}
    bound.update(shared_steps.BINDINGS if shared else {})
    bound["coefficients"] = inline(
        link(rule.coefficients, {"USES": uses}, inline), rule.coefficients
    )
    bound.update(OPTIONS=rules.options_class(rule), COLUMNS=(0,) * (2 + len(uses)))
    return jit(text, bound, atomic=atomic)


class Prepared:
    """A step over arrays of the host, prepared.

    Parameters
    ----------
    xs, gs : list of ndarray
        Parameters and gradients, checked.
    states : list of tuple of ndarray
        An array for each slot; anything for an unused one.
    groups : list of Group
    cpu
        The target.
    """

    def __init__(self, xs, gs, states, groups, cpu):
        array_headers.check_layout()
        self.xs = list(xs)  # kept alive, so that no other array gets their addresses
        count, axes = len(xs), max(a.ndim for a in (*xs, *gs))
        columns = array_headers.STATE + len(groups[0].rule.S._fields)
        self.table = np.zeros((count, columns), np.int64)
        self.expected = np.zeros((2 * count, array_headers.AXES + 2 * axes), np.int64)
        self.objects = np.array([*map(id, (*xs, *gs))], np.int64)
        self.dtypes = [a.dtype for a in (*xs, *gs)]  # kept alive, since compared by address
        self.find = jit(array_headers.find_listed, {})
        self.batches, row = [], 0
        for group in groups:
            begin, total, non_contiguous = row, 0, []
            for k in group.members:
                arrays = xs[k], gs[k], *_used(states[k], group.uses, xs[k])
                places = [a.ctypes.data for a in arrays]
                if same_memory_order(*arrays):
                    self.table[row] = total, xs[k].size, xs[k].nbytes, places[0], *places
                    total += xs[k].size
                else:  # a row with COUNT and BYTES zero
                    self.table[row, [array_headers.X, array_headers.G]] = places[:2]
                    non_contiguous.append(arrays)
                self._expect(k, xs[k], row, array_headers.X, array_headers.WRITEABLE)
                self._expect(count + k, gs[k], row, array_headers.G, array_headers.READABLE)
                row += 1
            self.batches.append(Batch(group, self.table[begin:row], total, non_contiguous, cpu))
        self.non_contiguous = any(batch.non_contiguous for batch in self.batches)
        full = np.flatnonzero(self.table[:, array_headers.BYTES])
        self.order = full[np.argsort(self.table[full, array_headers.X], kind="stable")]
        if self.non_contiguous:  # any change of address requires a new `Prepared`
            self.order = np.array([array_headers.UNKNOWN])
        self.one: Any = self.single_array_step()

    def _expect(self, k, array, *row_column_flags):
        axes = [n for both in zip(array.shape, array.strides, strict=True) for n in both]
        row = [*row_column_flags, id(array.dtype), array.ndim, *axes]
        self.expected[k, : len(row)] = row

    def single_array_step(self):
        """Return `checked_step` and its arguments for a single small array, or None.

        A step of few elements takes less time than a dozen lines of Python.
        """
        batch, *others = self.batches
        step_args = self.expected, self.table, self.order, batch.group.numbers
        large = batch.total * batch.bytes_per_element > BRIEF
        if others or len(self.table) > 1 or self.non_contiguous or large:
            return None
        return compiled(step_by_address.checked_step, *batch.kernel_key, atomic=True), step_args

    def take(self, x, g, look, turns):
        """Call `checked_step` for two arrays by their `id`; the caller has the turn."""
        run, step_args = self.one
        return run(x, g, array_headers.MINE, 0.0, id(self.xs[0]), *step_args, look, turns)

    def look(self, arrays):
        """Return True if these arrays match those it was prepared for; addresses may differ.

        They are a list of parameters, then gradients, alive until the step is done. If one is not
        of the class ndarray, return None.
        """
        found = self.find(
            id(arrays), id(np.ndarray), self.objects, self.expected, self.table, self.order
        )
        if found == array_headers.NO_ARRAY:
            return None
        if found == array_headers.OTHER:
            return self.goes_on(arrays[: len(self.xs)])
        return found == array_headers.FOUND

    def goes_on(self, xs):
        """Return True for parameters of the same problem as in the last step."""
        moved = norm = least = 0.0
        for batch in self.batches:
            more = batch.distances()
            moved, norm, least = moved + more[0], norm + more[1], least + more[2]
        if step_by_address.is_far(moved, norm, least):
            self.table[0, array_headers.X] = 0  # so that the next call finds them changed, too
            return False
        with DelayedInterrupts():
            self.xs[:], self.table[:, array_headers.OLD] = xs, self.table[:, array_headers.X]
        return True

    def finite(self):
        """Return True if all gradients are finite."""
        return all(batch.finite() for batch in self.batches)

    def squares(self):
        """Return the sum of the squares of all gradients."""
        return sum(batch.squares() for batch in self.batches)

    def step(self, turns):
        """Take a step and count it in the table of `Turns`; Ctrl-C cannot separate the two."""
        if self.one:
            x, g = self.objects.tolist()
            found = self.take(x, g, False, turns)
            if found != array_headers.FOUND:
                raise RuntimeError("an array was moved by another thread during the step")
            return
        batch, *others = self.batches
        if not others and not batch.non_contiguous and not batch.shares(batch.bytes_per_element):
            batch.run(batch.table, batch.group.numbers, turns)
            return
        with DelayedInterrupts():
            for batch in self.batches:
                batch.step()
            turns[T] += 1


def are_far(before, now):
    """Return True if parameters differ so much that they belong to another problem."""
    moved = norm = least = 0.0
    for old, new in zip(before, now, strict=True):
        step = max(1, old.size // step_by_address.SAMPLE)
        a, b = (array.ravel()[::step].astype(np.float64) for array in (old, new))
        d = b - a
        moved, norm, least = moved + d.dot(d), norm + a.dot(a), least + b.dot(b)
    return step_by_address.is_far(moved, norm, least)


def _used(state, uses, x):
    return [s if use else x for s, use in zip(state, uses, strict=True)]


class Batch:
    """The arrays of a group, and operations on them, in threads if they are large."""

    def __init__(self, group, table, total, non_contiguous, cpu):
        self.group, self.table, self.total = group, table, total
        self.non_contiguous, self.cpu = non_contiguous, cpu
        self.bytes_per_element = group.dtype.itemsize * (2 + sum(group.uses))
        self.kernel_key = group.rule, group.uses, group.dtype, cpu.array_bindings
        bound = finiteness_bindings(group.dtype)
        self.examine, self.add = (
            jit(text, bound) for text in (step_by_address.finite, step_by_address.squares)
        )

    @CachedAttribute
    def run(self):
        """Take a step over all elements, and count it."""
        return compiled(step_by_address.all_of, *self.kernel_key)

    @CachedAttribute
    def measure(self):
        return jit(step_by_address.distances, finiteness_bindings(self.group.dtype))

    @CachedAttribute
    def team(self):
        """Gather the threads that share passes over large arrays."""

        def compile_for_rule(text):
            return compiled(text, *self.kernel_key, shared=True)

        sums = np.zeros(-(-self.total // REDUCTION_BLOCK))
        return shared_steps.Team(compile_for_rule, self.table, self.group.numbers, sums)

    def shares(self, bytes_per_element):
        """Return True if passes over so much memory are worth sharing among threads."""
        if thread_limit() == 1:
            return False
        here = "team" in vars(self) and self.team.are_here()
        least = shared_steps.BYTES_IF_HERE if here else shared_steps.BYTES_TO_CALL
        return self.total * bytes_per_element >= least

    def share(self, job, size=SHARED_BLOCK):
        """Compute a pass over all elements, with other threads."""
        self.team.run(job, size, self.total, thread_limit())

    def distances(self):
        """Return `step_by_address.distances` of the arrays."""
        return self.measure(self.table)

    def finite(self):
        if self.shares(self.group.dtype.itemsize):
            self.share(FINITE)
            good = not self.team.is_wrong()
        else:
            good = self.examine(self.table, 0, self.total)
        return good and all(np.isfinite(g).all() for _, g, *_ in self.non_contiguous)

    def squares(self):
        firsts = range(0, self.total, REDUCTION_BLOCK)
        if self.shares(self.group.dtype.itemsize):
            self.share(SQUARES, REDUCTION_BLOCK)
            parts = self.team.sums.tolist()
        else:
            parts = [self.add(self.table, first, first + REDUCTION_BLOCK) for first in firsts]
        return sum(parts) + sum(_squares(g) for _, g, *_ in self.non_contiguous)

    def step(self):
        group = self.group
        rule, numbers = group.rule, group.numbers
        for x, g, *state in self.non_contiguous:
            options = rules.options_class(rule)._make(numbers[:-2].tolist())
            c, _ = rule.coefficients(options, options.learning_rate, *numbers[-2:].tolist())
            self.cpu.sweep(rule, group.uses, x, g, np.array(c, group.dtype), tuple(state))
        run = compiled(step_by_address.step, *self.kernel_key)
        if self.shares(self.bytes_per_element):
            self.share(STEP)
            numbers[-1] = run(self.table, 0, 0, numbers)
        else:
            numbers[-1] = run(self.table, 0, self.total, numbers)


def _squares(g):
    return float(np.sum(np.square(g, dtype=np.float64)))


def same_memory_order(*arrays):
    """Return True if all these arrays are contiguous in memory, in the same order of axes."""
    first, *others = ([s for s, n in zip(a.strides, a.shape, strict=True) if n > 1] for a in arrays)
    size, lengths = arrays[0].itemsize, [n for n in arrays[0].shape if n > 1]
    for stride, n in sorted(zip(first, lengths, strict=True)):
        if stride != size:
            return False
        size *= n
    return all(strides == first for strides in others)

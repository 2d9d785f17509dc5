"""A batch on a device: its memory, the launches, and the copies beside them.

Problems lie in a ring of rows on the device: all of them where there is room, else a window that
moves on as they are done. What comes from the host is copied chunk by chunk, while the kernel works
on what is there already; results go back as chunks are done.
"""

import functools
import math
import time

import numpy as np

from fastopt.arrays import data_rows
from fastopt.solver.batch_worker import ProblemData, Results
from fastopt.solver.status_codes import NOT_RUN
from fastopt.targets.cuda.batch_kernel_source import DONE, ENDED, NEXT, READY, STOP
from fastopt.targets.cuda.kernel_builder import PARTIALS, UNROLL
from fastopt.targets.cuda.thread_layout import WARP

CHUNK = 32e6  # bytes copied at a time: some milliseconds
SHARE = 0.8  # of the free memory that a batch may take
LAUNCH = 0.05  # seconds that a launch may take: as long as nobody looks at the clock
BRIEF = 0.005  # the same while problems are still coming: it does not see those that came meanwhile
ROUNDS = 32  # of the first launch, whose speed is not known


class CudaScheduler:
    """The threads of a device at work on a batch; `local_batch.run_until_done` waits for them.

    Parameters
    ----------
    device
        `device_memory.Device`: allocates, copies and launches.
    kernel : callable
        `batch_kernel_source.solve_many`, compiled: ``kernel[blocks, threads, stream]``, and
        ``kernel.registers(*arguments)``.
    layout : `thread_layout.Layout`
    given, results
        See `fastopt.solver.batch_worker`. Arrays of `given` may live on the host or on the device.
    steps : ndarray
        Relative difference steps, or any array where none are taken.
    """

    def __init__(self, device, kernel, layout, given, results, steps):
        self.device, self.kernel, self.results = device, kernel, results
        self.total, dtype, self.moving = results.status.size, given.x0.dtype, []
        n = results.x.shape[1]
        per_row, fixed, whole = self.weigh(given)
        per_row += (3 * n + 2) * dtype.itemsize + 16
        most = device.threads(1, self.total)
        fixed += most * (layout.rows * dtype.itemsize + 8)
        if n > UNROLL:  # x as duals does not stay in registers
            fixed += device.reserved((PARTIALS + 2) * n * dtype.itemsize)
        free = device.free() * SHARE - fixed
        self.chunk, self.slots = ring(self.total, per_row, free, whole)
        size = self.chunk * self.slots
        advice = "solve it in parts, give host arrays, which are copied as they are needed"
        with device.allocating(fixed + per_row * size, "the batch", advice):
            there = mapped(given, functools.partial(self.place, size))
            out = results_on(device, size, n, dtype)
            self.control = np.zeros(DONE + self.slots, np.int64)
            control, steps = device.upload(self.control), device.upload(steps)
            room, under_way = self.room(1, layout, dtype)
            self.arguments = [control, under_way, room, there, out, steps, self.chunk, self.slots]
            self.threads = device.threads(kernel.registers(*self.arguments, 0), self.total)
            self.arguments[1:3] = self.room(self.threads, layout, dtype)[::-1]
        self.blank = np.full(self.chunk, int(NOT_RUN), np.int32)
        self.sent = self.ended = self.fetched = 0  # chunks
        self.done = 0  # problems
        self.rounds, self.launch_in_flight, self.failure = ROUNDS, False, None

    def room(self, threads, layout, dtype):
        """State of the problems under way, and which they are: none."""
        room = self.device.empty((-(-threads // WARP), layout.rows, WARP), dtype)
        return room, self.device.upload(np.full(threads, -1))

    def weigh(self, given):
        """Bytes a problem, bytes once, and whether all problems must be on the device."""
        sizes = {"row": 0, "once": 0, "there": 0}

        def weigh(array, once=False):
            rows = len(array) == self.total
            if data_rows.is_elsewhere(array):
                sizes["there"] += rows
            elif rows and not once:
                sizes["row"] += array.nbytes // self.total
            else:
                sizes["once"] += array.nbytes

        mapped(given, weigh)
        return sizes["row"], sizes["once"], sizes["there"] > 0

    def place(self, size, array, once=False):
        """Where an array is found on the device: there already, there now, or in `size` rows."""
        if data_rows.is_elsewhere(array):
            return array
        if once or len(array) != self.total or self.total == 1:
            return self.device.upload(array)
        there = self.device.empty((size, *array.shape[1:]), array.dtype)
        self.moving.append((array, there))
        return there

    @property
    def chunks(self):
        return math.ceil(self.total / self.chunk)

    def send(self):
        """Copy the next chunk to the device, where there is room; whether there was."""
        if self.sent == self.chunks:
            return False
        if self.sent - self.fetched == self.slots and not self.fetch():
            return False
        first, last = self.cut(self.sent)
        at = self.sent % self.slots * self.chunk
        for array, there in self.moving:
            rows = np.ascontiguousarray(array[first:last])
            self.device.copy_to(there[at : at + last - first], rows)
        status = self.arguments[4].status[at : at + last - first]
        self.device.copy_to(status, self.blank[: last - first])
        self.sent += 1
        return True

    def wait(self, seconds):
        """One launch, where there are seconds for it; whether all is done."""
        if seconds > 0.0 and self.done < self.total:
            if self.sent == self.ended:
                self.send()
            began = time.perf_counter()
            self.launch(self.rounds)
            while self.device.busy() and (self.fetch() or self.send()):
                pass
            self.look()
            more_to_send = self.sent < self.chunks
            speed = self.rounds / max(time.perf_counter() - began, 1e-6)
            wanted = speed * min(seconds, BRIEF if more_to_send else LAUNCH)
            self.rounds = max(1, min(int(wanted), 8 * self.rounds))
            if more_to_send:
                self.send()
        if self.done == self.total:
            while self.fetch():
                pass
        return self.done == self.total

    def launch(self, rounds):
        control = self.control
        control[NEXT] = min(control[NEXT], control[READY])  # threads that found none count on
        control[READY] = min(self.sent * self.chunk, self.total)
        control[ENDED] = 0
        self.device.copy_to(self.arguments[0], control)
        self.device.settle()
        self.launch_in_flight = True
        self.device.launch(self.kernel, self.threads, *self.arguments, rounds)

    def look(self):
        """Wait for the launch, and see which chunks are done."""
        if not self.launch_in_flight:
            return
        self.device.copy_from(self.arguments[0], self.control)
        while self.ended < self.sent:
            slot, (first, last) = self.ended % self.slots, self.cut(self.ended)
            if self.control[DONE + slot] < last - first:
                break
            self.control[DONE + slot] = 0
            self.ended += 1
        if self.control[ENDED] < self.threads:
            self.failure = RuntimeError(
                "fun has failed on the GPU for one of the problems, by shapes that do not fit, "
                "say; device='cpu' tells more"
            )
        self.launch_in_flight, left = False, self.control[DONE:].sum()
        self.done = min(self.ended * self.chunk, self.total) + int(left)

    def cut(self, k):
        """The problems of chunk k."""
        return k * self.chunk, min((k + 1) * self.chunk, self.total)

    def fetch(self):
        """Take the results of the next chunk that is done; whether there was one."""
        if self.fetched == self.ended:
            return False
        self.take(self.fetched)
        self.fetched += 1
        return True

    def take(self, k):
        """Results of chunk k, as far as they are there."""
        first, last = self.cut(k)
        at, there = k % self.slots * self.chunk, None
        for name in ("status", *Results._fields[:-1]):
            array = getattr(self.arguments[4], name)[at : at + last - first]
            host = np.empty(array.shape, array.dtype)
            self.device.copy_from(array, host, self.device.copies)
            if there is None:
                there = host != NOT_RUN
                there = slice(None) if there.all() else there
            getattr(self.results, name)[first:last][there] = host[there]

    def start(self):
        """Do nothing: `wait` launches."""

    def stop(self, status):
        """End it: problems under way get this status, with the best point so far."""
        self.look()  # what was under way when Ctrl-C came
        self.control[STOP] = int(status)
        self.launch(0)
        self.look()
        for k in range(self.fetched, self.sent):
            self.take(k)


def ring(total, per_row, room, whole):
    """(problems in a chunk, chunks on the device)."""
    chunk, fit = max(1, min(total, int(CHUNK // per_row))), room / per_row
    if whole or fit >= total:
        return chunk, math.ceil(total / chunk)
    chunk = max(1, min(chunk, int(fit // 4)))
    return chunk, max(2, int(fit // chunk))


def results_on(device, size, n, dtype):
    """`Results` with rows on the device."""

    def make(name):
        if name in ("nit", "nfev", "njev", "status"):
            return device.empty(size, np.int32)
        return device.empty((size, n) if name in ("x", "jac", "x_last") else size, dtype)

    return Results(*map(make, Results._fields))


def mapped(given, f):
    """`given` with ``f(array, once)`` of each array; what has no row a problem goes once."""

    def field(value):
        if isinstance(value, data_rows.Ragged):
            return f(value.flat, True), f(value.starts), tuple(map(f, value.lengths))
        return f(value)

    fields, x0 = tuple(map(field, given.fields)), f(given.x0)
    bounded = given.low is not given.x0
    low, high = (f(given.low), f(given.high)) if bounded else (x0, x0)
    return ProblemData(x0, low, high, fields, given.args, *map(f, given[5:]))

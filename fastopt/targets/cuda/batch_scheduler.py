"""A batch on a device: its memory, the launches, and the copies that overlap with them.

Problems are stored in a ring buffer of rows on the device. It holds all of them if there is room,
else a window that advances as they are done. Host data are copied chunk by chunk, while the kernel
works on chunks copied earlier. The results of a chunk are copied back when it is done.
"""

import functools
import math
import time

import numpy as np

from fastopt.algorithms.batch_worker import ProblemData
from fastopt.algorithms.status_codes import NOT_RUN
from fastopt.arrays import data_rows
from fastopt.concurrency.time_slices import next_amount
from fastopt.targets.cuda.batch_kernel_source import DONE, ENDED, NEXT, READY, STOP
from fastopt.targets.cuda.kernel_builder import MAX_UNROLLED_SIZE, PARTIALS
from fastopt.targets.cuda.thread_layout import WARP

CHUNK_BYTES = 32e6  # bytes copied at a time: some milliseconds
MEMORY_FRACTION = 0.8  # fraction of the free memory that a batch may use
# Seconds of a launch while data are still being copied to the device. Short, since a running kernel
# cannot see problems that arrive after its start.
SHORT_LAUNCH = 0.005
FIRST_ROUNDS = 32  # evaluations per thread in the first launch, whose speed is unknown


class CudaScheduler:
    """A batch that the threads of a device solve; `local_batch.run_until_done` waits for them.

    Parameters
    ----------
    device
        `device_memory.Device`: allocates, copies and launches.
    kernel : callable
        `batch_kernel_source.solve_many`, compiled: ``kernel[blocks, threads, stream]``, and
        ``kernel.registers(*arguments)``.
    layout : `thread_layout.Layout`
    problem_data, results
        See `fastopt.algorithms.batch_worker`. Arrays of `problem_data` are on the host or the
        device.
    steps : ndarray
        Relative difference steps; any array if derivatives are not difference quotients.
    """

    def __init__(self, device, kernel, layout, problem_data, results, steps):
        self.device, self.kernel, self.results = device, kernel, results
        self.total, dtype, self.transfers = results.status.size, problem_data.x0.dtype, []
        n = results.x.shape[1]
        per_row, fixed, whole = self.memory_needed(problem_data)
        per_row += sum(array[:1].nbytes for array in results)
        most = device.threads(1, self.total)
        fixed += most * (layout.rows * dtype.itemsize + 8)
        if n > MAX_UNROLLED_SIZE:  # x as duals does not stay in registers
            fixed += device.reserved((PARTIALS + 2) * n * dtype.itemsize)
        free = device.free() * MEMORY_FRACTION - fixed
        self.chunk, self.slots = chunking(self.total, per_row, free, whole)
        size = self.chunk * self.slots
        advice = "solve it in parts, give host arrays, which are copied as they are needed"
        with device.allocating(fixed + per_row * size, "the batch", advice):
            there = map_arrays(problem_data, functools.partial(self.place, size))
            out = results_on(device, size, results, dtype)
            self.control = np.zeros(DONE + self.slots, np.int64)
            control, steps = device.upload(self.control), device.upload(steps)
            state_block, current_rows = self.state_block(1, layout, dtype)
            self.arguments = [
                control,
                current_rows,
                state_block,
                there,
                out,
                steps,
                self.chunk,
                self.slots,
            ]
            self.threads = device.threads(kernel.registers(*self.arguments, 0), self.total)
            self.arguments[1:3] = self.state_block(self.threads, layout, dtype)[::-1]
        self.blank = np.full(self.chunk, int(NOT_RUN), np.int32)
        self.sent = self.ended = self.fetched = 0  # chunks
        self.done = 0  # problems
        self.rounds, self.launch_in_flight, self.failure = FIRST_ROUNDS, False, None

    def state_block(self, threads, layout, dtype):
        """Return memory for the state of running problems, and their numbers: none yet."""
        state_block = self.device.empty((-(-threads // WARP), layout.rows, WARP), dtype)
        return state_block, self.device.upload(np.full(threads, -1))

    def memory_needed(self, problem_data):
        """Return bytes per problem, other bytes, and whether all problems must be on the device."""
        sizes = {"row": 0, "once": 0, "there": 0}

        def count(array, once=False):
            rows = len(array) == self.total
            if data_rows.is_elsewhere(array):
                sizes["there"] += rows
            elif rows and not once:
                sizes["row"] += array.nbytes // self.total
            else:
                sizes["once"] += array.nbytes

        map_arrays(problem_data, count)
        return sizes["row"], sizes["once"], sizes["there"] > 0

    def place(self, size, array, once=False):
        """Return an array on the device: the array itself, a copy, or `size` rows for chunks."""
        if data_rows.is_elsewhere(array):
            return array
        if once or len(array) != self.total or self.total == 1:
            return self.device.upload(array)
        there = self.device.empty((size, *array.shape[1:]), array.dtype)
        self.transfers.append((array, there))
        return there

    @property
    def chunks(self):
        return math.ceil(self.total / self.chunk)

    def send(self):
        """Copy the next chunk to the device; return False if there is no chunk or no room."""
        if self.sent == self.chunks:
            return False
        if self.sent - self.fetched == self.slots and not self.fetch():
            return False
        first, last = self.cut(self.sent)
        at = self.sent % self.slots * self.chunk
        for array, there in self.transfers:
            rows = np.ascontiguousarray(array[first:last])
            self.device.copy_to(there[at : at + last - first], rows)
        status = self.arguments[4].status[at : at + last - first]
        self.device.copy_to(status, self.blank[: last - first])
        self.sent += 1
        return True

    def wait(self, seconds):
        """Launch the kernel once if `seconds` is positive; return True if all is done."""
        if seconds > 0.0 and self.done < self.total:
            if self.sent == self.ended:
                self.send()
            began = time.perf_counter()
            self.launch(self.rounds)
            while self.device.busy() and (self.fetch() or self.send()):
                pass
            self.wait_for_launch()
            more_to_send = self.sent < self.chunks
            took, left = time.perf_counter() - began, seconds
            if more_to_send:
                left = min(seconds, SHORT_LAUNCH)
            self.rounds = int(next_amount(self.rounds, self.rounds, took, left, growth=8.0))
            if more_to_send:
                self.send()
        if self.done == self.total:
            while self.fetch():
                pass
        return self.done == self.total

    def launch(self, rounds):
        control = self.control
        control[NEXT] = min(control[NEXT], control[READY])  # idle threads increase NEXT, too
        control[READY] = min(self.sent * self.chunk, self.total)
        control[ENDED] = 0
        self.device.copy_to(self.arguments[0], control)
        self.device.settle()
        self.launch_in_flight = True
        self.device.launch(self.kernel, self.threads, *self.arguments, rounds)

    def wait_for_launch(self):
        """Wait for the launch, and count the chunks that are done."""
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
                "fun has failed on the GPU for one of the problems, for example because shapes do "
                "not match; use device='cpu' to see the error"
            )
        self.launch_in_flight, left = False, self.control[DONE:].sum()
        self.done = min(self.ended * self.chunk, self.total) + int(left)

    def cut(self, k):
        """Return the range of problems of chunk k."""
        return k * self.chunk, min((k + 1) * self.chunk, self.total)

    def fetch(self):
        """Copy the results of the next finished chunk; return False if there is none."""
        if self.fetched == self.ended:
            return False
        self.take(self.fetched)
        self.fetched += 1
        return True

    def take(self, k):
        """Copy the available results of chunk k."""
        first, last = self.cut(k)
        at, there = k % self.slots * self.chunk, None
        for name in sorted(self.results._fields, key="status".__ne__):
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
        """Stop the batch: running problems get this status, with the best point so far."""
        self.wait_for_launch()  # for a launch that was running when Ctrl-C came
        self.control[STOP] = int(status)
        self.launch(0)
        self.wait_for_launch()
        for k in range(self.fetched, self.sent):
            self.take(k)


def chunking(total, per_row, state_block, whole):
    """Return (problems per chunk, chunks in the ring buffer)."""
    chunk, fit = max(1, min(total, int(CHUNK_BYTES // per_row))), state_block / per_row
    if whole or fit >= total:
        return chunk, math.ceil(total / chunk)
    chunk = max(1, min(chunk, int(fit // 4)))
    return chunk, max(2, int(fit // chunk))


def results_on(device, size, results, dtype):
    """Allocate `size` rows like those of the results on the device."""

    def make(array):
        own = np.int32 if array.dtype.kind == "i" else dtype
        return device.empty((size, *array.shape[1:]), own)

    return type(results)(*map(make, results))


def map_arrays(problem_data, f):
    """Return the data with ``f(array, once)`` for each array; `once`: not one row per problem."""

    def field(value):
        if isinstance(value, data_rows.Ragged):
            return f(value.flat, True), f(value.starts), tuple(map(f, value.lengths))
        return f(value)

    fields, x0 = tuple(map(field, problem_data.fields)), f(problem_data.x0)
    bounded = problem_data.low is not problem_data.x0
    low, high = (f(problem_data.low), f(problem_data.high)) if bounded else (x0, x0)
    return ProblemData(x0, low, high, fields, problem_data.args, *map(f, problem_data[5:]))

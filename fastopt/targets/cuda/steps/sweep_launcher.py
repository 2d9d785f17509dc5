"""Compilation and launches of the sweeps' kernels, through the `cuda` module of the target."""

import contextlib
import functools
import itertools
from typing import Any

import numpy as np
from numba import float32, float64, int64, types

from fastopt.arrays import device_views
from fastopt.compiling.shortcuts.cuda_shortcuts import cuda_shortcuts
from fastopt.targets.cuda.steps import address_tables, found_rate_kernels, sweep_kernels


class Launches:
    """The services of a target that `step_on_device` needs.

    Parameters
    ----------
    cuda, core
        The modules `numba.cuda` and `cuda.core`; no `core` in Numba's simulator.
    wrap : callable
        The decorator that makes a device function of a plain one.
    """

    def __init__(self, cuda, core, wrap):
        self.cuda, self.core, self.wrap = cuda, core, wrap
        self.simulated = core is None
        self.tables = address_tables.Tables(Memory(cuda, self.simulated))
        for name in ("plain_kernel", "kernel", "multiprocessors"):
            setattr(self, name, functools.cache(getattr(self, name)))
        self.launcher = functools.lru_cache(1024)(self.launcher)

    def plain_kernel(self, kind, rule, uses, dtype):
        """Return a kernel of `sweep_kernels` or `found_rate_kernels` as an undecorated function."""
        how = rule, uses, dtype, self.cuda, self.wrap, self.simulated
        if kind in found_rate_kernels.KINDS:
            return found_rate_kernels.linked(found_rate_kernels.KINDS[kind], *how)
        return sweep_kernels.linked(sweep_kernels.KINDS[kind], *how)

    def kernel(self, kind, rule, uses, dtype):
        """Return the compiled kernel."""
        how = kind, rule, uses, dtype
        with contextlib.nullcontext() if self.simulated else cuda_shortcuts():
            return self.cuda.jit(signature(*how))(self.plain_kernel(*how))

    def launcher(self, kind, rule, uses, dtype, blocks, threads, stream, device):
        """Return a callable that launches a kernel, with its arguments flat, on the current device.

        `stream` is a number. So is `device`, a part of the key under which it is cached.
        """
        run: Any = self.kernel(kind, rule, uses, dtype)
        shared = found_rate_kernels.shared_bytes(threads) if kind in found_rate_kernels.KINDS else 0
        if self.core is not None:
            (compiled,) = run.overloads.values()
            function = getattr(compiled.library.get_cufunc(), "kernel", None)
            if function is not None:
                # The same launch as by Numba's own launcher, which inspects the arguments for
                # 20 us.
                config = self.core.LaunchConfig(grid=blocks, block=threads, shmem_size=shared)
                queue = self.core.Stream.from_handle(stream)
                return functools.partial(self.core.launch, queue, config, function)
        counts = [getattr(t, "count", 0) for t in signature(kind, rule, uses, dtype).args]
        queue = self.cuda.external_stream(stream) if stream and self.core else 0

        def call(*args):
            it = iter(args)
            nested = (tuple(itertools.islice(it, k)) if k else next(it) for k in counts)
            run[blocks, threads, queue, shared](*nested)

        return call

    def on(self, device):
        """Return a device's number, by default the current one's, and a context that selects it."""
        current = 0 if self.simulated else self.cuda.current_context().device.id
        if device is None or device == current:
            return current, contextlib.nullcontext()
        return device, self.cuda.gpus[device]

    def multiprocessors(self, device):
        """Return the number of multiprocessors of the current device; `device` is its key."""
        return getattr(self.cuda.get_current_device(), "MULTIPROCESSOR_COUNT", 1)


def signature(kind, rule, uses, dtype):
    """Return the argument types of a kernel: integers and addresses, so that none is inferred."""
    element: Any = float32 if dtype == np.float32 else float64
    arrays = 2 + sum(uses)
    words = types.UniTuple(int64, -(-len(rule.C._fields) * dtype.itemsize // 8))
    addresses = types.UniTuple(types.CPointer(element), arrays)
    kinds = {
        "together": (int64, addresses, words),
        "strided": (int64, addresses, types.UniTuple(int64, arrays), words),
        "several": (int64, types.CPointer(int64), words),
    }
    numbers = types.UniTuple(float64, found_rate_kernels.NUMBERS)
    over_rows = int64, types.CPointer(int64), words, numbers, types.CPointer(float64)
    return types.void(*kinds.get(kind, over_rows))


class Memory:
    """Memory for tables of addresses."""

    def __init__(self, cuda, simulated):
        self.cuda, self.simulated = cuda, simulated

    def pinned(self, count):
        return self.cuda.pinned_array(count, np.int64)

    def device(self, count):
        return self.cuda.device_array(count, np.int64)

    def address(self, array):
        described: Any = device_views.interface(array, self.simulated)
        return described["data"][0]

    def upload(self, array, pinned, count, stream):
        """Copy page-locked memory, in the stream; return an event, or None if it is done."""
        if self.simulated:
            array[:count].copy_to_device(pinned[:count])
            return None
        # Numba waits for copies in the default stream unless the stream is given by its number.
        queue = self.cuda.external_stream(stream or 1)
        array[:count].copy_to_device(pinned[:count], stream=queue)
        done = self.cuda.event(timing=False)
        done.record(queue)
        return done

"""A device: its memory, its copies, which are counted, and its launches."""

import contextlib
import sys
import threading
from typing import Any

import numpy as np

from fastopt.arrays import device_views
from fastopt.arrays.arguments import is_elsewhere
from fastopt.targets.cuda.thread_layout import WARP

BLOCK = 128  # threads per block, which start and end together
REGISTERS = 65_536  # registers of a multiprocessor
RESIDENT = 2_048  # largest number of threads on a multiprocessor


class CudaInterfaceAdapter:
    """A DLPack array with the other interface, for readers of `__cuda_array_interface__`."""

    def __init__(self, view, owner):
        strides = view.strides and tuple(s * view.dtype.itemsize for s in view.strides)
        self.owner = owner  # kept alive as long as arrays made of this
        self.__cuda_array_interface__ = {
            "version": 3,
            "data": (view.address, view.readonly),
            "shape": view.shape,
            "strides": strides,
            "typestr": view.dtype.str,
        }


class Device:
    """The current device of `cuda`, the module of numba-cuda or of its simulator.

    Kernels run in one stream and copies in another, so that they overlap. `copied` counts bytes to
    the device and from it.
    """

    def __init__(self, cuda, simulated):
        self.cuda, self.simulated = cuda, simulated
        self.copied = {"to": 0, "from": 0, "copies": 0}
        self.compute, self.copies = cuda.stream(), cuda.stream()
        self.ended, self.lock = cuda.event(), threading.RLock()

    def empty(self, shape, dtype):
        return self.cuda.device_array(shape, dtype)

    def count(self, direction, array):
        self.copied[direction] += array.nbytes
        self.copied["copies"] += 1

    def upload(self, host, stream=None):
        """Return a copy on the device."""
        host = np.asarray(host, order="C")
        there = self.empty(host.shape, host.dtype)
        self.copy_to(there, host, stream)
        return there

    def copy_to(self, there, host, stream=None):
        if host.size:
            self.count("to", host)
            there.copy_to_device(host, stream=self.copies if stream is None else stream)

    def copy_from(self, there, host, stream=None):
        """Copy an array to the host, after the pending work of a stream; wait for it."""
        self.count("from", host)
        stream = self.compute if stream is None else stream
        there.copy_to_host(host, stream=stream)
        stream.synchronize()

    def settle(self):
        """Wait for the copies."""
        self.copies.synchronize()

    def launch(self, kernel, threads, *arguments):
        """Launch the kernel with `threads` threads."""
        block = self.block(threads)
        assert threads % block == 0
        kernel[threads // block, block, self.compute](*arguments)
        self.ended.record(self.compute)

    def capability(self):
        """Return the device's compute capability."""
        return tuple(self.cuda.get_current_device().compute_capability)

    def description(self):
        """Return a description of the device: name, memory, compute capability."""
        if self.simulated:
            return "Numba's simulator"
        name = self.cuda.get_current_device().name
        name = name.decode() if isinstance(name, bytes) else name
        version = ".".join(map(str, self.capability()))
        memory = self.cuda.current_context().get_memory_info()[1] / 1e9
        return f"{name}, {memory:,.0f} GB, compute capability {version}"

    def multiprocessors(self):
        return getattr(self.cuda.get_current_device(), "MULTIPROCESSOR_COUNT", 1)

    def busy(self):
        """Return True while a launch is running."""
        query: Any = getattr(self.ended, "query", None)  # none in the simulator, never busy
        return query is not None and not query()

    def threads(self, registers, problems):
        """Return the number of threads for these problems: at most those that fit on the device."""
        each = min(RESIDENT, REGISTERS // (-(-registers // 8) * 8)) // BLOCK * BLOCK
        fit = self.multiprocessors() * max(BLOCK, each)
        block = self.block(problems)
        return min(fit, -(-problems // block) * block)

    def block(self, threads):
        """Return the threads per block: smaller blocks for few threads, to use all processors."""
        return WARP if threads < BLOCK * self.multiprocessors() else BLOCK

    def reserved(self, each):
        """Return the bytes that the driver reserves if each thread has `each` of local memory."""
        return self.multiprocessors() * RESIDENT * each

    def free(self):
        """Return the bytes of free memory."""
        return self.cuda.current_context().get_memory_info()[0]

    def adopt(self, name, array, wait):
        """Return any library's device array as Numba's; a host array is copied to the device.

        With `wait`, wait for all pending work of the device: the array may be used in another
        stream than its owner's. Else wait for the stream that the array names, if any.
        """
        if not is_elsewhere(array):
            array = self.upload(np.asarray(array))
            self.settle()
        elif not self.simulated:
            if wait:
                self.cuda.synchronize()
            if not hasattr(array, "__cuda_array_interface__"):
                array = CudaInterfaceAdapter(device_views.view(array, name), array)
            try:
                array = self.cuda.as_cuda_array(array)
            except RuntimeError as error:  # raised by a tensor that is part of a graph
                raise TypeError(
                    f"{name} refuses to be read: {error}; pass {name}.detach()"
                ) from error
        if not array.is_c_contiguous():
            raise ValueError(f"{name} is not contiguous in C order; copy it first")
        return array

    def stream_of(self, array):
        """Return the stream in which an array's owner works on it."""
        number = 0
        if not self.simulated and is_elsewhere(array):
            number = device_views.stream_of([device_views.view(array, "x0")])
        return self.stream_numbered(number)

    def stream_numbered(self, number):
        return self.cuda.external_stream(number) if number else self.cuda.default_stream()

    def like(self, array, shape):
        """Return a function that converts Numba's arrays to this shape and this array's library."""
        name = type(array).__module__.partition(".")[0]

        def show(ours):
            ours = ours.reshape(shape)
            if name == "cupy":
                return sys.modules[name].asarray(ours)
            if name == "torch":
                return sys.modules[name].as_tensor(ours, device=array.device)
            return ours

        return show

    @contextlib.contextmanager
    def allocating(self, wanted, what, advice):
        """Raise a clear MemoryError if the memory does not suffice."""
        try:
            if wanted > self.free():
                raise MemoryError
            yield
        except Exception as error:
            if "OUT_OF_MEMORY" not in str(error) and not isinstance(error, MemoryError):
                raise
            raise MemoryError(
                f"{what} needs {wanted / 1e9:,.1f} GB on the GPU, but {self.free() / 1e9:,.1f} GB "
                f"are free; {advice}, or use device='cpu'"
            ) from None

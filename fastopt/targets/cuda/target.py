"""CUDA: sweeps over device arrays, batches with a thread a problem, one problem on a whole device.

The only module that imports `cuda`, which numba-cuda provides; loaded when a device is asked for.
The texts of the kernels and what drives them are in the `_device_*` modules, and get from here what
of CUDA they need.
"""
# numba-cuda's types know neither cuda.grid(1) nor kernel[blocks, threads]:
# pyright: reportCallIssue=false, reportIndexIssue=false

import functools
import importlib
import importlib.metadata
import importlib.util
import warnings
from typing import Any

import numpy as np

if importlib.util.find_spec("numba_cuda") is None:
    raise ModuleNotFoundError("the package numba-cuda is not installed")

if not hasattr(np, "row_stack"):  # numba-cuda 0.30 reads it when a kernel is compiled
    raise ImportError("numba-cuda needs NumPy below 2.5")

from numba import cuda, float32, float64

from fastopt.compiling import disk_cache
from fastopt.compiling.compiler import link, unwrapped
from fastopt.derivatives import gradient_methods
from fastopt.solver import solve_loop
from fastopt.targets.common import intrinsics, step_functions
from fastopt.targets.common.loop_constants import narrow_to
from fastopt.targets.cuda import (
    batch_scheduler,
    device_memory,
    kernel_builder,
    simulator_batch,
    step_on_device,
    sweep_kernels,
    sweep_launcher,
    thread_layout,
    user_functions,
)

NAME = "cuda"


def missing():
    """What keeps CUDA from being used here, in a sentence; None where nothing does."""
    if cuda.is_available():
        return None
    reason = " ".join(str(cuda.cuda_error() or "no device was found").split())
    return f"{reason} A CUDA 13 driver and an NVIDIA GPU are needed; numba-cuda is installed."


def device_function(function, _original=None):
    return cuda.jit(device=True)(function)


def simulated():
    """Whether this is Numba's CUDA simulator, which runs the plain Python functions."""
    return "simulator" in cuda.jit.__module__


@functools.cache
def launches():
    """The kernels of the sweeps, and what launches them."""
    core = None if simulated() else importlib.import_module("cuda.core")
    return sweep_launcher.Launches(cuda, core, unwrapped if simulated() else device_function)


def gradient_function(fun, dtype, size):
    """A device function ``(x, g, (args, x)) -> f``: the value of `fun`, its gradient into g.

    The texts are those of the CPU (`fastopt.derivatives`); x and g have `size` components of
    `dtype`, each with a partial derivative of its own, in registers. Expressions of whole arrays
    are computed element by element (`derivatives.lazy.expressions`), in functions that write into
    no array.
    """
    if simulated():
        from fastopt.derivatives.python_duals import python_dual

        own = {
            **python_dual.SEEDS,
            "fun": python_dual.function(user_functions.plain(fun), user_functions.is_users),
            "DUAL": size,
        }
    else:
        from fastopt.derivatives.duals import dual_choice, dual_number

        dual = dual_number.Dual(float32 if np.dtype(dtype) == np.float32 else float64, size)
        own = {**dual_choice.SEEDS, "fun": user_function(fun, dtype, dual), "DUAL": dual}
    return _linked(gradient_methods.dual_value, {**own, "CHUNK": size, "SIZE": size})


def value_function(fun, dtype=np.float64):
    """A device function ``(x, g, (args, x)) -> f``: the value of `fun` alone; g is left alone."""
    return _linked(gradient_methods.value_alone, {"fun": user_function(fun, dtype)})


def _linked(text, bindings):
    wrap = unwrapped if simulated() else device_function
    return link(text, bindings, wrap, top=wrap)


def user_function(fun, dtype, dual=None):
    """The user's function for the device, called with duals of type `dual` or with numbers.

    Where `dtype` is float32, nothing in it is float64 but what is given as such (arrays, numbers,
    np.float64).
    """
    if simulated():
        users = {"follow": user_functions.is_users}
        own = link(user_functions.plain(fun), {}, unwrapped, **users)
        return simulator_batch.with_numpy(own)
    if np.dtype(dtype) == np.float32:
        _know_single()
    return user_functions.linked(fun, np.dtype(dtype).type, dual, device_function)


@functools.cache
def _know_single():
    """Teach numba-cuda, which has rewrites of its own, that of `float32_arithmetic`."""
    from fastopt.derivatives.operators import float32_arithmetic

    rewrites: Any = importlib.import_module("numba.cuda.core.rewrites")
    rewrites.register_rewrite("before-inference")(float32_arithmetic.rewrite(rewrites.Rewrite))


def sweep(rule, uses, x, g, c, state, stream=None):
    """One step of a rule on whole device arrays, in place, without copies or waiting.

    Parameters
    ----------
    rule, uses
        The rule's module and its used slots (`fastopt.rules.uses`).
    x, g : device arrays
        Parameters and gradient, float32 or float64, any strides: anything with
        `__cuda_array_interface__` or DLPack.
    c : sequence of float
        The rule's coefficients; they go to the kernel in the element type.
    state : tuple of device arrays
        An array like x for each slot; one that is not used may be anything.
    stream : optional
        A number, or a stream of Numba, CuPy, PyTorch or of anything with `__cuda_stream__`; by
        default the one that the arrays name, or PyTorch's current one, or the default stream.
    """
    step_on_device.sweep(launches(), rule, uses, [(x, g, state)], c, stream)


def sweep_all(rule, uses, items, c, stream=None):
    """`sweep` on several arrays in one launch (for each dtype): ``items`` are ``(x, g, state)``.

    Their addresses go to the device in a table, which is copied there, asynchronously, only when
    one of them has changed; for a single item there is none. Items whose elements lie apart get
    launches of their own.
    """
    step_on_device.sweep(launches(), rule, uses, list(items), c, stream)


def squares(array):
    """The sum of an array's squares, in float64, of this array alone; waits for it."""
    flat = adopt("a gradient", array)
    if flat.ndim != 1:
        flat = flat.reshape(flat.size) if flat.is_c_contiguous() else flat.ravel()
    if not flat.size:
        return 0.0
    parts = cuda.device_array(min(-(-flat.size // 256), 1024) * 256, np.float64)
    _squares()[parts.size // 256, 256](flat, parts)
    return float(parts.copy_to_host().sum())


@functools.cache
def _squares():
    return cuda.jit(link(sweep_kernels.squares, {"cuda": cuda}, unwrapped))


@functools.cache
def step_function(method):
    """A method's step for users' @cuda.jit functions."""
    plain, register = step_functions.plain_sweep, lambda step: lambda typed: typed
    if simulated():
        return step_functions.made(method, plain, register, plain, checked=False)
    extending: Any = importlib.import_module("numba.cuda.extending")

    @functools.cache
    def sweep(rule, uses, dtype):
        bound = {**step_functions.bindings(rule, uses, dtype), "cast": intrinsics.cast}
        narrow = narrow_to(dtype)
        return link(solve_loop.sweep, bound, device_function, top=device_function, narrow=narrow)

    return step_functions.made(method, sweep, extending.overload, plain)


class Simulated:
    """The module `cuda` as the code of the simulator's running kernel sees it."""

    def __getattr__(self, name):
        from numba.cuda.simulator import kernel

        return getattr(kernel._get_kernel_context(), name)


class Linker:
    """How plain functions become device functions here; what `kernel_builder` links with."""

    def __init__(self):
        self.simulated = simulated()
        self.cuda = Simulated() if self.simulated else cuda
        self.wrap = unwrapped if self.simulated else device_function
        if self.simulated:
            from fastopt.derivatives.python_duals import python_dual as duals
        else:
            from fastopt.derivatives.duals import dual_choice as duals
        self.seeds = duals.SEEDS

    def dual(self, dtype, partials):
        """The kind of duals that carry so many partial derivatives."""
        return partials if self.simulated else kernel_builder.dual_type(dtype, partials)

    def user(self, fun, dtype, dual):
        """A user's function; `dual` is the kind of duals that it gets, or None."""
        if self.simulated and dual:
            from fastopt.derivatives.python_duals import python_dual

            own = python_dual.function(user_functions.plain(fun), user_functions.is_users)
            return simulator_batch.with_numpy(own)
        return user_function(fun, dtype, dual)


class Kernel:
    """A kernel, ``kernel[blocks, threads, stream](*arguments)``; kept on disk under `digest`."""

    def __init__(self, text, digest=None):
        self.compiled: Any = cuda.jit(text)
        self.configured: dict = {}
        if digest and not simulated():
            from numba.cuda.dispatcher import _Kernel

            key = f"{digest} {importlib.metadata.version('numba-cuda')}"
            self.compiled._cache = disk_cache.KernelCache(key, _Kernel._rebuild)

    def __getitem__(self, how):
        if simulated():
            return self.compiled[how]
        if how not in self.configured:
            if len(self.configured) > 64:
                self.configured.clear()
            with warnings.catch_warnings():  # of grids that are smaller than Numba would have them
                warnings.simplefilter("ignore")
                self.configured[how] = self.compiled[how]
        return self.configured[how]

    def registers(self, *arguments):
        """Of a thread, with these arguments; compiles, or loads."""
        if simulated():
            return 128
        kinds = tuple(map(self.compiled.typeof_pyval, arguments))
        return self.compiled.compile(kinds).regs_per_thread


@functools.cache
def device():
    """The current device."""
    return device_memory.Device(cuda, simulated())


def adopt(name, array, wait=True):
    """An array of anyone's on the device, as Numba's, after what its owner is doing to it.

    One of the host's is copied there.
    """
    return device().adopt(name, array, wait)


def scheduler(batch, fun, jac, objective, rule, results):
    """The device's threads at work on a batch; see `batch_scheduler.CudaScheduler`."""
    kernel, layout = kernel_builder.batch_kernel(batch, fun, jac, objective, rule, Linker, Kernel)
    given = kernel_builder.prepared(batch.given, device())
    steps = objective.data[1] if objective.method in ("2-point", "3-point") else np.zeros(1)
    steps = steps.astype(batch.given.x0.dtype)
    try:
        return batch_scheduler.CudaScheduler(device(), kernel, layout, given, results, steps)
    except MemoryError:
        raise
    except Exception as error:
        from fastopt.derivatives import error_messages_cuda

        if thread_layout.WRONG_LENGTH in str(error):
            raise ValueError(thread_layout.WRONG_LENGTH) from None
        for function in (fun, jac) if callable(jac) else (fun,):
            explained = error_messages_cuda.explain_device(error, user_functions.plain(function))
            if explained is not error:
                raise explained from None
        raise


def team_kernel(rule, chosen, uses, dtype, bounded):
    """`grid_kernel_source.go_on`, compiled for a rule and its options."""
    return kernel_builder.team_kernel(rule, chosen, uses, dtype, bounded, Linker, Kernel)

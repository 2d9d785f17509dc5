"""The CUDA target: sweeps, batches with one thread per problem, one problem on an entire device.

Only this module imports `cuda` of numba-cuda; it is loaded when a device is requested. The other
modules of this folder contain the kernels and their drivers. They get from here what they use of
CUDA.
"""
# Pyright rejects cuda.grid(1) and kernel[blocks, threads] with numba-cuda's types:
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

from fastopt.algorithms import solve_loop
from fastopt.compiling import disk_cache, numba_internals
from fastopt.compiling.compiler import link, undecorated
from fastopt.compiling.shortcuts.cuda_shortcuts import with_shortcuts
from fastopt.derivatives import gradient_methods
from fastopt.targets.common import intrinsics, step_functions
from fastopt.targets.common.loop_constants import narrow_to
from fastopt.targets.cuda import (
    batch_scheduler,
    device_memory,
    kernel_builder,
    simulator_batch,
    thread_layout,
    user_functions,
)
from fastopt.targets.cuda.steps import step_on_device, sweep_kernels, sweep_launcher
from fastopt.targets.cuda.steps.found_rate_launches import FoundRateLaunches
from fastopt.targets.cuda.steps.simulator_sweeps import Simulated

NAME = "cuda"


def missing():
    """Return a sentence that says why CUDA cannot be used here, or None if it can."""
    if cuda.is_available():
        return None
    reason = " ".join(str(cuda.cuda_error() or "no device was found").split())
    return f"{reason} A CUDA 13 driver and an NVIDIA GPU are needed; numba-cuda is installed."


def device_function(function, _original=None):
    return cuda.jit(device=True)(function)


def simulated():
    """Return True in Numba's CUDA simulator, which runs the plain Python functions."""
    return "simulator" in cuda.jit.__module__


@functools.cache
def launches():
    """Return the object that compiles and launches the kernels of the sweeps."""
    core = None if simulated() else importlib.import_module("cuda.core")
    return sweep_launcher.Launches(cuda, core, undecorated if simulated() else device_function)


def gradient_function(fun, dtype, size):
    """Return a device function ``(x, g, (args, x)) -> f``, which writes the gradient into g.

    The code is that of the CPU (`fastopt.derivatives`). x and g have `size` components of `dtype`.
    Each has a partial derivative of its own, in registers. Functions that do not write to arrays
    compute array expressions element by element (`derivatives.forward.lazy.expressions`).
    """
    if simulated():
        from fastopt.derivatives.forward import python_dual

        own = {
            **python_dual.SEEDS,
            "fun": python_dual.function(user_functions.plain(fun), user_functions.is_users),
            "DUAL": size,
        }
    else:
        from fastopt.derivatives.forward.duals import dual_choice, dual_number

        dual = dual_number.Dual(float32 if np.dtype(dtype) == np.float32 else float64, size)
        own = {**dual_choice.SEEDS, "fun": user_function(fun, dtype, dual), "DUAL": dual}
    return _linked(gradient_methods.dual_value, {**own, "CHUNK": size, "SIZE": size})


def value_function(fun, dtype=np.float64):
    """Return a device function ``(x, g, (args, x)) -> f``, which leaves g unchanged."""
    return _linked(gradient_methods.value_alone, {"fun": user_function(fun, dtype)})


def _linked(text, bindings):
    wrap = undecorated if simulated() else device_function
    return link(text, bindings, wrap, top=wrap)


def user_function(fun, dtype, dual=None):
    """Return the user's function for the device, called with duals of type `dual` or with numbers.

    If `dtype` is float32, only values given as float64 (arrays, numbers, np.float64) are float64.
    """
    if simulated():
        users = {"follow": user_functions.is_users}
        own = link(user_functions.plain(fun), {}, undecorated, **users)
        return simulator_batch.with_numpy(own)
    if np.dtype(dtype) == np.float32:
        _know_single()
    return user_functions.linked(fun, np.dtype(dtype).type, dual, device_function)


@functools.cache
def _know_single():
    """Register the rewrite of `float32_arithmetic` with numba-cuda, which has its own registry."""
    from fastopt.derivatives.forward.operators import float32_arithmetic

    rewrites = numba_internals.cuda_rewrites()
    rewrites.register_rewrite("before-inference")(float32_arithmetic.rewrite(rewrites.Rewrite))


def sweep(rule, uses, x, g, c, state, stream=None):
    """Take a step of a rule on device arrays, in place, without copies or waiting.

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
        An array like x for each slot. An unused one may be anything.
    stream : optional
        A number, or a stream of Numba, CuPy, PyTorch or of anything with `__cuda_stream__`. By
        default the one that the arrays name, or PyTorch's current one, or the default stream.
    """
    step_on_device.sweep(launches(), rule, uses, [(x, g, state)], c, stream)


def sweep_all(rule, uses, items, c, stream=None):
    """Run `sweep` on several arrays, with one launch per dtype: ``items`` are ``(x, g, state)``.

    The device reads their addresses from a table, which a single item does not need. It is copied
    asynchronously, and only when an address has changed. Strided items get separate launches.
    """
    step_on_device.sweep(launches(), rule, uses, list(items), c, stream)


def found_rate(rule, uses, all_uses, dtype):
    """Return the launches of steps whose rate is found, for one group of arrays on the device."""
    return FoundRateLaunches(launches(), device(), rule, uses, all_uses, dtype)


def squares(array):
    """Return the sum of an array's squares, in float64; wait for it."""
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
    return cuda.jit(link(sweep_kernels.squares, {"cuda": cuda}, undecorated))


@functools.cache
def step_function(method):
    """Return a method's step for users' @cuda.jit functions."""
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


class Linker:
    """The functions with which `kernel_builder` turns plain functions into device functions."""

    def __init__(self):
        self.simulated = simulated()
        self.cuda = Simulated() if self.simulated else cuda
        self.wrap = undecorated if self.simulated else device_function
        if self.simulated:
            from fastopt.derivatives.forward import python_dual as duals
        else:
            from fastopt.derivatives.forward.duals import dual_choice as duals
        self.seeds = duals.SEEDS

    def dual(self, dtype, partials):
        """Return the type of duals with `partials` partial derivatives."""
        return partials if self.simulated else kernel_builder.dual_type(dtype, partials)

    def user(self, fun, dtype, dual):
        """Return a user's function for arguments of type `dual`, or for numbers if it is None."""
        if self.simulated and dual:
            from fastopt.derivatives.forward import python_dual

            own = python_dual.function(user_functions.plain(fun), user_functions.is_users)
            return simulator_batch.with_numpy(own)
        return user_function(fun, dtype, dual)


class Kernel:
    """A kernel ``kernel[blocks, threads, stream](*arguments)``, cached on disk under `digest`."""

    def __init__(self, text, digest=None):
        self.compiled: Any = cuda.jit(text) if simulated() else with_shortcuts(cuda.jit(text))
        self.configured: dict = {}
        if digest and not simulated():
            key = f"{digest} {importlib.metadata.version('numba-cuda')}"
            numba_internals.set_cache(self.compiled, disk_cache.KernelCache(key))

    def __getitem__(self, how):
        if simulated():
            return self.compiled[how]
        if how not in self.configured:
            if len(self.configured) > 64:
                self.configured.clear()
            with warnings.catch_warnings():  # Numba warns of small grids
                warnings.simplefilter("ignore")
                self.configured[how] = self.compiled[how]
        return self.configured[how]

    def registers(self, *arguments):
        """Return the number of registers per thread for these arguments; compile or load first."""
        if simulated():
            return 128
        kinds = tuple(map(self.compiled.typeof_pyval, arguments))
        return self.compiled.compile(kinds).regs_per_thread


@functools.cache
def device():
    """Return the current device."""
    return device_memory.Device(cuda, simulated())


def adopt(name, array, wait=True):
    """Return any library's device array as Numba's, after its owner's pending work on it.

    A host array is copied to the device.
    """
    return device().adopt(name, array, wait)


def scheduler(batch, fun, jac, objective, rule, results):
    """Return the scheduler of a batch on the device; see `batch_scheduler.CudaScheduler`."""
    kernel, layout = kernel_builder.batch_kernel(batch, fun, jac, objective, rule, Linker, Kernel)
    steps = objective.data[1] if objective.method in ("2-point", "3-point") else np.zeros(1)
    steps = steps.astype(batch.problem_data.x0.dtype)
    functions = (fun, jac) if callable(jac) else (fun,)
    return scheduled(kernel, layout, batch, results, steps, functions)


def scheduled(kernel, layout, batch, results, steps, functions):
    """Return the scheduler of a kernel; an error of compiling names the user's `functions`."""
    problem_data = kernel_builder.prepared(batch.problem_data, device())
    try:
        return batch_scheduler.CudaScheduler(device(), kernel, layout, problem_data, results, steps)
    except MemoryError:
        raise
    except Exception as error:
        from fastopt.derivatives import error_messages_cuda

        if thread_layout.WRONG_LENGTH in str(error):
            raise ValueError(thread_layout.WRONG_LENGTH) from None
        for function in functions:
            explained = error_messages_cuda.explain_device(error, user_functions.plain(function))
            if explained is not error:
                raise explained from None
        raise


def team_kernel(rule, settings, uses, dtype, bounded):
    """Return `grid_kernel_source.go_on`, compiled for a rule and its options."""
    return kernel_builder.team_kernel(rule, settings, uses, dtype, bounded, Linker, Kernel)

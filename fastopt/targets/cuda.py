"""CUDA: sweeps as kernels. The solve loop on a device is still to come.

The only module that imports `cuda`; loaded when a device is asked for. numba-cuda provides it.
"""
# numba-cuda's types know neither cuda.grid(1) nor kernel[blocks, threads]:
# pyright: reportCallIssue=false, reportIndexIssue=false

import functools
import importlib
import importlib.util

import numpy as np

if importlib.util.find_spec("numba_cuda") is None:
    raise ImportError("the package numba-cuda is not installed")

from numba import cuda, float32, float64

from fastopt import derivatives
from fastopt._compile import is_compiled, is_plain, link, unwrapped
from fastopt.targets import _device_launch, _device_steps


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
    return _device_launch.Launches(cuda, core, unwrapped if simulated() else device_function)


def gradient_function(fun, dtype, size):
    """A device function ``(x, g, (args, x)) -> f``: the value of `fun`, its gradient into g.

    The texts are those of the CPU (`fastopt.derivatives`); x and g have `size` components of
    `dtype`, each with a partial derivative of its own, in registers.
    """
    fun = getattr(fun, "py_func", fun)
    if simulated():
        from fastopt.derivatives import _python

        seeds = _python.SEEDS
        user, dual, wrap = _python.function(fun), size, unwrapped
    else:
        from fastopt.derivatives import _dual, _duals, _names

        seeds, wrap = _duals.SEEDS, device_function
        dual = _dual.Dual(float32 if np.dtype(dtype) == np.float32 else float64, size)
        own = {"follow": _users, "replace": _names.meanings(dual, True)}
        user = link(fun, {}, wrap, top=wrap, **own)
    bindings = {**seeds, "fun": user, "DUAL": dual, "CHUNK": size, "SIZE": size}
    return link(derivatives.dual_value, bindings, wrap, top=wrap)


def _users(value):
    return is_compiled(value) or is_plain(value)


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
    _device_steps.sweep(launches(), rule, uses, [(x, g, state)], c, stream)


def sweep_all(rule, uses, items, c, stream=None):
    """`sweep` on several arrays in one launch (for each dtype): ``items`` are ``(x, g, state)``.

    Their addresses go to the device in a table, which is copied there, asynchronously, only when
    one of them has changed; for a single item there is none. Items whose elements lie apart get
    launches of their own.
    """
    _device_steps.sweep(launches(), rule, uses, list(items), c, stream)

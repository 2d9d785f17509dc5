"""CUDA: the sweep as a kernel. The solve loop on a device is still to come.

The only module that imports `cuda`; loaded when a device is asked for. numba-cuda provides it.
"""
# numba-cuda's types know neither cuda.grid(1) nor kernel[blocks, threads]:
# pyright: reportCallIssue=false, reportIndexIssue=false

import functools
import importlib.util
from typing import Any

import numpy as np

if importlib.util.find_spec("numba_cuda") is None:
    raise ImportError("the package numba-cuda is not installed")

from numba import cuda, float32, float64
from numba import types as numba_types

from fastopt import derivatives
from fastopt._compile import is_compiled, is_plain, link, unwrapped
from fastopt._open import load, store, update
from fastopt.rules import _slots

THREADS = 256  # a block
BLOCKS_PER_SM = 8  # 2,048 threads: a full multiprocessor


def missing():
    """What keeps CUDA from being used here, in a sentence; None where nothing does."""
    if cuda.is_available():
        return None
    reason = " ".join(str(cuda.cuda_error() or "no device was found").split())
    return f"{reason} A CUDA 13 driver and an NVIDIA GPU are needed; numba-cuda is installed."


def each(x, g, c, state):
    """One step of the rule; every thread takes each so-manieth element."""
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        step, _, s = update(g[i], load(state, i), c)
        store(state, i, s)
        x[i] = x[i] - step


def device_function(function, _original=None):
    return cuda.jit(device=True)(function)


def simulated():
    """Whether this is Numba's CUDA simulator, which runs the plain Python functions."""
    return "simulator" in cuda.jit.__module__


@functools.cache
def plain_kernel(rule, uses, dtype):
    """The sweep as an undecorated function, all of its arithmetic in the element type."""
    bound = {**_slots.bindings(rule, uses), "real": dtype.type, "BOUNDED": False}
    narrow = np.float32 if dtype == np.float32 else None
    wrap = unwrapped if simulated() else device_function
    return link(each, bound, wrap, narrow=narrow)


@functools.cache
def kernel(rule, uses, dtype):
    """The compiled sweep ``kernel[grid, block](x, g, c, state)``."""
    return cuda.jit(plain_kernel(rule, uses, dtype))


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
        from fastopt.derivatives import _dual, _duals

        seeds, wrap = _duals.SEEDS, device_function
        dual = _dual.Dual(float32 if np.dtype(dtype) == np.float32 else float64, size)
        user = user_function(fun, dtype, dual)
    bindings = {**seeds, "fun": user, "DUAL": dual, "CHUNK": size, "SIZE": size}
    return link(derivatives.dual_value, bindings, wrap, top=wrap)


def user_function(fun, dtype, dual=None):
    """The user's function for the device, called with duals of type `dual` or with numbers.

    Where `dtype` is float32, nothing in it is float64 but what is given as such (arrays, numbers,
    np.float64).
    """
    fun = getattr(fun, "py_func", fun)
    if simulated():
        return fun
    from fastopt.derivatives import _names

    real = np.dtype(dtype).type
    own: dict[str, Any] = {"follow": _users, "replace": _names.meanings(dual, True, real)}
    if real is np.float32:
        own["narrow"] = real
        _know_single()
    return link(fun, {}, device_function, top=device_function, **own)


@functools.cache
def _know_single():
    """Teach numba-cuda, which has rewrites of its own, that of `_single`."""
    from fastopt.derivatives import _single

    rewrites: Any = importlib.import_module("numba.cuda.core.rewrites")
    rewrites.register_rewrite("before-inference")(_single.rewrite(rewrites.Rewrite))


def _users(value):
    return is_compiled(value) or is_plain(value)


def signature(rule, uses, dtype):
    """Argument types of the kernel over contiguous vectors."""
    element = float32 if dtype == np.float32 else float64
    vector = element[::1]
    c = numba_types.NamedUniTuple(element, len(rule.C._fields), rule.C)
    return numba_types.void(vector, vector, c, numba_types.UniTuple(vector, len(uses)))


def sweep(rule, uses, x, g, c, state, stream=0):
    """One step of a rule on whole device arrays, in place.

    Parameters
    ----------
    rule, uses
        The rule's module and its used slots (`fastopt.rules.uses`).
    x, g : device arrays of one axis
        Parameters and gradient, float32 or float64: anything with `__cuda_array_interface__`.
    c : sequence of float
        The rule's coefficients; they go to the kernel in the element type.
    state : tuple of device arrays
        An array like x for each slot; one that is not used may be anything, x itself say.
    stream
        A Numba stream; 0 is the default one.
    """
    if not simulated():
        x, g, *state = (cuda.as_cuda_array(a, sync=False) for a in (x, g, *state))
    dtype = np.dtype(x.dtype)
    c = rule.C(*(dtype.type(value) for value in c))
    blocks = min(-(-x.size // THREADS), BLOCKS_PER_SM * _multiprocessors())
    kernel(rule, uses, dtype)[blocks, THREADS, stream](x, g, c, tuple(state))


@functools.cache
def _multiprocessors():
    return getattr(cuda.get_current_device(), "MULTIPROCESSOR_COUNT", 1)

"""CUDA: the sweep as a kernel. The solve loop on a device is still to come.

The only module that imports `cuda`; loaded when a device is asked for. numba-cuda provides it.
"""
# numba-cuda's types know neither cuda.grid(1) nor kernel[blocks, threads]:
# pyright: reportCallIssue=false, reportIndexIssue=false

import dis
import functools
import importlib.util
import types

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
WRITES = ("STORE_SUBSCR", "STORE_SLICE")
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
    `dtype`, each with a partial derivative of its own, in registers. Expressions of whole arrays
    are computed element by element (`fastopt.derivatives._lazy`), in functions that write into no
    array.
    """
    if simulated():
        from fastopt.derivatives import _python

        return _linked(_python.function(_plain(fun)), derivatives.dual_value, size, _python.SEEDS)
    from fastopt.derivatives import _dual, _duals

    dual = _dual.Dual(float32 if np.dtype(dtype) == np.float32 else float64, size)
    seeds = {**_duals.SEEDS, "DUAL": dual}
    return _linked(_user(fun, dual), derivatives.dual_value, size, seeds)


def value_function(fun):
    """A device function ``(x, g, (args, x)) -> f``: the value of `fun` alone; g is left alone."""
    user = _plain(fun) if simulated() else _user(fun, None)
    return _linked(user, derivatives.value_alone, 0, {})


def _linked(user, text, size, seeds):
    wrap = unwrapped if simulated() else device_function
    bindings = {"DUAL": size, "CHUNK": size, "SIZE": size, **seeds, "fun": user}
    return link(text, bindings, wrap, top=wrap)


def _user(fun, dual):
    """The user's function and those it calls, for this kind of dual; for numbers, without one."""
    from fastopt.derivatives import _lazy, _names

    writes = []

    def wrap(function, original):
        writes.append(_writes(function.__code__))
        return device_function(function)

    own = {"follow": _users, "replace": _names.meanings(dual, True, frozen=True)}
    user = link(_plain(fun), {}, wrap, top=wrap, **own)
    if any(writes):
        return user
    bindings = {"fun": user, "frozen": _lazy.frozen}
    return link(derivatives.on_frozen, bindings, device_function, top=device_function)


def _plain(fun):
    return getattr(fun, "py_func", fun)


def _writes(code):
    """Whether code writes into an array."""
    inner = (_writes(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return any(i.opname in WRITES for i in dis.get_instructions(code)) or any(inner)


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

"""CUDA: the sweep as a kernel. The solve loop on a device is still to come.

The only module that imports `cuda`; loaded when a device is asked for. numba-cuda provides it.
"""
# numba-cuda's types know neither cuda.grid(1) nor kernel[blocks, threads]:
# pyright: reportCallIssue=false, reportIndexIssue=false

import functools
import importlib.util
import sys
from typing import Any

import numpy as np

if importlib.util.find_spec("numba_cuda") is None:
    raise ImportError("the package numba-cuda is not installed")

from numba import cuda, float32, float64
from numba import types as numba_types

from fastopt import _search, _textbook, derivatives, rules
from fastopt._compile import is_compiled, is_plain, link, unwrapped
from fastopt._fields import is_elsewhere
from fastopt._open import load, store, update
from fastopt.rules import _slots
from fastopt.targets import _device, _device_crew, _device_solver

NAME = "cuda"
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
        from fastopt.derivatives import _dual, _duals, _names

        seeds, wrap = _duals.SEEDS, device_function
        dual = _dual.Dual(float32 if np.dtype(dtype) == np.float32 else float64, size)
        own = {"follow": _users, "replace": _names.meanings(dual, True)}
        user = link(fun, {}, wrap, top=wrap, **own)
    bindings = {**seeds, "fun": user, "DUAL": dual, "CHUNK": size, "SIZE": size}
    return link(derivatives.dual_value, bindings, wrap, top=wrap)


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


class Simulated:
    """The module `cuda` as the code of the simulator's running kernel sees it."""

    def __getattr__(self, name):
        from numba.cuda.simulator import kernel

        return getattr(kernel._get_kernel_context(), name)


class Linker:
    """What `_device_solver` needs of this target."""

    def __init__(self):
        self.simulated = simulated()
        self.cuda = Simulated() if self.simulated else cuda
        self.wrap = unwrapped if self.simulated else device_function
        if self.simulated:
            from fastopt.derivatives import _python as duals
        else:
            from fastopt.derivatives import _duals as duals
        self.seeds = duals.SEEDS

    def dual(self, dtype, partials):
        return partials if self.simulated else _device_solver.dual_type(dtype, partials)

    def user(self, fun, dtype, dual):
        fun = getattr(fun, "py_func", fun)
        if self.simulated:
            from fastopt.derivatives import _python

            return _python.function(fun) if dual else fun
        from fastopt.derivatives import _names

        own = {"follow": _users, "replace": _names.meanings(dual, True)}
        narrow = _device_solver.narrower(dtype)
        return link(fun, {}, device_function, top=device_function, narrow=narrow, **own)


class Kernel:
    """A compiled kernel, ``kernel[blocks, threads, stream](*arguments)``."""

    def __init__(self, text):
        self.compiled: Any = cuda.jit(text)

    def __getitem__(self, how):
        return self.compiled[how]

    def registers(self, *arguments):
        """Of a thread, with these arguments; compiles."""
        if simulated():
            return 128
        kinds = tuple(map(self.compiled.typeof_pyval, arguments))
        return self.compiled.compile(kinds).regs_per_thread


@functools.cache
def device():
    return _device.Device(cuda)


def crew(batch, fun, jac, objective, rule, results):
    """The device's threads at work on a batch; see `_device_crew.Crew`."""
    given, chosen = batch.given, batch.chosen
    dtype = np.dtype(given.x0.dtype)
    uses, bounded = rules.uses(rule, chosen.rule), batch.example.box is not None
    loop = _search if chosen.schedule is None else _textbook
    ours = _device_solver.Objective(fun, jac, objective.method, loop, chosen.schedule)
    text, layout = _device_solver.plain_loop(
        rule, chosen, uses, dtype, bounded, batch.shape, ours, Linker()
    )
    steps = objective.data[1] if objective.method in ("2-point", "3-point") else np.zeros(1, dtype)
    given = given._replace(
        args=tuple(_argument(value, dtype) for value in given.args),
        **{f: _table(getattr(given, f)[1], dtype) for f in ("limits", "options", "schedule")},
    )
    return _device_crew.Crew(device(), Kernel(text), layout, given, results, steps)


def _table(table, dtype):
    """A table of options for the device; more than 2^24 float32 cannot count one by one."""
    if dtype == np.float32:
        table = np.minimum(table, 2.0**24)
    return table.astype(dtype)


def _argument(value, dtype):
    """An argument of fun for the device; Python's numbers are of the parameters' type."""
    if isinstance(value, tuple):
        return tuple(_argument(item, dtype) for item in value)
    if isinstance(value, np.ndarray):
        return device().upload(value)
    return dtype.type(value) if type(value) is float else value


def adopt(name, array):
    """An array that lives on the device, as Numba's."""
    if not is_elsewhere(array):
        array = device().upload(np.asarray(array))
        device().settle()
    array = array if simulated() else cuda.as_cuda_array(array)
    if not array.is_c_contiguous():
        raise ValueError(f"{name} does not lie together in C order; copy it first")
    return array


@functools.cache
def team_kernel(rule, chosen, uses, dtype, bounded):
    """`_device_team.go_on`, compiled for a rule and its options."""
    return Kernel(_device_solver.plain_team(rule, chosen, uses, dtype, bounded, Linker()))


def dtype_of(x0):
    """The element type of what will be a device array."""
    return np.dtype(adopt("x0", x0).dtype)


def stream_of(array):
    """The stream in which its owner works on an array."""
    return cuda.default_stream()


def like(array, shape):
    """A function that shows Numba's device arrays as arrays of this one's library."""
    name = type(array).__module__.partition(".")[0]

    def wrap(ours):
        ours = ours.reshape(shape)
        if name == "cupy":
            return sys.modules[name].asarray(ours)
        if name == "torch":
            return sys.modules[name].as_tensor(ours, device=array.device)
        return ours

    return wrap

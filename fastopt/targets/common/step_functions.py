"""Steps of a rule for users' compiled code; the types of the state say which slots are used."""
# Pyright does not understand how Numba makes its intrinsics:
# pyright: reportCallIssue=false

import functools

import numpy as np
from numba import TypingError, types
from numba.extending import intrinsic

from fastopt import rules
from fastopt._sentences import counted
from fastopt.algorithms import solve_loop
from fastopt.arrays import arguments
from fastopt.compiling.compiler import link, undecorated
from fastopt.rules import _clipping_and_decay, _state_slots

DTYPES = np.dtype(np.float32), np.dtype(np.float64)


@intrinsic
def are_alike(context, x, g, state, coefficients, count):
    """Return True if all arrays have x's length, and there are len(count) coefficients."""

    def length(context, builder, kind, value):
        return builder.extract_value(context.make_helper(builder, kind, value=value).shape, 0)

    def codegen(context, builder, signature, args):
        wanted = length(context, builder, x, args[0])
        alike = context.get_constant(types.boolean, True)
        found = [length(context, builder, g, args[1])]
        for k, kind in enumerate(state):
            if is_array(kind):
                found.append(length(context, builder, kind, builder.extract_value(args[2], k)))
        for size in found:
            alike = builder.and_(alike, builder.icmp_signed("==", size, wanted))
        number = context.get_constant(types.intp, len(count))
        if is_array(coefficients):
            given = length(context, builder, coefficients, args[3])
        else:
            given = context.get_constant(types.intp, len(coefficients))
        return builder.and_(alike, builder.icmp_signed("==", given, number))

    return types.boolean(x, g, state, coefficients, count), codegen


@intrinsic
def completed(context, state, x, slots):
    """Return the state with x in place of slots that are None or missing."""
    count = len(slots)
    given = [state[k] if k < len(state) and is_array(state[k]) else None for k in range(count)]
    result = types.Tuple([kind or x for kind in given])

    def codegen(context, builder, signature, args):
        items = [
            args[1] if kind is None else builder.extract_value(args[0], k)
            for k, kind in enumerate(given)
        ]
        if context.enable_nrt:  # the tuple is another owner of the arrays
            for kind, item in zip(result, items, strict=True):
                context.nrt.incref(builder, kind, item)
        return context.make_tuple(builder, result, items)

    return result(state, x, slots), codegen


def is_array(kind):
    return isinstance(kind, types.Array)


def _require_vectors(g, *stepped):
    """Raise an error for arrays that compiled code would misread, or could not write to."""
    for array in (g, *stepped):
        dtype = getattr(array, "dtype", None)
        if type(array) is not np.ndarray or dtype not in DTYPES or array.ndim != 1:
            kind = "" if dtype is None else f" of {dtype} and shape {array.shape}"
            raise TypeError(
                f"vectors of float32 or float64 are accepted, not {type(array).__name__}{kind}"
            )
        if dtype != g.dtype:
            raise TypeError(f"an array has dtype {dtype}, but the gradient has dtype {g.dtype}")
        if not array.flags.aligned or (array is not g and not array.flags.writeable):
            raise ValueError("an array is read-only or not aligned; copy it first (.copy())")


@functools.cache
def made(method, compiled_sweep, register, plain, checked=True):
    """Return the function ``(x, g, state, coefficients)`` of a method.

    Parameters
    ----------
    compiled_sweep : callable ``(rule, uses, dtype)``
        `solve_loop.sweep`, compiled for the target.
    register : callable
        Numba's `overload` for the target.
    plain : callable
        The same as `compiled_sweep`, for calls from Python.
    checked : bool
        False for CUDA's simulator, whose calls from Python pass arrays that are not NumPy's.
    """
    rule = _clipping_and_decay.with_clipping_and_decay(rules.get(method))
    slots, count = rule.S._fields, (0,) * len(rule.S._fields)
    numbers = (0,) * len(rule.C._fields)
    mismatch = (
        f"{method}: x, g and the state must have one length, and there must be "
        f"{len(numbers)} coefficients ({', '.join(rule.C._fields)})"
    )

    def uses_of(state, present):
        if len(state) > len(slots):
            raise TypingError(
                f"{method}'s state has {counted(len(slots), 'array')} at most: {slots}"
            )
        return rule.S(*(k < len(state) and present(state[k]) for k in range(len(slots))))

    def step(x, g, state, coefficients):
        uses = uses_of(state, lambda array: array is not None)
        if checked:
            _require_vectors(g, x, *(array for array in state if array is not None))
            (coefficients,) = arguments.ready((coefficients,), "coefficients")
        full = tuple(state[k] if use else x for k, use in enumerate(uses))
        sizes = [g.size, *(state[k].size for k, use in enumerate(uses) if use)]
        if any(size != x.size for size in sizes) or len(coefficients) != len(numbers):
            raise ValueError(mismatch)
        plain(rule, uses, np.dtype(x.dtype))(x, g, coefficients, full, x, x, False)

    def typed(x, g, state, coefficients):
        arrays = [x, g, *(kind for kind in state if is_array(kind))]
        if any(not is_array(a) or a.ndim != 1 or a.dtype != x.dtype for a in arrays):
            raise TypingError(
                f"{method} takes vectors of one dtype, float32 or float64, and None for slots that "
                f"are not used; given are {', '.join(map(str, arrays))}"
            )
        uses = uses_of(state, is_array)
        dtype = np.dtype(str(x.dtype))
        run = compiled_sweep(rule, uses, dtype)

        def body(x, g, state, coefficients):
            if not are_alike(x, g, state, coefficients, numbers):
                raise ValueError(mismatch)
            run(x, g, coefficients, completed(state, x, count), x, x, False)

        return body

    step.__name__ = step.__qualname__ = method
    fields = ", ".join(rule.C._fields)
    kind = rules.options_class(rule).__name__
    step.__doc__ = f"""Take a step of {method} on vectors, in place, in compiled code.

    Parameters
    ----------
    x, g : array (n,)
        Parameters and gradient, of one dtype, float32 or float64.
    state : tuple
        An array like x for each of {", ".join(slots)}; None for one that the options do not need.
        Trailing ones may be left out.
    coefficients : tuple or array of float
        A row of ``fastopt.{kind}(...).coefficients(steps)``:
        {fields}.

    Raises
    ------
    ValueError
        If lengths differ. In a `cuda.jit` kernel the thread ends there without a step; CUDA
        reports the exception if the kernel was compiled with ``debug=True``.

    Examples
    --------
    >>> import numpy as np, fastopt
    >>> from numba import njit
    >>> @njit
    ... def fit(x, target, state, table):
    ...     for row in table:
    ...         fastopt.kernels.{method}(x, x - target, state, row)
    >>> x, table = np.zeros(2), fastopt.{kind}(0.1).coefficients(3)
    >>> fit(x, np.ones(2), ({", ".join(["np.zeros(2)"] * len(slots))},), table)
    >>> bool((x > 0.0).all())
    True
    """
    register(step)(typed)
    return step


def bindings(rule, uses, dtype):
    """Return the bindings of a sweep in the interpreter; on a device, all but `cast`."""
    return {
        **_state_slots.bindings(rule, uses),
        "each": range,
        "most": dtype.type,
        "real": dtype.type,
        "BOUNDED": False,
    }


def plain_sweep(rule, uses, dtype):
    """Return the sweep for the interpreter, including CUDA's simulator."""

    def cast(cls, real, values):
        return cls(*(real(v) for v in values))

    return link(solve_loop.sweep, {**bindings(rule, uses, dtype), "cast": cast}, undecorated)

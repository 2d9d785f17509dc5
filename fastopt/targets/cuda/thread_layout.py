"""The layout of the state of a device's threads, and a thread's arrays in it.

The state is a block of memory of shape (warps, rows, 32). Each number of a problem is a row, in
which the threads of a warp are adjacent: their accesses coalesce. Strides are compile-time
constants.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import TypingError, types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.algorithms import problem_arrays
from fastopt.algorithms.run_state import FRESH
from fastopt.compiling.llvm_arrays import array_struct, array_view

WARP = 32
WRONG_LENGTH = "the gradient must be a tuple of as many numbers as x0 has components"
SCALARS = len(FRESH) + 1  # scalars of a running problem: its record, and the best f


class BlockSlice(NamedTuple):
    """Some rows as an array of this shape."""

    first: int
    shape: tuple


class Layout:
    """Rows of a problem with n parameters, and the loop's arguments that they represent."""

    arrays: Any
    arrays_to_clear: tuple = ()

    def __init__(self, scalars, n):
        self.rows = 0
        self.record = self.add(scalars)
        # The point at which fun is evaluated: in the thread's local memory, saved between launches.
        self.saved, self.point = self.add(n), BlockSlice(-1, (n,))

    def add(self, *shape):
        first, self.rows = self.rows, self.rows + math.prod(shape)
        return BlockSlice(first, shape)

    @property
    def groups(self):
        """Return the parts that `arrays` returns as arrays."""
        return self.record, self.saved, self.arrays_to_clear, self.arrays

    def plain(self):
        """Return the function ``arrays(state_block, point, t)`` for the simulator."""

        def arrays(state_block, point, t):
            def see(part):
                if isinstance(part, BlockSlice):
                    return point if part == self.point else view(state_block, part, t)
                own = _class_of(part)
                return own(*map(see, part)) if own else tuple(map(see, part))

            return see(self.groups)

        return arrays

    def compiled(self):
        """Return the function ``arrays(state_block, point, t)`` for the compiler."""
        groups, own = self.groups, self.point

        @intrinsic
        def arrays(context, state_block, point, t):
            def kind(part):
                if isinstance(part, BlockSlice):
                    return (
                        point
                        if part == own
                        else types.Array(state_block.dtype, len(part.shape), "A")
                    )
                return types.BaseTuple.from_types(list(map(kind, part)), _class_of(part))

            def codegen(context, builder, signature, args):
                data = array_struct(context, builder, state_block, args[0]).data
                warp, lane = (builder.udiv(args[2], _int(WARP)), builder.urem(args[2], _int(WARP)))
                begin = builder.add(builder.mul(warp, _int(self.rows * WARP)), lane)
                data = builder.gep(data, [begin])

                def see(part):
                    if part == own:
                        return args[1]
                    if isinstance(part, BlockSlice):
                        return _see(context, builder, kind(part), data, part)
                    return context.make_tuple(builder, kind(part), [see(p) for p in part])

                return see(groups)

            result: Any = kind(groups)
            return result(state_block, point, types.intp), codegen

        return arrays


class SearchLayout(Layout):
    """That of `minimize`'s search, or of a given rate."""

    def __init__(self, auto, bounded, uses, n, pairs):
        super().__init__(SCALARS, n)
        along = self.add(pairs)
        names = problem_arrays.vectors(auto, bounded, uses)
        at = {name: self.add(n) for name in names if name != "new"}
        at |= {"new": self.point, "best_f": BlockSlice(SCALARS - 1, (1,))}
        if auto:
            at |= {"pairs": self.add(pairs, n), "along": along}
        self.arrays = problem_arrays.assembled(at, uses)
        # Arrays that are read before they are first written, so that they must be cleared between
        # problems.
        unwritten = ("scale", "p") if auto else ("new_g", "new_g")
        self.arrays_to_clear = tuple(at[name] for name in unwritten)


def _class_of(part):
    """Return the class of a named tuple, or None for a plain one."""
    return type(part) if hasattr(part, "_fields") else None


def view(state_block, part, t):
    """Return an array of thread t in the block."""
    rows = state_block[t // WARP, part.first : part.first + math.prod(part.shape), t % WARP]
    strides = tuple(
        rows.strides[0] * math.prod(part.shape[k + 1 :]) for k in range(len(part.shape))
    )
    return np.lib.stride_tricks.as_strided(rows, part.shape, strides)


def _int(value):
    return ir.Constant(ir.IntType(64), value)


def _see(context, builder, kind, data, part):
    width = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    strides = [WARP * width * math.prod(part.shape[k + 1 :]) for k in range(len(part.shape))]
    data = builder.gep(data, [_int(part.first * WARP)])
    return fixed_view(context, builder, kind, data, part.shape, strides, width)


def fixed_view(context, builder, kind, data, shape, strides, width):
    """Return an array over memory whose shape and strides are known when it is compiled."""
    shape, strides = (list(map(_int, v)) for v in (shape, strides))
    return array_view(context, builder, kind, data, shape, strides, _int(width))


def local_array(shape):
    """Return the intrinsic ``local(real, _) -> array``, in the thread's local memory."""

    @intrinsic
    def local(context, real: Any, other):
        kind = types.Array(real.dtype, len(shape), "C")

        def codegen(context, builder, signature, args):
            item = context.get_data_type(kind.dtype)
            width = context.get_abi_sizeof(item)
            data = cgutils.alloca_once(builder, item, size=math.prod(shape))
            strides = [width * math.prod(shape[k + 1 :]) for k in range(len(shape))]
            return fixed_view(context, builder, kind, data, shape, strides, width)

        return kind(real, other), codegen

    return local


@intrinsic(prefer_literal=True)
def require_length(context, items, count):
    """Raise an error at compile time if a tuple has another length."""
    if not isinstance(items, types.BaseTuple) or len(items) != count.literal_value:
        raise TypingError(WRONG_LENGTH)
    return types.void(items, count), lambda context, *rest: context.get_dummy_value()


def reshaped(shape):
    """Return the intrinsic ``shaped_as(vector)``, which reshapes a contiguous vector."""

    @intrinsic
    def shaped_as(context, vector):
        kind = types.Array(vector.dtype, len(shape), "C")

        def codegen(context, builder, signature, args):
            width = context.get_abi_sizeof(context.get_data_type(kind.dtype))
            strides = [width * math.prod(shape[k + 1 :]) for k in range(len(shape))]
            data = array_struct(context, builder, vector, args[0]).data
            return fixed_view(context, builder, kind, data, shape, strides, width)

        return kind(vector), codegen

    return shaped_as

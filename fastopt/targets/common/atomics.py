"""Words that threads share, in compiled code."""

import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct

# The system's function that lets another thread run on this processor.
_GIVE_WAY = "SwitchToThread" if sys.platform == "win32" else "sched_yield"


def _pointer(context, builder, array, value, place):
    return builder.gep(array_struct(context, builder, array, value).data, [place])


@intrinsic
def add(context, array, place, amount):
    """Add `amount` to array[place] atomically; return the previous value.

    A thread that reads the new value also finds what this thread has written before.
    """

    def codegen(context, builder, signature, values):
        pointer = _pointer(context, builder, array, *values[:2])
        return builder.atomic_rmw("add", pointer, values[2], "acq_rel")

    return types.int64(array, types.intp, types.int64), codegen


@intrinsic
def read(context, array, place):
    """Return array[place]; what a thread wrote before this integer can be read after it."""

    def codegen(context, builder, signature, values):
        pointer = _pointer(context, builder, array, *values)
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(array, types.intp), codegen


@intrinsic
def exchange(context, array, place, old, new):
    """Replace array[place] by `new` if it is `old`, atomically; return whether it was."""

    def codegen(context, builder, signature, values):
        pointer = _pointer(context, builder, array, *values[:2])
        found = builder.cmpxchg(pointer, *values[2:], "acq_rel", "acquire")
        return builder.extract_value(found, 1)

    return types.boolean(array, types.intp, types.int64, types.int64), codegen


@intrinsic
def give_way(context):
    """Let another thread run, if one waits for this processor."""

    def codegen(context, builder, signature, values):
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, _GIVE_WAY), [])
        return context.get_dummy_value()

    return types.void(), codegen


# Bindings of placeholders.
BINDINGS = {f.__name__: f for f in (add, read, exchange, give_way)}

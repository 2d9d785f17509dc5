"""Stores of reverse sweeps that compiled code makes and frees by itself."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportOptionalMemberAccess=false

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling import compiler
from fastopt.compiling.llvm_arrays import array_struct
from fastopt.derivatives.reverse.runtime.store import WORD, limit

_WORDS = limit() // WORD


@numba.njit(**compiler.REFCOUNTED)
def new():
    """Return an empty store."""
    store = np.zeros(4, np.int64)
    store[2] = _WORDS
    return store


@intrinsic
def freeing(context, function, x, g, store, args):
    """Call a function with a store and free its memory, also if the function raises."""
    if not isinstance(function, types.Dispatcher):
        return None
    called = function.get_call_type(context, (x, g, store, args), {})

    def codegen(context, builder, sig, values):
        made = function.dispatcher.get_compile_result(called)
        context.add_linking_libs([made.library])
        call = context.call_internal_no_propagate
        status, result = call(builder, made.fndesc, called, values[1:])
        address = builder.load(array_struct(context, builder, store, values[3]).data)
        kind = ir.FunctionType(ir.VoidType(), [address.type])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "free"), [address])
        with builder.if_then(status.is_error, likely=False):
            context.call_conv.return_status_propagate(builder, status)
        return result

    return called.return_type(function, x, g, store, args), codegen

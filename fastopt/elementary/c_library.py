"""Calls of the C library for rare arguments, which leave loops vectorised."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from fastopt.elementary.bits import intrinsic, same_floats


def _library(name, context, x):
    """Return a call of the C library's function `name`, for a branch that is rarely executed.

    A call stops a loop from vectorising, unless the function declares a variant for masked vectors.
    Then the loop vectorises, tests each element, and calls the scalar function for the elements
    in the branch. The declared variant has a width that no machine has, and is never called.
    If a later LLVM ignores the declaration, loops are slow but still right.
    """
    if not same_floats(x):
        return None

    def codegen(context, builder, signature, args):
        real, module = args[0].type, builder.module
        symbol = name if x.bitwidth == 64 else name + "f"
        function = cgutils.get_or_insert_function(module, ir.FunctionType(real, [real]), symbol)
        lanes, masked = 1024, f"fastopt_masked_{symbol}"
        vector = ir.VectorType(real, lanes)
        shape = ir.FunctionType(vector, [vector, ir.VectorType(ir.IntType(1), lanes)])
        if masked not in module.globals:
            for attribute in (
                "nobuiltin",
                "nounwind",
                "readnone",
                "willreturn",
                f'"vector-function-abi-variant"="_ZGV_LLVM_M{lanes}v_{symbol}({masked})"',
            ):
                set.add(function.attributes, attribute)
            variant = ir.Function(module, shape, masked)
            pointer = ir.PointerType(ir.IntType(8))
            kept: Any = ir.GlobalVariable(module, ir.ArrayType(pointer, 1), "llvm.compiler.used")
            kept.linkage, kept.section = "appending", "llvm.metadata"
            kept.initializer = ir.Constant(kept.value_type, [variant.bitcast(pointer)])
        return builder.call(function, args)

    return x(x), codegen


@intrinsic
def library_sin(context, x):
    """Compute the sine with the C library."""
    return _library("sin", context, x)


@intrinsic
def library_cos(context, x):
    """Compute the cosine with the C library."""
    return _library("cos", context, x)

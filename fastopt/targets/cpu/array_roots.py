"""Reciprocal square roots from the processor's estimate, for steps over arrays.

AVX-512 has an estimate of 1 / sqrt(u) with 14 bits, for vectors of any length and for scalars. A
Newton step doubles the bits: one for float32, two for float64. This takes two thirds of the time of
a root and a division. The bits of an element do not depend on whether it is in a vector.

LLVM knows no vector form of the estimate. So the scalar one is a function that stays a call until
loops are vectorised, and its attribute names functions for vectors. They are inlined when the
vectorised loop is linked into its caller. So the loop must be compiled by itself.
"""
# Pyright does not understand how Numba makes its intrinsics:
# pyright: reportCallIssue=false

import functools
import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastopt.compiling.compiler import numba_config
from fastopt.compiling.numba_internals import cpu_target

NEEDED = {"+avx512f", "+avx512vl"}
# For each element type: LLVM's type, suffixes of instructions for vectors and for scalars, numbers
# of elements in a vector, and Newton steps.
_OF_FLOAT: Any = {
    types.float32: (ir.FloatType(), "ps", "ss", (4, 8, 16), 1),
    types.float64: (ir.DoubleType(), "pd", "sd", (2, 4, 8), 2),
}


def are_reciprocal(rule):
    """Return True if steps of a rule over arrays use the estimate."""
    return hasattr(rule, "over_root") and _available()


@functools.cache
def _available():
    """Return True if the processor that Numba compiles for has the estimate."""
    if numba_config.DISABLE_JIT:
        return False
    context: Any = cpu_target.target_context
    return NEEDED.issubset(context.codegen().magic_tuple()[-1].split(","))


def over_root(u, v, c):
    """Return what `_shared_formulas.over_root` does, rounded another way."""
    d = math.sqrt(v + c.eps_in) + c.eps_out
    if c.eps_out == 0.0:  # decided outside the loop
        return u * inverse_root(v + c.eps_in), d
    return u / d, d


@intrinsic
def inverse_root(context, u):
    """Return 1 / sqrt(u) to about one unit in the last place; exact for 0, inf and NaN."""
    item, packed, single, lengths, newton_steps = _OF_FLOAT[u]

    def codegen(context, builder, signature, args):
        name = f"fastopt_reciprocal_root_{packed}"
        scalar = builder.module.globals.get(name)
        if scalar is None:
            scalar = _define(builder.module, name, item, packed, single, lengths)
        estimate = builder.call(scalar, args)
        variants = ",".join(f"_ZGV_LLVM_N{n}v_{name}({name}_{n})" for n in lengths)
        # The class of `attributes` accepts no names that it does not know.
        set.add(estimate.attributes, f'"vector-function-abi-variant"="{variants}"')
        half, one = (ir.Constant(item, value) for value in (0.5, 1.0))
        y = estimate
        for _ in range(newton_steps):
            error = builder.fma(builder.fneg(builder.fmul(args[0], y)), y, one)
            y = builder.fma(builder.fmul(half, y), error, y)
        # The estimate is exact for 0 and inf, for which the Newton step is inf * 0.
        return builder.select(builder.fcmp_unordered("uno", y, y), estimate, y)

    return u(u), codegen


def _define(module, name, item, packed, single, lengths):
    """Define the estimate in a module, for scalars and for vectors; return the one for scalars."""
    index, shortest = ir.Constant(ir.IntType(32), 0), ir.VectorType(item, lengths[0])
    scalar, builder = _function(module, name, item, "noinline")
    kind = ir.FunctionType(shortest, [shortest] * 3 + [ir.IntType(8)])
    estimate = ir.Function(module, kind, f"llvm.x86.avx512.rsqrt14.{single}")
    u = builder.insert_element(ir.Constant(shortest, None), scalar.args[0], index)
    found = builder.call(estimate, [u, u, u, ir.Constant(ir.IntType(8), -1)])
    builder.ret(builder.extract_element(found, index))
    kept = [scalar]
    for n in lengths:
        vector, mask = ir.VectorType(item, n), ir.IntType(max(8, n))
        bits = n * (32 if packed == "ps" else 64)
        kind = ir.FunctionType(vector, [vector, vector, mask])
        estimate = ir.Function(module, kind, f"llvm.x86.avx512.rsqrt14.{packed}.{bits}")
        function, builder = _function(module, f"{name}_{n}", vector, "alwaysinline")
        zeros, all_of_it = ir.Constant(vector, None), ir.Constant(mask, -1)
        builder.ret(builder.call(estimate, [function.args[0], zeros, all_of_it]))
        kept.append(function)
    # LLVM would drop the functions for vectors, which nothing calls before loops are vectorised.
    pointer = ir.IntType(8).as_pointer()
    used: Any = ir.GlobalVariable(module, ir.ArrayType(pointer, len(kept)), "llvm.compiler.used")
    used.linkage, used.section = "appending", "llvm.metadata"
    used.initializer = ir.Constant(used.value_type, [f.bitcast(pointer) for f in kept])
    return scalar


def _function(module, name, kind, inlining):
    function = ir.Function(module, ir.FunctionType(kind, [kind]), name)
    function.linkage = "linkonce_odr"
    for attribute in (inlining, "nounwind", "readnone"):
        function.attributes.add(attribute)
    return function, ir.IRBuilder(function.append_basic_block())

"""Calls of the objective from the loop: one evaluation, called by its address.

For a few parameters, x and g are passed in registers. Passing them through memory would lengthen
the longest chain of an iteration by a sixth.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.algorithms.objective_evaluation import CODE, DATA
from fastopt.compiling.llvm_arrays import array_struct
from fastopt.compiling.numba_internals import excinfo_ptr_t, int32_t, status_of
from fastopt.targets.cpu.calls_by_address import BINDINGS as CALLS
from fastopt.targets.cpu.calls_by_address import WORD, call_code, words

NEAR = ".near"  # suffix of the name of a function that `entry` makes


class Near:
    """The type of an evaluation with x as arguments that returns status, f and g in registers.

    On x86, vectors are returned in up to four registers, single numbers in up to two. LLVM passes
    more than that through memory.
    """

    def __init__(self, context, real, n):
        self.real, self.n = context.get_value_type(real), n
        self.lanes = 1 if n <= 3 else 2  # numbers stored in each vector of two
        vectors = [ir.VectorType(self.real, 2)] * -(-n // self.lanes)
        number = ir.DoubleType()
        self.result = ir.LiteralStructType([int32_t, ir.VectorType(number, 2), *vectors])
        given = excinfo_ptr_t.as_pointer(), WORD, cgutils.voidptr_t, number
        self.kind = ir.FunctionType(self.result, [*given, *[self.real] * n])

    def loaded(self, builder, pointer):
        """Return the numbers at a pointer."""
        return [builder.load(builder.gep(pointer, [WORD(k)])) for k in range(self.n)]

    def packed(self, builder, status, f, d):
        """Build the function's return value."""
        result = ir.Constant(self.result, ir.Undefined)
        result = builder.insert_value(result, status, 0)
        for k, kind in enumerate(self.result.elements[1:]):
            lanes = d[self.lanes * (k - 1) :][: self.lanes] if k else [f]
            vector = ir.Constant(kind, ir.Undefined)
            for at, lane in enumerate(lanes):
                vector = builder.insert_element(vector, lane, ir.IntType(32)(at))
            result = builder.insert_value(result, vector, k + 1)
        return result

    def unpacked(self, builder, result):
        """Return the status, f and the components of g."""
        status, f, *vectors = (
            builder.extract_value(result, k) for k in range(len(self.result.elements))
        )
        places = [divmod(k, self.lanes) for k in range(self.n)]
        d = [builder.extract_element(vectors[k], ir.IntType(32)(at)) for k, at in places]
        return status, builder.extract_element(f, ir.IntType(32)(0)), d


@intrinsic(prefer_literal=True)
def entry(context, evaluate, real, size, pointer):
    """Add a function next to this one for `ask` to call: `evaluate` with x and g in registers."""
    n, number = size.literal_value, real.dtype
    kinds = types.intp, types.CPointer(number), types.CPointer(number), types.float64, pointer
    context.resolve_function_type(evaluate, kinds, {})

    def codegen(context, builder, signature, values):
        found, near = evaluate.dispatcher.overloads[kinds], Near(context, number, n)
        context.active_code_library.add_linking_library(found.library)
        code = context.declare_function(builder.module, found.fndesc)
        function = ir.Function(builder.module, near.kind, builder.function.name + NEAR)
        error, what, data, f, *start = function.args
        inner = ir.IRBuilder(function.append_basic_block())
        place = inner.alloca(f.type)
        x, g = (inner.alloca(near.real, n) for _ in range(2))
        inner.store(f.type(0.0), place)
        for k, value in enumerate(start):
            inner.store(value, inner.gep(x, [WORD(k)]))
            inner.store(near.real(0.0), inner.gep(g, [WORD(k)]))
        status = inner.call(code, [place, error, what, x, g, f, data])
        inner.ret(near.packed(inner, status, inner.load(place), near.loaded(inner, g)))
        return context.get_dummy_value()

    return types.void(evaluate, real, size, pointer), codegen


@intrinsic(prefer_literal=True)
def ask(context, what, x, g, f, calls, size):
    """Evaluate the objective whose code and arguments have their addresses in `calls`.

    If `size` is not zero, the code is the function that `entry` made for `size` parameters.
    """
    n, pointer = size.literal_value, types.CPointer(x.dtype)
    kinds = (types.intp, pointer, pointer, types.float64, types.voidptr)

    def codegen(context, builder, signature, values):
        what, f = (context.cast(builder, values[k], signature.args[k], kinds[k]) for k in (0, 3))
        code, data = words(context, builder, calls, values[4], CODE, DATA)
        x_data, g_data = (array_struct(context, builder, x, v).data for v in values[1:3])
        data = builder.inttoptr(data, cgutils.voidptr_t)
        if n == 0:
            given = what, x_data, g_data, f, data
            return call_code(context, builder, types.float64, kinds, code, *given)
        near = Near(context, x.dtype, n)
        error = cgutils.alloca_once(builder, excinfo_ptr_t)
        function = builder.inttoptr(code, near.kind.as_pointer())
        given = error, what, data, f, *near.loaded(builder, x_data)
        status, f, d = near.unpacked(builder, builder.call(function, given))
        _propagate(context, builder, status, error)
        for k, slope in enumerate(d):
            builder.store(slope, builder.gep(g_data, [WORD(k)]))
        return f

    return types.float64(what, x, g, types.float64, calls, size), codegen


def _propagate(context, builder, code, error):
    """Return the error to the caller if the status of a call says that something was raised."""
    convention = context.call_conv
    status = status_of(convention, builder, code, builder.load(error))
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)


# Bindings of placeholders.
BINDINGS = {**CALLS, "ask": ask, "entry": entry}

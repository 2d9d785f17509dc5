"""Products of matrices that BLAS adds to an array, without an array of their own."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportArgumentType=false

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from fastopt.compiling.llvm_arrays import array_struct
from fastopt.compiling.numba_lowerings import ensure_blas, get_blas_kind


def add_matrix_product(bar, a, b):
    """Add ``a @ b`` to a matrix."""
    bar += a @ b


@overload(add_matrix_product)
def _add_compiled(bar, a, b):
    def plain(bar, a, b):
        bar += a @ b

    def added(bar, a, b):
        if bar.size > 0 and a.shape[1] > 0:  # BLAS refuses empty matrices
            _gemm(bar, a, b)

    known = bar.layout == "C" and a.layout in "CF" and b.layout in "CF"
    return added if known and bar.dtype == a.dtype == b.dtype else plain


@intrinsic
def _gemm(context, bar, a, b):
    """Call BLAS's product of matrices with a factor of 1 for what is in the result."""
    ensure_blas()

    def codegen(context, builder, sig, args):
        fields = [array_struct(context, builder, *p) for p in zip(sig.args, args, strict=True)]
        out, left, right = fields
        number, size = context.get_value_type(bar.dtype), out.nitems.type
        one = cgutils.alloca_once_value(builder, number(1.0))
        byte = ir.IntType(8)
        place = byte.as_pointer()
        shapes = [cgutils.unpack_tuple(builder, f.shape) for f in fields]

        def operand(kind, array, shape):
            """Return what BLAS takes: columns come first there, and so rows in C order."""
            same = kind.layout == "C"
            return byte(ord("n" if same else "t")), array.data, shape[1] if same else shape[0]

        (turn_b, at_b, wide_b), (turn_a, at_a, wide_a) = (
            operand(b, right, shapes[2]),
            operand(a, left, shapes[1]),
        )
        kinds = [byte] * 3 + [size] * 3 + [place, place, size, place, size, place, place, size]
        call = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), kinds), "numba_xxgemm"
        )
        given = [byte(ord(get_blas_kind(bar.dtype))), turn_b, turn_a]
        given += [shapes[0][1], shapes[0][0], shapes[1][1]]
        given += [one, at_b, wide_b, at_a, wide_a, one, out.data, shapes[0][1]]
        pairs = zip(given, kinds, strict=True)
        builder.call(call, [builder.bitcast(v, place) if k == place else v for v, k in pairs])
        return context.get_dummy_value()

    return types.void(bar, a, b), codegen

"""Arrays of duals from tuples and lists: of numbers, of rows, of arrays to be joined.

Items may differ in type: some depend on x, others do not. So the tuples are unpacked at compile
time, and every item is converted to the type of dual among them.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import numba
from numba import TypingError, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from fastopt.compiling.llvm_arrays import allocate_array
from fastopt.derivatives.forward.duals.dual_number import JIT, Dual, DualArray
from fastopt.derivatives.forward.operators.stand_ins import dual_of, new

_NUMBERS = (Dual, types.Integer, types.Float, types.Boolean)


def _shape(kind):
    """Return the sizes of a tuple of numbers, of equal tuples of numbers, and so on, or None."""
    if isinstance(kind, _NUMBERS):
        return ()
    if not isinstance(kind, types.BaseTuple):
        return None
    inner = {_shape(item) for item in kind.types}
    below = inner.pop() if len(inner) == 1 else None
    return None if below is None else (len(kind.types), *below)


def is_full(kind):
    """Return True for a tuple of numbers, or of equal tuples of numbers."""
    return bool(_shape(kind))


@intrinsic
def filled(context, items):
    """Return a new array of the numbers in nested tuples."""
    dual, shape = dual_of(items), _shape(items)
    if dual is None or not shape:
        return None
    result = DualArray(dual, len(shape), "C")

    def codegen(context, builder, sig, args):
        sizes = [context.get_constant(types.intp, size) for size in shape]
        array = allocate_array(context, builder, result, sizes)
        for i, (kind, value) in enumerate(_leaves(builder, sig.args[0], args[0])):
            value = context.cast(builder, value, kind, dual)
            place = builder.gep(array.data, [context.get_constant(types.intp, i)])
            context.pack_value(builder, dual, value, place)
        return array._getvalue()

    return result(items), codegen


def _leaves(builder, kind, value):
    """Return types and values of the numbers in nested tuples, in order."""
    if not isinstance(kind, types.BaseTuple):
        return [(kind, value)]
    values = cgutils.unpack_tuple(builder, value, len(kind))
    pairs = zip(kind.types, values, strict=True)
    return [leaf for pair in pairs for leaf in _leaves(builder, *pair)]


# Conversions of an item to a matrix of duals; `like` contains the dual.


def _one(a, like):
    made = new(like, (1, 1))
    made[0, 0] = a
    return made


def _row(a, like):
    made = new(like, (1, a.size))
    for i in range(a.size):
        made[0, i] = a[i]
    return made


def _column(a, like):
    made = new(like, (a.size, 1))
    for i in range(a.size):
        made[i, 0] = a[i]
    return made


def _matrix(a, like):
    made = new(like, a.shape)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            made[i, j] = a[i, j]
    return made


def _ndim(kind):
    return 0 if isinstance(kind, _NUMBERS) else getattr(kind, "ndim", None)


def _each(*forms):
    """Return an intrinsic that converts each item of a tuple by the form for its number of axes."""

    @intrinsic
    def each(context, items):
        dual = dual_of(items)
        kinds = [types.unliteral(kind) for kind in items.types]
        if dual is None or any(_ndim(kind) not in range(len(forms)) for kind in kinds):
            return None
        part = DualArray(dual, 2, "C")

        def codegen(context, builder, sig, args):
            values, like = cgutils.unpack_tuple(builder, args[0]), context.get_constant_null(dual)
            made = [  # forms that know no other item are compiled once for all tuples
                context.compile_internal(
                    builder, forms[_ndim(kind)], part(kind, dual), [value, like]
                )
                for kind, value in zip(kinds, values, strict=True)
            ]
            return context.make_tuple(builder, sig.return_type, made)

        return types.UniTuple(part, len(kinds))(items), codegen

    return each


def _parts(forms):
    """Return a function: a tuple or a list of arrays -> the same number of matrices of duals."""
    each, compiled = _each(*forms), [numba.njit(**JIT)(form) for form in forms]

    def parts(arrays):
        raise TypeError("this function is for compiled code")

    @overload(parts, jit_options=JIT)
    def typed(arrays):
        if isinstance(arrays, types.BaseTuple):
            return lambda arrays: each(arrays)
        ndim = _ndim(getattr(arrays, "dtype", None))
        if isinstance(arrays, types.Array) and ndim == 0:
            # The items of an array are its rows: those of a vector are numbers.
            ndim = arrays.ndim - 1
        if ndim is None or ndim >= len(forms):
            return None
        form = compiled[ndim]
        return lambda arrays: [form(a, arrays) for a in arrays]

    return parts


rows, columns = _parts((_one, _row, _matrix)), _parts((_one, _column, _matrix))


@numba.njit(**JIT)
def joined(parts, axis):
    """Join matrices horizontally (`axis` 1) or vertically (0)."""
    first = parts[0]
    size, other = 0, first.shape[1 - axis]
    for a in parts:
        if a.shape[1 - axis] != other:
            raise ValueError("arrays of these shapes cannot be joined")
        size += a.shape[axis]
    made = new(first, (other, size) if axis else (size, other))
    place = 0
    for a in parts:
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                if axis:
                    made[i, place + j] = a[i, j]
                else:
                    made[place + i, j] = a[i, j]
        place += a.shape[axis]
    return made


def ndims(arrays):
    """Return the set of the numbers of axes of the items of a tuple or a list."""
    if isinstance(arrays, types.BaseTuple):
        return {_ndim(kind) for kind in arrays.types}
    if isinstance(arrays, types.Array):
        return {arrays.ndim - 1}
    return {_ndim(getattr(arrays, "dtype", None))}


def need(arrays, allowed, name, what):
    """Raise a TypingError unless the items have these numbers of axes."""
    if not ndims(arrays) <= allowed:
        raise TypingError(f"{name} is known for {what} only")

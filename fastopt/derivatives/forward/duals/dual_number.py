"""The dual number as a Numba type: a value and K partial derivatives, for both targets.

A dual is K + 1 numbers of one real type. In registers they are separate scalars, so that a loop
over data vectorises over the data. With `wide`, they are a value and one LLVM vector, which keeps
code for many partials short. In memory both are K + 1 adjacent numbers.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from typing import Any

from llvmlite import ir
from numba import TypingError, types
from numba.extending import box, lower_cast, models, register_model

from fastopt.compiling.llvm_arrays import array_struct
from fastopt.compiling.numba_internals import COUNTED, Conversion

# Options of Numba for functions of duals that are written in Python.
JIT: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": {"contract"},
    **COUNTED,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


class Dual(types.Type):
    """`size` partials of type `real`; `fast` says which elementary functions it uses."""

    def __init__(self, real, size, wide=False, fast=True):
        self.real, self.size, self.wide, self.fast = real, size, wide, fast
        super().__init__(name=f"Dual({real}, {size}, wide={wide}, fast={fast})")

    def unify(self, typingctx, other):
        """Return this type for numbers, too: ``s = 0.0; s += dual`` makes s a dual at once."""
        if isinstance(other, types.Number | types.Boolean) and not _is_complex(other):
            return self
        return None

    def can_convert_from(self, typingctx, other):
        """Allow real numbers, as duals without derivative; a dual never becomes a number."""
        if isinstance(other, types.Number | types.Boolean) and not _is_complex(other):
            return Conversion.safe
        return None


class SecondDual(Dual):
    """A dual of duals: it has second derivatives by one direction and each of `count` parameters.

    Its lanes are the first derivatives by the parameters, that in the direction, and the
    derivatives of the former in the direction.
    """

    def __init__(self, real, count, fast=True):
        super().__init__(real, 2 * count + 1, False, fast)
        self.count = count
        self.name = f"SecondDual({real}, {count}, fast={fast})"


class DualArray(types.Array):
    """An array of duals: like Numba's array, except for arithmetic and methods."""

    def __init__(self, dtype, ndim, layout, readonly=False, aligned=True):
        name = f"DualArray({dtype}, {ndim}, {layout}, {readonly}, {aligned})"
        super().__init__(dtype, ndim, layout, readonly, name, aligned)

    def copy(self, dtype=None, ndim=None, layout=None, readonly=None):
        dtype = self.dtype if dtype is None else dtype
        kind = DualArray if isinstance(dtype, Dual) else types.Array
        return kind(
            dtype=dtype,
            ndim=self.ndim if ndim is None else ndim,
            layout=self.layout if layout is None else layout,
            readonly=not self.mutable if readonly is None else readonly,
            aligned=self.aligned,
        )

    def unify(self, typingctx, other):
        # The type of `s * data` changes while types are inferred: s begins as a plain 0.0.
        if type(other) is types.Array and not _is_complex(other.dtype):
            other = self.copy(ndim=other.ndim, layout=other.layout, readonly=not other.mutable)
        plain = super().unify(typingctx, other)
        return plain and self.copy(layout=plain.layout, readonly=not plain.mutable)


register_model(DualArray)(models.ArrayModel)


def _is_complex(kind):
    return isinstance(kind, types.Complex)


@box(Dual)
def _never_python_s(kind, value, c):
    """Raise an error at compile time: Python code (objmode, print) would lose the partials."""
    raise TypingError("a number that depends on x cannot be given to Python code")


@register_model(SecondDual)
@register_model(Dual)
class DualModel(models.PrimitiveModel):
    """Representation in registers and in memory: K + 1 numbers, or a number and a vector."""

    def __init__(self, manager, kind):
        real = manager.lookup(kind.real).get_value_type()
        if kind.wide:
            memory = ir.LiteralStructType([real, ir.VectorType(real, kind.size)], packed=True)
        else:
            memory = ir.ArrayType(real, kind.size + 1)
        super().__init__(manager, kind, memory)


def unpack(builder, kind, value):
    """Return the value and the lanes (numbers, or one vector) of a dual."""
    v, *lanes = (builder.extract_value(value, i) for i in range(2 if kind.wide else kind.size + 1))
    return v, lanes


def partials_from_lanes(builder, kind, lanes):
    """Return the partials as separate numbers."""
    if not kind.wide:
        return lanes
    return [builder.extract_element(lanes[0], ir.IntType(32)(j)) for j in range(kind.size)]


def lanes_from_partials(builder, kind, partials):
    """Return the lanes of a dual with these partials."""
    if not kind.wide:
        return partials
    lane = ir.Constant(ir.VectorType(partials[0].type, kind.size), None)
    for j, partial in enumerate(partials):
        lane = builder.insert_element(lane, partial, ir.IntType(32)(j))
    return [lane]


def make_dual(context, builder, kind, v, lanes):
    """Build a dual from its value and its lanes; if there are no lanes, the partials are zero."""
    dual = ir.Constant(context.get_value_type(kind), None)
    for i, item in enumerate([v, *lanes]):
        dual = builder.insert_value(dual, item, i)
    return dual


def value_and_lanes(context, builder, kind, source, value):
    """Return the value, in `kind`'s real type, and the lanes of a dual or a number.

    A number has no lanes. An array without axes is treated as its element.
    """
    if isinstance(source, types.Array):
        array = array_struct(context, builder, source, value)
        source, value = source.dtype, context.unpack_value(builder, source.dtype, array.data)
    if isinstance(source, Dual):
        return unpack(builder, source, value)
    return context.cast(builder, value, source, kind.real), []


@lower_cast(types.Number, Dual)
@lower_cast(types.Boolean, Dual)
def from_number(context, builder, source, kind, value):
    """Build a constant, whose partials are all zero."""
    return make_dual(
        context, builder, kind, *value_and_lanes(context, builder, kind, source, value)
    )


@lower_cast(types.Array, DualArray)
def from_array(context, builder, source, kind, value):
    """Return an array of duals in another layout; reject one of numbers, which needs a copy."""
    if not isinstance(source, DualArray):
        raise TypingError(
            "a number that depends on x is in this array in one place, but elsewhere the same name "
            "is an array of plain numbers; begin with one that depends on x: `data + 0.0 * x[0]`"
        )
    return value

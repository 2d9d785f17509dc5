"""Values in memory, and compiled code called by its address, so that one loop fits all objectives.

A loop is compiled for arguments behind a pointer, and so is the evaluation of an objective.
Neither depends on the other's types.
"""

import functools
from typing import Any

import numpy as np
from llvmlite import ir
from numba import TypingError, typeof, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from fastopt.algorithms.objective_evaluation import DATA, PLACE, SOURCE
from fastopt.compiling import type_keys
from fastopt.compiling.compiler import jit
from fastopt.compiling.llvm_arrays import array_struct, contiguous_view
from fastopt.compiling.numba_internals import compute_fingerprint, cpu_target

WORD = ir.IntType(64)


class PointerTo(types.Type):
    """A pointer to a value of another type."""

    def __init__(self, kind):
        self.kind = kind
        self.types = (kind,)  # `type_keys.describe` reads this attribute
        self._described = type_keys.describe(kind)
        super().__init__(f"PointerTo({kind})")

    @property
    def key(self):
        """Return what identifies the type: names, with the fields of named tuples.

        The class of a named tuple is not the same one in code that was loaded.
        """
        return self._described


register_model(PointerTo)(models.OpaqueModel)
_pointers: dict = {}  # id of a type -> the type, and the pointer to it


def pointer_to(kind):
    """Return the same `PointerTo` for the same type: describing a type takes 0.2 ms."""
    if id(kind) not in _pointers:
        _pointers[id(kind)] = kind, PointerTo(kind)
    return _pointers[id(kind)][1]


class Block:
    """Memory that holds a value for compiled code; it must be alive as long as it is read."""

    def __init__(self, kind, size):
        self.kind, self.size = kind, size
        self.memory = np.zeros(size + 128, np.uint8)  # padded, so that threads share no cache line
        self.address = -(-place_of(self.memory) // 64) * 64

    @classmethod
    def of(cls, value, refcounted=False):
        """Return a block that holds the value."""
        block = cls(*kind_and_size(value))
        block.fill(value, refcounted)
        return block

    def fill(self, value, refcounted=False):
        """Replace the value by another one of the same type."""
        self.value = value
        _packer(refcounted)(self.address, value)


def place_of(array):
    """Return the address of an array's first element; `ctypes.data` takes three times as long."""
    return array.__array_interface__["data"][0]


_known: dict = {}  # fingerprint of a value's type -> its PointerTo, and its size
_addresses: dict = {}  # compiled functions and types -> address of their code


def kind_and_size(value):
    """Return the type of a block that holds the value, and its size in bytes."""
    try:
        told = compute_fingerprint(value)
    except NotImplementedError:
        return _kind_and_size(value)
    known = _known.get(told)
    if known is None:
        known = _known[told] = _kind_and_size(value)
    return known


def _kind_and_size(value):
    context: Any = cpu_target.target_context
    try:
        kind = typeof(value)
    except ValueError as error:  # as a dispatcher reports it
        raise TypingError(str(error)) from None
    return PointerTo(kind), context.get_abi_sizeof(context.get_value_type(kind))


def address(compiled, *kinds, first=None, beside=""):
    """Return the address of a dispatcher's code for these types, compiled or loaded if necessary.

    With `beside`, a suffix of the name, return the address of another function of that code.
    `first` is called before anything is compiled or loaded.
    """
    key = compiled, beside, *map(id, kinds)
    known = _addresses.get(key)
    if known is None:
        if first is not None:
            first(compiled, kinds)
        compiled.compile(kinds)
        code = compiled.overloads[kinds]
        place = code.library.get_pointer_to_function(code.fndesc.llvm_func_name + beside)
        known = _addresses[key] = place, kinds  # kept alive, since the key contains their ids
        while len(_addresses) > 1000:
            _addresses.pop(next(iter(_addresses)), None)
    return known[0]


@intrinsic
def load_value(context, pointer):
    """Return the value at a pointer."""

    def codegen(context, builder, signature, values):
        kind = context.get_value_type(pointer.kind)
        value = builder.load(builder.bitcast(values[0], kind.as_pointer()))
        if context.enable_nrt:
            context.nrt.incref(builder, pointer.kind, value)
        return value

    return pointer.kind(pointer), codegen


@intrinsic
def store_value(context, pointer, value):
    """Replace the value at a pointer by another one, which the caller must keep alive."""
    if pointer.kind != value:
        raise TypingError(f"{value} does not fit into {pointer}")

    def codegen(context, builder, signature, values):
        builder.store(values[1], builder.bitcast(values[0], values[1].type.as_pointer()))
        return context.get_dummy_value()

    return types.void(pointer, value), codegen


@intrinsic
def call(context, code, pointer):
    """Call the code at an address with the value at another address."""

    def codegen(context, builder, signature, values):
        pointer = builder.inttoptr(values[1], cgutils.voidptr_t)
        call_code(context, builder, types.none, (types.voidptr,), values[0], pointer)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), codegen


@intrinsic
def store_at(context, address, value):
    """Store a value at an address."""

    def codegen(context, builder, signature, values):
        builder.store(values[1], builder.inttoptr(values[0], values[1].type.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.intp, value), codegen


@intrinsic
def call_with(context, code, pointer, slot, value):
    """Call the code at an address with the value at a pointer.

    During the call, `slot` contains the address of `value`.
    """

    def codegen(context, builder, signature, values):
        memory = cgutils.alloca_once_value(builder, values[3])
        at = builder.inttoptr(values[2], WORD.as_pointer())
        builder.store(builder.ptrtoint(memory, WORD), at)
        pointer = builder.inttoptr(values[1], cgutils.voidptr_t)
        call_code(context, builder, types.none, (types.voidptr,), values[0], pointer)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, value), codegen


@intrinsic
def at(context, pointer, like):
    """Return the array at a pointer, in the shape of another."""
    kind = types.Array(pointer.dtype, like.ndim, "C")

    def codegen(context, builder, signature, values):
        shape = cgutils.unpack_tuple(builder, array_struct(context, builder, like, values[1]).shape)
        return contiguous_view(context, builder, kind, values[0], shape)

    return kind(pointer, like), codegen


@intrinsic
def fetch_row(context, calls, b):
    """Store the arguments of problem b in the memory that `ask` reads."""
    kinds = (types.intp, types.voidptr, types.voidptr)

    def codegen(context, builder, signature, values):
        code, *both = words(context, builder, calls, values[0], PLACE, SOURCE, DATA)
        pointers = [builder.inttoptr(word, cgutils.voidptr_t) for word in both]
        call_code(context, builder, types.none, kinds, code, values[1], *pointers)
        return context.get_dummy_value()

    return types.void(calls, types.intp), codegen


@intrinsic
def call_function(context, calls, place, arguments):
    """Return the number that a function returns for a tuple of arguments and its data.

    The addresses of its code and of its data are in `calls`, at `place` and after it.
    """
    kinds = *arguments.types, types.voidptr

    def codegen(context, builder, signature, values):
        at = array_struct(context, builder, calls, values[0]).data
        code, data = (
            builder.load(builder.gep(at, [builder.add(values[1], WORD(k))])) for k in (0, 1)
        )
        items = *cgutils.unpack_tuple(builder, values[2]), builder.inttoptr(data, cgutils.voidptr_t)
        return call_code(context, builder, types.float64, kinds, code, *items)

    return types.float64(calls, types.intp, arguments), codegen


def words(context, builder, kind, array, *places):
    """Return the words at these places of an array."""
    data = array_struct(context, builder, kind, array).data
    return [builder.load(builder.gep(data, [WORD(k)])) for k in places]


def call_code(context, builder, result, kinds, code, *values):
    """Call the function at an address; exceptions propagate."""
    convention = context.call_conv
    kind = convention.get_function_type(result, kinds)
    function = builder.inttoptr(code, kind.as_pointer())
    status, value = convention.call_function(builder, function, result, kinds, values)
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
    return value


def pack(address, value):
    """Store a Python value at an address."""
    store_at(address, value)  # pyright: ignore[reportCallIssue]


def run_code(code, pointer, slot, value):
    """Run compiled code with a Python value."""
    call_with(code, pointer, slot, value)  # pyright: ignore[reportCallIssue]


@functools.cache
def _packer(refcounted):
    return jit(pack, {}, refcounted)


@functools.cache
def driver():
    """Return the compiled `run_code`."""
    return jit(run_code, {}, refcounted=True)


# Bindings of placeholders.
BINDINGS = {
    f.__name__: f for f in (at, call, call_function, fetch_row, store_value, store_at, load_value)
}

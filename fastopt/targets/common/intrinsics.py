"""Intrinsics: named tuples by type, the record of a run, and arrays in registers."""

import itertools
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, contiguous_view
from fastopt.derivatives.forward.duals.seeding import place_of


@intrinsic
def cast(context, cls, real: Any, values):
    """Build the named tuple `cls` with elements of type `real` from a tuple or an array."""
    kind, element = cls.instance_class, real.dtype
    fields = len(kind._fields)
    result = types.NamedUniTuple(element, fields, kind)

    def codegen(context, builder, signature, args):
        source, value = signature.args[2], args[2]
        items = [_item(context, builder, source, value, k) for k in range(fields)]
        cast = [context.cast(builder, item, kind, element) for item, kind in items]
        return context.make_tuple(builder, result, cast)

    return result(cls, real, values), codegen


@intrinsic
def load_run(context, template, real: Any, record):
    """Return the scalars in a run's record, with elements of type `real`, in the template's form.

    A template without `search` has only the first ones. The record may be a tuple.
    """
    result: Any = _as_form(template, real.dtype)

    def codegen(context, builder, signature, args):
        places = itertools.count()

        def built(kind):
            items = []
            for item in kind:
                if isinstance(item, types.BaseTuple):
                    items.append(built(item))
                else:
                    value, own = _item(context, builder, record, args[2], next(places))
                    items.append(context.cast(builder, value, own, item))
            return context.make_tuple(builder, kind, items)

        return built(result)

    return result(template, real, record), codegen


@intrinsic
def store_run(context, run, record):
    """Write the scalars of a run to its record, in order."""

    def codegen(context, builder, signature, args):
        array, places = array_struct(context, builder, record, args[1]), itertools.count()

        def write(kind, value):
            for k, item in enumerate(kind):
                part = builder.extract_value(value, k)
                if isinstance(item, types.BaseTuple):
                    write(item, part)
                else:
                    at = context.get_constant(types.intp, next(places))
                    pointer = place_of(context, builder, record, array, at)
                    builder.store(context.cast(builder, part, item, record.dtype), pointer)

        write(run, args[0])
        return context.get_dummy_value()

    return types.void(run, record), codegen


def _as_form(template: Any, element):
    """Return the type of a tuple in the form of another, with elements of this type."""
    if not isinstance(template, types.BaseTuple):
        return element
    own = getattr(template, "instance_class", None)
    items: Any = template
    return types.BaseTuple.from_types([_as_form(item, element) for item in items], own)


def _item(context, builder, kind, value, k):
    """Return item k of a tuple or an array, and its type."""
    if not isinstance(kind, types.Array):
        return builder.extract_value(value, k), kind[k]
    array, at = array_struct(context, builder, kind, value), context.get_constant(types.intp, k)
    return builder.load(place_of(context, builder, kind, array, at)), kind.dtype


def _fetcher(in_memory):
    """Return an intrinsic; `in_memory` keeps the compiler from moving the copies to registers."""

    @intrinsic(prefer_literal=True)
    def fetch(context, arrays, size):
        """Return local copies of the arrays, each with memory for `size` elements."""
        n = size.literal_value
        kinds = [types.Array(a.dtype, 1, "C") for a in arrays]
        result: Any = types.BaseTuple.from_types(kinds, getattr(arrays, "instance_class", None))

        def codegen(context, builder, signature, args):
            copies = []
            for k, kind in enumerate(kinds):
                source = array_struct(context, builder, kind, builder.extract_value(args[0], k))
                item = context.get_data_type(kind.dtype)
                data = cgutils.alloca_once(builder, item, size=n)
                _copy(builder, source.data, data, n)
                if in_memory:
                    _show(builder, data)
                shape = cgutils.unpack_tuple(builder, source.shape)
                copies.append(contiguous_view(context, builder, kind, data, shape))
            return context.make_tuple(builder, result, copies)

        return result(arrays, size), codegen

    return fetch


def _show(builder, pointer):
    """Pass the pointer to opaque code, so that the compiler must keep it pointing to memory."""
    kind = ir.FunctionType(ir.VoidType(), [pointer.type])
    builder.asm(kind, "", "r,~{memory}", [pointer], True)


fetch, fetch_to_memory = map(_fetcher, (False, True))


@intrinsic(prefer_literal=True)
def bring_back(context, sources, targets, size):
    """Write arrays of `size` elements back to where they were fetched from."""

    def codegen(context, builder, signature, args):
        for k, kind in enumerate(targets):
            source, target = (
                array_struct(context, builder, kind, builder.extract_value(both, k)).data
                for both in args[:2]
            )
            _copy(builder, source, target, size.literal_value)
        return context.get_dummy_value()

    return types.void(sources, targets, size), codegen


def _copy(builder, source, target, n):
    for i in range(n):
        at = [ir.Constant(ir.IntType(32), i)]
        builder.store(builder.load(builder.gep(source, at)), builder.gep(target, at))

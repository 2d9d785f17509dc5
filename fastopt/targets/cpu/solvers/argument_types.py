"""Numba types of arguments: which fit, and the sentence about one that does not."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

from typing import Any

from numba import types


def is_tuple(kind) -> bool:
    return isinstance(kind, types.BaseTuple)


def _class_of(kind):
    """Return the class of a named tuple, or None."""
    return getattr(kind, "instance_class", None)


def shown(kind: Any):
    """Return a type in words: Numba's names of named tuples leave out their fields."""
    named, items = _class_of(kind), list(kind) if is_tuple(kind) else []
    if named is not None:
        fields = zip(named._fields, items, strict=True)
        return f"{named.__name__}({', '.join(f'{name}: {shown(item)}' for name, item in fields)})"
    return f"({', '.join(map(shown, items))})" if is_tuple(kind) else str(kind)


def mismatch(name, kind, wanted):
    """Return the sentence for an argument of another type than was prepared for."""
    given, expected = shown(kind), shown(wanted)
    if given == expected:  # a cell of a notebook was run again, for example
        given += ", of another class of that name"
    remedy = conversion(kind, wanted) or "; convert it"
    return (
        f"{name} is {given}, but it was prepared for {expected}{remedy}, or prepare another solver "
        "with such an argument"
    )


def conversion(kind: Any, wanted: Any):
    """Return how an array becomes one of another type, or an empty text."""
    both = isinstance(kind, types.Array) and isinstance(wanted, types.Array)
    if not both or kind.ndim != wanted.ndim:
        return ""
    if kind.dtype != wanted.dtype:
        alike = isinstance(kind.dtype, types.Number) and isinstance(wanted.dtype, types.Number)
        return f"; convert it with .astype(np.{wanted.dtype})" * alike
    if kind.layout != wanted.layout and wanted.layout == "C":
        return "; pass np.ascontiguousarray of it"
    return "; it is read-only: pass a copy (.copy())" * (wanted.mutable and not kind.mutable)


def fits(context, kind: Any, wanted: Any):
    """Return True if a value of a type can be an argument of another type without loss."""
    if kind == wanted:
        return True
    if isinstance(wanted, types.Float):
        widened = isinstance(kind, types.Float) and kind.bitwidth <= wanted.bitwidth
        return widened or isinstance(kind, types.Integer)
    if isinstance(wanted, types.Integer):
        if not isinstance(kind, types.Integer):
            return False
        same = kind.signed == wanted.signed and kind.bitwidth <= wanted.bitwidth
        return same or (wanted.signed and kind.bitwidth < wanted.bitwidth)
    if is_tuple(kind) and is_tuple(wanted):
        if _class_of(kind) is not _class_of(wanted) or len(kind) != len(wanted):
            return False
        return all(fits(context, *pair) for pair in zip(kind, wanted, strict=True))
    if isinstance(wanted, types.Array) and isinstance(kind, types.Array):
        return kind.can_convert_to(context, wanted) is not None
    return False

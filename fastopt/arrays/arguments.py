"""Arguments for compiled code: values that it would misread are converted or rejected.

For Numba, arrays with the same number of axes, layout and kind of elements are of one type: it
ignores byte order and masks. It also confuses signed and unsigned 64-bit integers, and assumes
that all items of a list are of one type.
"""

import operator
from typing import Any

import numpy as np

from fastopt.compiling.compiler import called

CUDA = 2, 13  # DLPack's device types: GPU memory, managed memory
ACCEPTED = "float64, float32, integers, booleans and complex"
# `dtype.num` of the dtypes that compiled code supports; float16 and long double are not among them.
NUMBERS = frozenset(np.dtype(code).num for code in "?bBhHiIlLqQfdFD")
SIMPLE = frozenset(
    {int, float, bool, complex, str, bytes, type(None), np.float64, np.float32, np.int64}
)
_records: dict = {}  # structured dtypes, by content, kept for the life of the process


def is_elsewhere(value):
    """Return True for an array on a device."""
    if isinstance(value, np.ndarray | np.generic | int | float | list | tuple):
        return False
    if hasattr(value, "__cuda_array_interface__") or hasattr(value, "copy_to_host"):
        return True
    return hasattr(value, "__dlpack_device__") and value.__dlpack_device__()[0] in CUDA


def ready(args, name="args"):
    """Return a tuple of arguments for compiled code: the given one, if nothing is converted.

    Raises
    ------
    TypeError, ValueError
        For a value that compiled code does not accept, or would misread.
    """
    for value in args:
        if not _is_ready(value):
            break
    else:
        return args
    made = [
        value if _is_ready(value) else _ready(f"{name}[{k}]", value) for k, value in enumerate(args)
    ]
    if all(map(operator.is_, made, args)):
        return args
    return type(args)(*made) if hasattr(args, "_fields") else tuple(made)


def why_unready(args):
    """Return the error that `ready` raises, or None."""
    try:
        ready(args)
    except (TypeError, ValueError) as error:
        return error
    return None


def _is_ready(value):
    """Return True for the most common arguments; the others need a closer check."""
    kind = type(value)
    if kind is np.ndarray:
        dtype = value.dtype
        return dtype.num in NUMBERS and dtype.isnative and value.flags.aligned
    return kind in SIMPLE and (kind is not int or -(2**63) <= value < 2**63)


def is_simple(value):
    """Return True for values of known Numba types: numbers, arrays, tuples of them."""
    return all(map(is_simple, value)) if type(value) is tuple else _is_ready(value)


def _ready(name, value) -> Any:
    if isinstance(value, tuple):
        return ready(value, name)
    if isinstance(value, np.ndarray):
        return array(name, value)
    if isinstance(value, np.generic):
        return _scalar(name, value)
    if type(value) is int:
        return _whole(name, value)
    if type(value) in (list, set):
        return _items(name, value)
    if isinstance(value, np.dtype):
        return value.newbyteorder("=")
    if isinstance(value, memoryview) or (hasattr(value, "__array__") and not is_elsewhere(value)):
        return array(name, converted(name, value))  # a Series, a DataArray, a tensor
    return called(value)


def converted(name, value):
    """Return an object of another library, converted to an array."""
    try:
        return np.asarray(value)
    except Exception as error:
        kind = type(value).__name__
        raise TypeError(f"{name} is a {kind}, which gives no array: {error}") from None


def array(name, value):
    """Return an array of NumPy's own class, in the machine's byte order, aligned."""
    value = unmasked(name, value)
    kind: Any = type(value)
    if isinstance(value, np.matrix) or kind.__array_ufunc__ is not np.ndarray.__array_ufunc__:
        raise TypeError(
            f"{name} is a {kind.__name__}, whose own arithmetic compiled functions do not know; "
            f"pass np.asarray({name})"
        )
    array: Any = value
    value, dtype = array.view(np.ndarray), array.dtype
    if dtype.kind == "V" and dtype.names:
        return _record(value)
    if dtype.kind not in "mMSUV":
        require_numbers(name, dtype)
    if not dtype.isnative or not value.flags.aligned:
        return value.astype(dtype.newbyteorder("="))
    return value


def require_numbers(name, dtype):
    """Raise for a dtype that compiled code does not support."""
    if dtype.num not in NUMBERS:
        real = dtype.kind not in "cmMV"
        raise TypeError(
            f"{name} has dtype {dtype}; {ACCEPTED} are accepted"
            + ("; convert with .astype(float)" if real else "")
            + ("; convert with .astype(complex)" if dtype.kind == "c" else "")
            + ("; subtract a time and divide by np.timedelta64(1, 's')" * (dtype.kind in "mM"))
            + ("; give its columns as a tuple of arrays" * bool(dtype.names))
        )


def unmasked(name, value):
    """Return a masked array's data if no element is masked, and other values unchanged."""
    if isinstance(value, list | tuple):
        hidden = not SIMPLE.issuperset(map(type, value)) and any(map(np.ma.is_masked, value))
    else:
        hidden = np.ma.is_masked(value)
    if hidden:
        raise TypeError(
            f"{name} is masked, and a MaskedArray's mask would be lost: leave hidden elements out, "
            "or fill them and give weights"
        )
    return np.ma.getdata(value) if isinstance(value, np.ma.MaskedArray) else value


def plain(name, value):
    """Return a value as an array; raise if elements are masked."""
    return value if type(value) is np.ndarray else np.asarray(unmasked(name, value))


def _record(value):
    """Return structured elements for compiled code.

    Numba identifies their dtype by its address, so it must be one that lives as long as the
    process.
    """
    dtype = value.dtype.newbyteorder("=")
    value = value if dtype == value.dtype else value.astype(dtype)
    kept = _records.setdefault((dtype, dtype.isalignedstruct), dtype)
    return value if value.dtype is kept else value.view(kept)


def _scalar(name, value):
    if isinstance(value, np.void):
        return _record(np.asarray(value))[()] if value.dtype.names else value
    if isinstance(value, np.bytes_):
        return bytes(value)
    if isinstance(value, np.number) and value.dtype.kind in "fc":
        require_numbers(name, value.dtype)
    return value


def _whole(name, value):
    if -(2**63) <= value < 2**64:
        return value if value < 2**63 else np.uint64(value)
    raise ValueError(f"{name} = {value} takes more than 64 bits; give a float")


def _items(name, value):
    """Return a list or set whose items are all of one type: compiled code checks only the first."""
    kinds = set(map(type, value))
    if kinds <= {float} or kinds <= {bool} or kinds <= {complex}:
        return value
    if kinds == {int} and -(2**63) <= min(value) <= max(value) < 2**63:
        return value
    items = ready(tuple(value), name)
    if any(map(_holds_items, items)):  # Numba crashes if there are other arguments
        kind = type(value).__name__
        raise TypeError(
            f"{name} is a {kind} that holds lists or sets, which compiled functions cannot take; "
            "give an array, or a tuple of lists"
        )
    found = {}
    for k, item in enumerate(items):
        found.setdefault(_kind(item), k)
    if len(found) > 1 or np.uint64 in found:
        places = ", ".join(f"{type(items[k]).__name__} at {k}" for k in found.values())
        raise TypeError(
            f"{name} is a {type(value).__name__} of several kinds ({places}); give an array, a "
            "tuple, or items of one kind"
        )
    return value if all(map(operator.is_, items, value)) else type(value)(items)


def _holds_items(item):
    """Return True for a list or set, and for a tuple that holds one."""
    return isinstance(item, list | set) or (
        isinstance(item, tuple) and any(map(_holds_items, item))
    )


def _kind(item) -> Any:
    """Return the properties that an item must share with the others of its list."""
    if isinstance(item, tuple):
        return type(item), *map(_kind, item)
    if isinstance(item, list | set):
        return type(item), *sorted({repr(_kind(i)) for i in item})
    if isinstance(item, np.ndarray):
        flags = item.flags
        return item.dtype, item.ndim, flags.c_contiguous, flags.f_contiguous, flags.writeable
    return type(item)

"""Views of arrays on a device: address, shape and strides, without a copy.

`__cuda_array_interface__` is read if there is one, else DLPack. PyTorch's tensors are read by their
methods, in a tenth of the time. Nothing here needs CUDA, and no array library is imported.
"""

import math
import sys
from typing import Any, NamedTuple

import numpy as np

from fastopt.arrays import dlpack

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_DTYPES = {"<f4": _FLOAT32, "torch.float32": _FLOAT32, "<f8": _FLOAT64, "torch.float64": _FLOAT64}
ACCEPTED = (
    "arrays of float32 or float64 on a CUDA device are accepted: anything with "
    "__cuda_array_interface__ or DLPack (Numba, CuPy, PyTorch, JAX)"
)


class View(NamedTuple):
    """An array on a device."""

    address: int
    shape: tuple
    strides: tuple | None  # in elements; None if contiguous in C order
    dtype: np.dtype
    readonly: bool
    stream: int | None  # from the CUDA array interface
    device: int | None  # number of the device, if it is known
    torch: bool  # whether to ask PyTorch for the stream


def view(array, name, stream=0, host=False):
    """Return the view of an array on a device; the parameters are those of `describe`."""
    return check(describe(array, name, stream, host, []), name)


def describe(array, name, stream, host, keepalive):
    """Return an array's own description, unchecked, as a tuple that can be a key.

    Parameters
    ----------
    array
        Any array of a supported library.
    name : str
        The array's name for errors.
    stream : int
        The stream on which DLPack's producers must have the data ready.
    host : bool
        Treat host arrays as arrays on a device (for the simulator).
    keepalive : list
        Gets the objects that must outlive the launch.

    Raises
    ------
    TypeError, ValueError
        If the array is of no accepted kind; from `check` too.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        t: Any = array
        where = t.device
        layout = tuple(t.shape), t.stride(), str(t.dtype)
        return "torch", t.data_ptr(), *layout, where.type, where.index, t.requires_grad
    try:
        said = interface(array, host)
    except RuntimeError as error:  # raised by a tensor that is part of a graph
        raise TypeError(f"{name} refuses to be read: {error}; pass {name}.detach()") from error
    if said is None:
        return "dlpack", _capsule(array, name, stream, keepalive)
    strides, stream, whole = said.get("strides"), said.get("stream"), said.get("mask") is None
    return "interface", said["data"], said["shape"], strides, said["typestr"], stream, whole


def interface(array, host=False):
    """Return an array's interface dict, or None; `host` as in `describe`."""
    own = getattr(array, "__array_interface__", None) if host else None
    return own or getattr(array, "__cuda_array_interface__", None)


def check(described, name):
    """Return the view of a described array, after checking it."""
    source, *rest = described
    made: View = {"torch": _of_torch, "interface": _of_interface, "dlpack": _of_dlpack}[source](
        name, *rest
    )
    size = made.dtype.itemsize
    if made.address % size:
        raise ValueError(f"{name} is at {made.address:#x}, which is no multiple of {size}")
    if made.strides == packed(made.shape):
        made = made._replace(strides=None)
    return made


def packed(shape):
    """Return the strides, in elements, of a contiguous array in C order."""
    return tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))


def _dtype(name, given):
    if given not in _DTYPES:
        raise TypeError(f"{name} has elements of {given}; {ACCEPTED}")
    return _DTYPES[given]


def _of_interface(name, data, shape, strides, typestr, stream, whole):
    dtype, (address, readonly) = _dtype(name, typestr), data
    if not whole:
        raise TypeError(f"{name} is a masked array; {ACCEPTED}")
    if strides is not None:
        if any(s % dtype.itemsize for s in strides):
            raise ValueError(f"{name} has strides of {strides} bytes, no multiples of its elements")
        strides = tuple(s // dtype.itemsize for s in strides)
    return View(address or 0, tuple(shape), strides, dtype, readonly, stream, None, False)


def _of_torch(name, address, shape, strides, dtype, where, device, graph):
    if where != "cuda":
        raise TypeError(f"{name} is a tensor on the device {where!r}; {ACCEPTED}")
    if graph:
        raise TypeError(f"{name} is part of a graph (requires_grad); pass {name}.detach()")
    return View(address, shape, strides, _dtype(name, dtype), False, None, device, True)


def _of_dlpack(name, t):
    dtype = _dtype(name, t.typestr)
    return View(t.address, t.shape, t.strides, dtype, t.readonly, None, t.device, False)


def _capsule(array, name, stream, keepalive):
    kind = f"{type(array).__module__}.{type(array).__qualname__}".removeprefix("builtins.")
    if not hasattr(array, "__dlpack_device__"):
        raise TypeError(f"{name} is {kind}; {ACCEPTED}")
    where, _ = array.__dlpack_device__()
    if where not in (dlpack.CUDA, dlpack.CUDA_MANAGED):
        place = "the host" if where == dlpack.CPU else f"a device of DLPack's kind {int(where)}"
        raise TypeError(f"{name} ({kind}) lives on {place}; {ACCEPTED}")
    capsule = dlpack.export(array, stream or 1)  # 1 is DLPack's number of the default stream
    keepalive += [array, capsule]
    return dlpack.read(capsule)


def handle(stream):
    """Return the number of a stream, given as a number or an object of Numba, CuPy, PyTorch, ..."""
    if hasattr(stream, "__cuda_stream__"):
        return int(stream.__cuda_stream__()[1])
    for attribute in ("ptr", "cuda_stream", "handle"):
        if hasattr(stream, attribute):
            stream = getattr(stream, attribute)
            stream = getattr(stream, "value", stream) or 0  # ctypes has None for zero
            break
    try:
        number = -1 if isinstance(stream, (bool, str, float)) else int(stream)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise TypeError(
            f"stream = {stream!r}; a number, or a stream of Numba, CuPy, PyTorch or of anything "
            "with __cuda_stream__ is accepted"
        )
    return number


def stream_of(arrays):
    """Return the stream in which the owners of these arrays work; 0 by default."""
    said = {a.stream for a in arrays} - {None}
    if len(said) > 1:
        raise ValueError(
            f"the arrays are used in different streams ({sorted(said)}); name the right one with "
            "stream="
        )
    if said:
        return said.pop()
    for a in arrays:
        if a.torch:
            return sys.modules["torch"].cuda.current_stream(a.device).cuda_stream
    return 0

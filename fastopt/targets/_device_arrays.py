"""Arrays on a device as their owners describe them: address, shape, strides, nothing copied.

`__cuda_array_interface__` is read where there is one, DLPack otherwise, PyTorch's tensors by their
methods (a tenth of the time). Nothing here needs CUDA, and no library is imported to look for it.
"""

import math
import sys
from typing import Any, NamedTuple

import numpy as np

from fastopt.targets import _dlpack

_DTYPES = {"<f4": np.dtype(np.float32), "<f8": np.dtype(np.float64)}
_TORCH = {"torch.float32": _DTYPES["<f4"], "torch.float64": _DTYPES["<f8"]}
ACCEPTED = (
    "arrays of float32 or float64 on a CUDA device are accepted: anything with "
    "__cuda_array_interface__ or DLPack (Numba, CuPy, PyTorch, JAX)"
)


class View(NamedTuple):
    """An array on a device."""

    address: int
    shape: tuple
    strides: tuple | None  # in elements; None where they lie together, the last axis fastest
    dtype: np.dtype
    readonly: bool
    stream: int | None  # what the interface says
    device: int | None  # its number, where it is known
    owner: Any


def view(array, name, stream=0, host=False):
    """How an array lies on its device.

    Parameters
    ----------
    array
        Anything that describes itself.
    name : str
        What errors call it.
    stream : int
        Where DLPack's producers are to have the data ready.
    host : bool
        For the simulator: take arrays of the host's for arrays on a device.

    Raises
    ------
    TypeError, ValueError
        With what was given and what is accepted.
    """
    if _torch(array):
        return _tensor(array, name)
    try:
        described = interface(array, host)
    except RuntimeError as error:  # this is how a tensor says that it is part of a graph
        raise TypeError(f"{name} refuses to be read: {error}; pass {name}.detach()") from error
    if described is not None:
        return _described(described, array, name)
    if hasattr(array, "__dlpack_device__"):
        return _capsule(array, name, stream)
    raise TypeError(f"{name} is {_kind(array)}; {ACCEPTED}")


def interface(array, host=False):
    """An array's description by itself, or None; `host` as in `view`."""
    own = getattr(array, "__array_interface__", None) if host else None
    return own or getattr(array, "__cuda_array_interface__", None)


def _torch(array):
    """PyTorch, where this is one of its tensors."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(array, torch.Tensor) else None


def _kind(array):
    kind = type(array)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _checked(name, address, shape, strides, dtype, readonly, stream, device, owner):
    if address % dtype.itemsize:
        raise ValueError(f"{name} lies at {address:#x}, which is no multiple of {dtype.itemsize}")
    if strides is not None and strides == packed(shape):
        strides = None
    return View(address, shape, strides, dtype, readonly, stream, device, owner)


def packed(shape):
    """Strides of elements that lie together, the last axis fastest."""
    return tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))


def _dtype(name, given, known):
    if given not in known:
        raise TypeError(f"{name} has elements of {given}; {ACCEPTED}")
    return known[given]


def _described(described, array, name):
    dtype = _dtype(name, described["typestr"], _DTYPES)
    if described.get("mask") is not None:
        raise TypeError(f"{name} is a masked array; {ACCEPTED}")
    address, readonly = described["data"]
    strides = described.get("strides")
    if strides is not None:
        if any(s % dtype.itemsize for s in strides):
            raise ValueError(f"{name} has strides of {strides} bytes, no multiples of its elements")
        strides = tuple(s // dtype.itemsize for s in strides)
    shape, stream = tuple(described["shape"]), described.get("stream")
    return _checked(name, address or 0, shape, strides, dtype, readonly, stream, None, array)


def _tensor(tensor, name):
    if tensor.device.type != "cuda":
        raise TypeError(f"{name} is a tensor on the device {tensor.device}; {ACCEPTED}")
    if tensor.requires_grad:
        raise TypeError(f"{name} is part of a graph (requires_grad); pass {name}.detach()")
    dtype = _dtype(name, str(tensor.dtype), _TORCH)
    shape, strides, device = tuple(tensor.shape), tensor.stride(), tensor.device.index
    return _checked(name, tensor.data_ptr(), shape, strides, dtype, False, None, device, tensor)


def _capsule(array, name, stream):
    kind, _ = array.__dlpack_device__()
    if kind not in (_dlpack.CUDA, _dlpack.CUDA_MANAGED):
        where = "the host" if kind == _dlpack.CPU else f"a device of DLPack's kind {int(kind)}"
        raise TypeError(f"{name} ({_kind(array)}) lives on {where}; {ACCEPTED}")
    capsule = _dlpack.export(array, stream or 1)  # 1 is the default stream's number there
    t = _dlpack.read(capsule)
    dtype = _dtype(name, t.typestr, _DTYPES)
    return _checked(
        name, t.address, t.shape, t.strides, dtype, t.readonly, None, t.device, (array, capsule)
    )


def handle(stream):
    """The number of a stream: a number already, or an object of Numba, CuPy, PyTorch or others."""
    if hasattr(stream, "__cuda_stream__"):
        return int(stream.__cuda_stream__()[1])
    for attribute in ("ptr", "cuda_stream", "handle"):
        if hasattr(stream, attribute):
            stream = getattr(stream, attribute)
            stream = getattr(stream, "value", stream) or 0  # ctypes say None for zero
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


def stream_of(views):
    """The stream that the arrays' owners work on; 0 is the default one."""
    said = {v.stream for v in views} - {None}
    if len(said) > 1:
        raise ValueError(
            f"the arrays are worked on in different streams ({sorted(said)}); "
            "say with stream= which one is meant"
        )
    if said:
        return said.pop()
    for v in views:
        torch = _torch(v.owner)
        if torch is not None:
            return torch.cuda.current_stream(v.device).cuda_stream
    return 0

"""Arrays of any library, on the host or on a device: views without copies, and new arrays."""

import math
import sys
from typing import Any

import numpy as np

from fastopt.arrays import device_views
from fastopt.arrays.arguments import is_elsewhere
from fastopt.targets import dispatch
from fastopt.targets.cpu.steps.prepared_arrays import are_far

DTYPES = np.dtype(np.float32), np.dtype(np.float64)
ACCEPTED = "arrays of float32 or float64 are accepted (NumPy, CuPy, PyTorch, Numba, DLPack)"


class Sparse(TypeError):
    """An error for a matrix of scipy.sparse in place of an array."""


def is_sparse(array):
    return hasattr(array, "tocoo") and hasattr(array, "nnz")


def is_torch(array):
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def _library(array):
    name = type(array).__module__.partition(".")[0]
    return sys.modules[name] if name in ("torch", "cupy") else None


def cuda_for(array) -> Any:
    """Return the target of an array on a device."""
    return dispatch.target("auto", array, requested_by="a step")


def on_host(array, name):
    """Return a host array as a plain `numpy.ndarray`, without a copy."""
    if is_elsewhere(array):
        raise ValueError(f"{name} is on a GPU, but other arrays are on the host; copy it first")
    if is_sparse(array):
        raise Sparse(f"{name} is {type(array).__name__}; {ACCEPTED}")
    if np.isscalar(array):
        kind = type(array).__name__
        raise TypeError(f"{name} is {kind}; {ACCEPTED}, but no numbers: make it one by np.asarray")
    if np.ma.isMaskedArray(array):
        raise TypeError(f"{name} is {type(array).__name__}; {ACCEPTED}")
    if isinstance(array, np.ndarray):
        view = array if type(array) is np.ndarray else array.view(np.ndarray)
    elif is_torch(array):
        view = _of_torch(array, name)
    elif hasattr(array, "__array_interface__"):
        view = np.asarray(array)
    elif hasattr(array, "__dlpack__"):
        view = np.from_dlpack(array)
    else:
        raise TypeError(f"{name} is {type(array).__name__}; {ACCEPTED}")
    if view.dtype not in DTYPES or not view.dtype.isnative:
        raise TypeError(f"{name} has dtype {view.dtype}; {ACCEPTED}")
    return view


def _of_torch(tensor, name):
    try:
        return tensor.detach().numpy()
    except (TypeError, RuntimeError) as error:
        raise TypeError(f"{name} is a tensor that NumPy cannot see: {error}") from None


def detached(array):
    """Return a PyTorch tensor without its graph, and any other array unchanged."""
    return array.detach() if is_torch(array) else array


def like(array, value=None):
    """Return a new array of the same library and device: a copy, or filled with a value."""
    library, array = _library(array), detached(array)
    value = array if value is None else value
    if library is None and is_elsewhere(array):
        filled = np.empty(*layout(array, "an array"))
        filled[...] = to_host(value) if is_elsewhere(value) else value
        return cuda_for(array).device().upload(filled)
    if library is None:
        array, library = on_host(array, "an array"), np
    new = library.empty_like(array)
    new[...] = value if np.isscalar(value) else library.asarray(value)
    return new


def to_host(array):
    """Return a copy as a NumPy array."""
    if not is_elsewhere(array):
        return np.array(on_host(array, "an array"))
    return cuda_for(array).adopt("an array", detached(array)).copy_to_host()


def place(array):
    """Return the address of an array's first element."""
    if not is_elsewhere(array):
        return on_host(array, "an array").ctypes.data
    simulated = cuda_for(array).simulated()
    return device_views.view(detached(array), "an array", host=simulated).address


def are_others(before, now):
    """Return True if all arrays are at new addresses, and their values are far from the old."""
    full = [pair for pair in zip(before, now, strict=True) if math.prod(pair[0].shape)]
    if any(place(old) == place(new) for old, new in full):
        return False
    return are_far(*([to_host(array) for array in part] for part in (before, now)))


def layout(array, name):
    """Return (shape, dtype) of an array, after checking its type."""
    if is_elsewhere(array):
        view = device_views.view(detached(array), name, host=cuda_for(array).simulated())
        return view.shape, view.dtype
    view = on_host(array, name)
    return view.shape, view.dtype

"""DLPack's capsules (https://dmlc.github.io/dlpack), read without consuming them.

A capsule that is not renamed calls its own deleter when it is freed, so it is enough to keep it.
"""

import ctypes
from typing import NamedTuple

CPU, CUDA, CUDA_MANAGED = 1, 2, 13
NAMES = b"dltensor_versioned", b"dltensor"
_READ_ONLY = 1
_KINDS = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}


class Tensor(ctypes.Structure):
    """DLPack's struct DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class Managed(ctypes.Structure):
    """DLPack's struct DLManagedTensor."""

    _fields_ = (("tensor", Tensor), ("manager_ctx", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class Versioned(ctypes.Structure):
    """DLPack's struct DLManagedTensorVersioned."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager_ctx", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


class DLPackTensor(NamedTuple):
    """The contents of a capsule."""

    address: int
    shape: tuple
    strides: tuple | None  # in elements
    typestr: str  # NumPy's string for the dtype
    readonly: bool
    device_type: int
    device: int


_valid, _pointer = ctypes.pythonapi.PyCapsule_IsValid, ctypes.pythonapi.PyCapsule_GetPointer
_valid.argtypes, _valid.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_int
_pointer.argtypes, _pointer.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p


def export(array, stream):
    """Return a capsule of the array, ready on `stream`, versioned if its library supports it."""
    try:
        return array.__dlpack__(stream=stream, max_version=(1, 1))
    except TypeError:  # a library without max_version
        return array.__dlpack__(stream=stream)


def read(capsule):
    """Return the contents of a capsule, which must be kept as long as they are used."""
    versioned, plain = (bool(_valid(capsule, name)) for name in NAMES)
    if not (versioned or plain):
        raise ValueError(f"{capsule!r} is no DLPack capsule, or it has been consumed")
    readonly = False
    if versioned:
        managed = Versioned.from_address(_pointer(capsule, NAMES[0]))
        if managed.major != 1:
            raise ValueError(f"DLPack {managed.major}.{managed.minor} is not known; 1.x is")
        readonly = bool(managed.flags & _READ_ONLY)
    else:
        managed = Managed.from_address(_pointer(capsule, NAMES[1]))
    t = managed.tensor
    kind = f"<{_KINDS.get(t.code, '?')}{t.bits // 8}" + (f" x {t.lanes}" if t.lanes != 1 else "")
    strides = tuple(t.strides[: t.ndim]) if t.strides else None
    return DLPackTensor(
        (t.data or 0) + t.byte_offset,
        tuple(t.shape[: t.ndim]),
        strides,
        kind,
        readonly,
        t.device_type,
        t.device_id,
    )

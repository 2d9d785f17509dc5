"""Device code run on the CPU, so that its numbers can be checked without a GPU.

What numba-cuda gives to NVIDIA's compiler is LLVM code: here it is the same functions that would
run on the device, turned into text that the host's LLVM takes (opaque pointers, the host's triple)
and compiled for the CPU, with libm in the place of libdevice. What it shows is that the code which
fastopt makes for the device is right; it shows nothing of NVIDIA's compiler, or of threads.
"""

import ctypes
import ctypes.util
import itertools
import re

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.cuda.compiler import compile_cuda

LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
# Functions of libdevice that libm has under another name, or not at all.
RENAMED = {"tgammaf": "tgammaf", "llrint": "llrint"}
INNER = r"(?:\{[^{}]*\}|\[\d+ x [^\[\]{}]*\]|<[^<>]*>|\bi\d+|\bdouble|\bfloat|\bptr)"
POINTER = re.compile(INNER + r"(?: addrspace\(\d+\))?\*")
kept = []  # engines and callbacks, which code refers to


def host_text(text):
    """A module for NVIDIA's compiler as one for the host's."""
    text = re.sub(r"^target (?:triple|datalayout).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^!nvvm.*$", "", text, flags=re.MULTILINE)
    while POINTER.search(text):
        text = POINTER.sub("ptr", text)
    text = re.sub(r"addrspacecast ptr (\S+) to ptr", r"bitcast ptr \1 to ptr", text)
    return re.sub(r" addrspace\(\d+\)", "", text)


def supply(name):
    """An address for a function of libdevice."""
    plain = name.removeprefix("__nv_")
    kinds = {"isnand": np.isnan, "isinfd": np.isinf, "isnanf": np.isnan, "isinff": np.isinf}
    if plain in kinds:
        real = ctypes.c_double if plain.endswith("d") else ctypes.c_float
        made = ctypes.CFUNCTYPE(ctypes.c_int32, real)(lambda x: int(kinds[plain](x)))
        kept.append(made)
        return ctypes.cast(made, ctypes.c_void_p).value
    if plain in ("powi", "powif"):
        real = ctypes.c_double if plain == "powi" else ctypes.c_float
        made = ctypes.CFUNCTYPE(real, real, ctypes.c_int32)(lambda x, n: float(x) ** n)
        kept.append(made)
        return ctypes.cast(made, ctypes.c_void_p).value
    return ctypes.cast(getattr(LIBM, RENAMED.get(plain, plain)), ctypes.c_void_p).value


def flat(value):
    """An argument in the pieces in which device code takes it."""
    if isinstance(value, np.ndarray):
        sizes = map(ctypes.c_int64, (value.size, value.itemsize))
        extent = map(ctypes.c_int64, (*value.shape, *value.strides))
        return [ctypes.c_void_p(), ctypes.c_void_p(), *sizes, ctypes.c_void_p(value.ctypes.data), *extent]
    if isinstance(value, tuple):
        return list(itertools.chain.from_iterable(map(flat, value)))
    if isinstance(value, np.float32):
        return [ctypes.c_float(value)]
    if isinstance(value, bool | int | np.integer):
        return [ctypes.c_int64(value)]
    return [ctypes.c_double(value)]


def run(function, *args):
    """Call a plain function, compiled for the device, that returns nothing."""
    kinds = tuple(map(numba.typeof, args))
    compiled = compile_cuda(function, numba.types.void, kinds, cc=(9, 0))
    texts = list(map(host_text, compiled.library.llvm_strs))
    for name in set(re.findall(r"__nv_\w+", "".join(texts))):
        llvm.add_symbol(name, supply(name))
    whole, *others = map(llvm.parse_assembly, texts)
    for other in others:
        whole.link_in(other)
    whole.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(whole, machine)
    engine.finalize_object()
    kept.append(engine)
    pieces = list(itertools.chain.from_iterable(map(flat, args)))
    address = engine.get_function_address(compiled.fndesc.llvm_func_name)
    call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, *map(type, pieces))(address)
    room = ctypes.create_string_buffer(64)
    status = call(ctypes.addressof(room), *pieces)
    assert status == 0 or status == -2, f"the device function gave up: {status}"  # -2: returns None

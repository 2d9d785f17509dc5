"""Device code run on the CPU, so that its numbers can be checked without a GPU.

What numba-cuda gives to NVIDIA's compiler is LLVM code: here it is the same functions that would
run on the device, turned into text that the host's LLVM takes (opaque pointers, the host's triple)
and compiled for the CPU, with libm in the place of libdevice. What it shows is that the code which
fastopt makes for the device is right; it shows nothing of NVIDIA's compiler, or of its caches.
Threads are called one after the other, or each from a thread of Python's.
"""

import ctypes
import ctypes.util
import itertools
import math
import operator
import re
import threading

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.cuda.compiler import compile_cuda

from fastopt.compiling.shortcuts.cuda_shortcuts import cuda_shortcuts

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
INNER = r"(?:\{[^{}]*\}|\[\d+ x [^\[\]{}]*\]|<[^<>]*>|\bi\d+|\bdouble|\bfloat|\bptr)"
POINTER = re.compile(INNER + r"(?: addrspace\(\d+\))?\*")
SHARED = 1 << 16  # bytes of shared memory
NONE = -2  # the status of a function that returns None
kept: list = []  # engines and callbacks, which code refers to


def opaque(line):
    """A line without types of what its pointers point to."""
    found = 1
    while found:
        line, found = POINTER.subn("ptr", line)
    return line


def host_text(text):
    """A module for NVIDIA's compiler as one for the host's."""
    text = re.sub(r"^target (?:triple|datalayout).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^!nvvm.*$", "", text, flags=re.MULTILINE)
    lines = (opaque(line) if "*" in line else line for line in text.split("\n"))
    text = "\n".join(lines)
    text = re.sub(r"addrspacecast ptr (\S+) to ptr", r"bitcast ptr \1 to ptr", text)
    text = re.sub(r" addrspace\(\d+\)", "", text).replace("llvm.nvvm.", "nvvm.")
    text = re.sub(r"call i32 asm .*%dynamic_smem_size.*$", f"add i32 0, {SHARED}", text, flags=re.M)
    # A block's dynamic shared memory is one, by whatever name it is asked for.
    text, found = re.subn(r'^@"_cudapy_smem_\d+" = .*$', "", text, flags=re.MULTILINE)
    text = re.sub(r"_cudapy_smem_\d+", "shared", text)
    shared = f'\n@"shared" = linkonce_odr global [{SHARED} x i8] zeroinitializer, align 16\n'
    return text + (shared if found else "")


# Functions of libdevice that libm does not have: the function, its result, its arguments.
D, F, INT = ctypes.c_double, ctypes.c_float, ctypes.c_int32
OTHERS = {
    "isnand": (math.isnan, INT, D),
    "isinfd": (math.isinf, INT, D),
    "isfinited": (math.isfinite, INT, D),
    "finitef": (math.isfinite, INT, F),
    "isnanf": (math.isnan, INT, F),
    "isinff": (math.isinf, INT, F),
    "powi": (operator.pow, D, D, INT),
    "powif": (operator.pow, F, F, INT),
    "fast_fdividef": (operator.truediv, F, F, F),
}


class Place(threading.local):
    """Which thread of which block the calling one is: what special registers say, and barriers."""

    def __init__(self):
        self.registers, self.barrier = {}, None

    def take(self, thread, threads, block=0, blocks=1, barrier=None):
        at = {"tid": thread, "ntid": threads, "ctaid": block, "nctaid": blocks}
        self.registers, self.barrier = at, barrier

    def read(self, register):
        name, axis = register.split(".")
        return self.registers[name] if axis == "x" else int(name.startswith("n"))

    def wait(self):
        if self.barrier:
            self.barrier.wait()


PLACE = Place()


def special(name):
    """An address for what the hardware does: special registers, barriers, fences."""
    register = name.removeprefix("nvvm.read.ptx.sreg.")
    if register != name:
        function = ctypes.CFUNCTYPE(INT)(lambda: PLACE.read(register))
    else:
        act = {"nvvm.barrier0": PLACE.wait, "nvvm.membar.gl": lambda: None}[name]
        function = ctypes.CFUNCTYPE(None)(act)
    kept.append(function)
    return ctypes.cast(function, ctypes.c_void_p).value


def supply(name):
    """An address for a function of libdevice."""
    plain = name.removeprefix("__nv_")
    if plain not in OTHERS:
        return ctypes.cast(getattr(LIBM, plain), ctypes.c_void_p).value
    function, *kinds = OTHERS[plain]
    kept.append(ctypes.CFUNCTYPE(*kinds)(function))
    return ctypes.cast(kept[-1], ctypes.c_void_p).value


def flat(value):
    """An argument in the pieces in which device code takes it."""
    if isinstance(value, np.ndarray):
        sizes = map(ctypes.c_int64, (value.size, value.itemsize))
        extent = map(ctypes.c_int64, (*value.shape, *value.strides))
        return [
            ctypes.c_void_p(),
            ctypes.c_void_p(),
            *sizes,
            ctypes.c_void_p(value.ctypes.data),
            *extent,
        ]
    if isinstance(value, tuple):
        return list(itertools.chain.from_iterable(map(flat, value)))
    if isinstance(value, np.float32):
        return [ctypes.c_float(value)]
    if isinstance(value, bool | int | np.integer):
        return [ctypes.c_int64(value)]
    return [ctypes.c_double(value)]


def compiled(function, *kinds):
    """A plain function that returns nothing, compiled for the device, to be called here."""
    return copies(function, kinds, 1)[0]


def copies(function, kinds, count):
    """So many of them, each with shared memory of its own: one for each block that runs."""
    with cuda_shortcuts():
        result = compile_cuda(function, numba.types.void, kinds, cc=(9, 0))
        texts = list(map(host_text, result.library.llvm_strs))
    for name in set(re.findall(r"__nv_\w+", "".join(texts))):
        llvm.add_symbol(name, supply(name))
    for name in set(re.findall(r"nvvm\.[\w.]+", "".join(texts))):
        llvm.add_symbol(name, special(name))
    return [loaded(texts, result.fndesc.llvm_func_name) for _ in range(count)]


def loaded(texts, name):
    """The function of this name, with all that these modules hold."""
    whole, *others = map(llvm.parse_assembly, texts)
    for other in others:
        whole.link_in(other)
    whole.verify()
    # What runs here takes milliseconds; with optimisation its machine code took four times as long.
    machine = llvm.Target.from_default_triple().create_target_machine(opt=0)
    engine = llvm.create_mcjit_compiler(whole, machine)
    engine.finalize_object()
    kept.append(engine)
    address = engine.get_function_address(name)

    def call(*args):
        pieces = flat(args)
        room = ctypes.create_string_buffer(64)  # for the result: none
        entry = ctypes.CFUNCTYPE(INT, ctypes.c_void_p, *map(type, pieces))(address)
        status = entry(ctypes.addressof(room), *pieces)
        assert status in (0, NONE), f"the device function gave up: {status}"

    return call

"""What fastopt spares numba-cuda changes nothing of what is compiled."""

import importlib.metadata
import re
import types

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba
import numba.cuda
from assembler import CC, compile_ptx, hopper  # noqa: F401
from numba.cuda import codegen, dispatcher
from numba.cuda.core import base, inline_closurecall, ir, postproc, ssa, targetconfig
from numba.cuda.typing import npydecl

from fastopt.compiling.shortcuts.cuda_shortcuts import KNOWN, cuda_shortcuts
from fastopt.targets.cuda import cuda_target as cuda


@numba.cuda.jit(device=True)
def inner(a, b):
    s = a
    for k in range(3):
        if s > b:
            s = s - k * b
    return s


@numba.cuda.jit(device=True)
def middle(a, b):
    return inner(a, b) + inner(b, a) if a > 0.5 else inner(b, b)


def outer(x):
    i = numba.cuda.grid(1)
    s = 0.0
    while i < x.size:
        s += middle(x[i], s) * inner(s, x[i])
        x[i] = s
        i += 1


SIGNATURE = numba.types.void(numba.float64[::1])


def opcodes(ptx):
    return re.findall(r"^\t([a-z][\w.]*)", ptx, re.MULTILINE)


def found():
    library = codegen.CUDACodeLibrary
    flags = targetconfig.TargetConfig
    return (
        *(library.modules, library.llvm_strs, ssa._run_ssa, ssa._run_block_rewrite),
        *(postproc.PostProcessor.run, inline_closurecall.InlineWorker.inline_function),
        *(flags.__eq__, flags.__hash__, ir.Assign.list_vars),
        *(base.BaseContext.get_abi_sizeof, base.BaseContext.get_abi_alignment),
        npydecl.NumpyRulesArrayOperator.generic,
    )


def test_this_numba_cuda_is_known():
    """The shortcuts are off with a newer one, until somebody has compared its functions."""
    version = tuple(map(int, importlib.metadata.version("numba-cuda").split(".")[:2]))
    assert version >= KNOWN[0]
    if version > KNOWN[1]:
        pytest.skip(f"numba-cuda {version} is newer than the last that shortcuts know")


def test_the_same_code():
    ours = opcodes(compile_ptx(outer, SIGNATURE))
    theirs = opcodes(numba.cuda.compile_ptx(outer, SIGNATURE, cc=CC)[0])
    assert ours == theirs
    assert len(ours) > 50


def test_numba_cudas_functions_are_put_back():
    numbas = found()
    with cuda_shortcuts():
        within = found()
        with cuda_shortcuts():
            assert found() == within
        assert found() == within
    assert not set(within) & set(numbas)
    assert found() == numbas


def test_functions_called_in_several_ways_are_linked_once():
    with cuda_shortcuts():
        made = numba.cuda.compiler.compile_cuda(outer, numba.types.void, SIGNATURE.args, cc=CC)
        modules, texts = made.library.modules, made.library.llvm_strs
    assert len(modules) == len(set(modules)) == len(texts) == len(set(texts))
    assert len(modules) < len(made.library.modules)  # numba-cuda's own


def test_kernels_of_the_target_are_compiled_with_them(monkeypatch):
    numbas, seen = found(), []

    def compile(self, signature):
        seen.append(found())
        return types.SimpleNamespace(regs_per_thread=7)

    monkeypatch.setattr(dispatcher.CUDADispatcher, "compile", compile)
    assert cuda.Kernel(outer).registers(1.0) == 7
    assert not set(seen[0]) & set(numbas)
    assert found() == numbas

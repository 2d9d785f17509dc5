"""Kernels on disk: what one process has compiled, another loads; damage is a miss."""

import importlib.metadata
import pathlib
import types

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba
import numba.cuda
from assembler import CC, hopper  # noqa: F401
from numba.cuda import codegen, dispatcher
from numba.cuda.cudadrv import devices

from fastopt.compiling import disk_cache
from fastopt.targets.cuda import cuda_target as cuda

VECTOR = (numba.float64[::1],)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache of its own, and a device that is not there."""
    context = types.SimpleNamespace(device=types.SimpleNamespace(compute_capability=CC))
    monkeypatch.setattr(devices, "get_context", lambda *_: context)
    monkeypatch.setenv("FASTOPT_CACHE_DIR", str(tmp_path / "cache"))
    disk_cache.folder.cache_clear()
    yield tmp_path / "cache"
    disk_cache.folder.cache_clear()


def twice(x):
    i = numba.cuda.grid(1)
    if i < x.size:
        x[i] *= 2.0


def compiled():
    kernel = numba.cuda.jit(twice)
    made = dispatcher._Kernel(kernel.py_func, VECTOR, **kernel.targetoptions)
    made._codelibrary.get_cubin()
    return kernel, made


def test_a_kernel_comes_back(folder):
    kernel, made = compiled()
    cache = disk_cache.KernelCache("1")
    assert cache.load_overload(VECTOR, kernel.targetctx) is None
    cache.save_overload(VECTOR, made)
    (file,) = folder.iterdir()
    again = cache.load_overload(VECTOR, kernel.targetctx)
    assert again.entry_name == made.entry_name
    assert again.signature == made.signature
    assert again._codelibrary.get_cubin().code == made._codelibrary.get_cubin().code
    assert disk_cache.KernelCache("2").load_overload(VECTOR, kernel.targetctx) is None
    file.write_bytes(file.read_bytes()[:-1])
    assert cache.load_overload(VECTOR, kernel.targetctx) is None


def test_other_devices_have_code_of_their_own(folder, monkeypatch):
    kernel, made = compiled()
    cache = disk_cache.KernelCache("1")
    cache.save_overload(VECTOR, made)
    other = types.SimpleNamespace(device=types.SimpleNamespace(compute_capability=(8, 0)))
    monkeypatch.setattr(devices, "get_context", lambda *_: other)
    assert cache.load_overload(VECTOR, kernel.targetctx) is None


def test_the_target_s_kernels_have_it():
    assert isinstance(cuda.Kernel(twice, "digest").compiled._cache, disk_cache.KernelCache)
    assert not isinstance(cuda.Kernel(twice).compiled._cache, disk_cache.KernelCache)


def test_what_is_used_of_numba_cuda_is_there():
    """A failure names what has moved; `compiling/test_numba_internals.py` has the rest of Numba."""
    from numba.cuda.core import rewrites

    said = f"numba-cuda {importlib.metadata.version('numba-cuda')} has moved it"
    for name in ("_rebuild", "_reduce_states"):
        assert hasattr(dispatcher._Kernel, name), f"_Kernel.{name}: {said}"
    library = codegen.JITCUDACodegen("test_kernel_cache").create_library("empty")
    for name in ("_linking_libraries", "_llvm_strs", "_module", "_nvvm_options"):
        assert hasattr(library, name), f"CUDACodeLibrary.{name}: {said}"
    assert "before-inference" in rewrites.rewrite_registry.rewrites, f"rewrites: {said}"
    simulator = pathlib.Path(rewrites.__file__).parents[2] / "simulator"
    for file, text in (
        ("kernel.py", "def _get_kernel_context("),
        ("cudadrv/devicearray.py", "self._ary = "),
        ("cudadrv/devicearray.py", "self._item"),
    ):
        assert text in (simulator / file).read_text(), f"{text!r} of the simulator: {said}"

"""Machine code for a GPU that need not be there."""

import pathlib
import shutil
import subprocess
import sysconfig
import types

import numba.cuda.dispatcher
import pytest

from fastopt.compiling.shortcuts.cuda_shortcuts import cuda_shortcuts

CC = 9, 0


def find_ptxas():
    """The assembler of the PyPI package nvidia-cuda-nvcc, or of an installed toolkit."""
    site = pathlib.Path(sysconfig.get_path("platlib"))
    found = sorted(site.glob("nvidia/**/bin/ptxas*"))
    return str(found[0]) if found else shutil.which("ptxas")


@pytest.fixture(autouse=True)
def hopper(monkeypatch):
    """Kernels that call device functions ask for the current device; there may be none."""
    device = types.SimpleNamespace(compute_capability=CC)
    monkeypatch.setattr(numba.cuda.dispatcher, "get_current_device", lambda: device)


def compile_ptx(kernel, signature):
    """A kernel as text, compiled as the target compiles it."""
    with cuda_shortcuts():
        return numba.cuda.compile_ptx(kernel, signature, cc=CC)[0]


def assemble(ptx, folder):
    """What ptxas says of its work on a kernel."""
    ptxas = find_ptxas()
    if ptxas is None:
        pytest.skip("ptxas was not found: pip install nvidia-cuda-nvcc")
    source, cubin = folder / "kernel.ptx", folder / "kernel.cubin"
    source.write_text(ptx)
    command = [ptxas, "-v", "-arch=sm_90", source, "-o", cubin]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    assert cubin.read_bytes().startswith(b"\x7fELF")
    assert "for 'sm_90'" in out.stderr
    return out.stderr

"""`fastopt.kernels.cuda` in users' kernels, compiled to machine code for sm_90."""

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba.cuda
from assembler import assemble, compile_ptx, hopper  # noqa: F401
from numba import float32, int64, void

import fastopt

VECTOR, TABLE = float32[::1], float32[:, ::1]


def test_a_step_in_a_users_kernel(tmp_path):
    @numba.cuda.jit
    def walk(x, target, v, table):
        i = numba.cuda.grid(1)
        g = numba.cuda.local.array(1, float32)
        if i < x.size:
            for k in range(table.shape[0]):
                g[0] = x[i] - target[i]
                fastopt.kernels.cuda.rmsprop(x[i : i + 1], g, (v[i : i + 1], None), table[k])

    kernel = walk.py_func
    ptx = compile_ptx(kernel, void(VECTOR, VECTOR, VECTOR, TABLE))
    assert "sqrt" in ptx
    assert ".f64" not in ptx
    assert "0 bytes spill stores" in assemble(ptx, tmp_path)


def test_what_is_refused():
    def walk(x, v, c):
        fastopt.kernels.cuda.rmsprop(x, x, (v,), c)

    with pytest.raises(Exception, match="rmsprop takes vectors of one dtype"):
        compile_ptx(walk, void(VECTOR, int64[::1], VECTOR))


def test_squares_compile():
    from fastopt.targets.cuda import cuda_target as cuda

    kernel = cuda._squares().py_func
    ptx = compile_ptx(kernel, void(VECTOR, numba.float64[::1]))
    assert "fma.rn.f64" in ptx or "mul" in ptx

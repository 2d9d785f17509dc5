"""Functions of arrays on a device: each compiles, or an error names it and says what to do."""

import linecache
import math

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import emulate
import numba
from assembler import hopper  # noqa: F401
from test_literals import gradient, ptx_of

from fastopt.compiling.compiler import link
from fastopt.derivatives.error_messages_cuda import explain_device
from fastopt.targets.cuda import cuda_target as cuda

REFUSED = {  # what the error names -> an objective's value
    "np.interp": "np.sum(np.interp(x * 1.0, t, t))",
    "np.trapezoid": "np.trapezoid(x[0] * t)",
    "np.diag": "np.sum(np.diag(x))",
    "np.trace": "np.trace(np.outer(x, t))",
    "np.linspace": "np.sum(np.linspace(x[0], x[1], 5))",
    "np.polyval": "np.sum(np.polyval(x, t))",
    "np.cumprod": "np.sum(np.cumprod(x))",
    "np.diff": "np.sum(np.diff(x * x))",
    "np.cumsum": "np.sum(np.cumsum(x))",
    "np.nansum": "np.nansum(x[0] * t)",
    "np.nanmean": "np.nanmean(x[0] * t)",
    "np.nanmax": "np.nanmax(x[0] * t)",
    "np.nanmin": "np.nanmin(x[0] * t)",
    "np.median": "np.median(x[0] * t)",
    "np.repeat": "np.sum(np.repeat(x, 2))",
    "np.append": "np.sum(np.append(x, x[0]))",
    "np.concatenate": "np.sum(np.concatenate((x, t)))",
    "np.vstack": "np.sum(np.vstack((x, x)))",
    "np.hstack": "np.sum(np.hstack((x, x)))",
    "np.column_stack": "np.sum(np.column_stack((x, x)))",
    "np.stack": "np.sum(np.stack((x, x)))",
    "np.kron": "np.sum(np.kron(x, t))",
    "np.convolve": "np.sum(np.convolve(x, t))",
    "np.full": "np.sum(np.full(3, x[0]))",
    "np.asarray": "np.sum(np.asarray(x))",
    "the list": "np.sum(np.array([[x[0], x[1]], [x[1], x[0]]]))",
    "x.argsort": "x[x.argsort()[0]]",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_name(name):
    text = f"def fun(x, t):\n    return {REFUSED[name]}\n"
    file, scope = f"<{name} on a device>", {"np": np, "__name__": "device"}
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    exec(compile(text, file, "exec"), scope)
    with pytest.raises(Exception) as caught:  # Numba raises many kinds  # noqa: PT011
        ptx_of(gradient, cuda.gradient_function(scope["fun"], np.float32, 2))
    said = str(explain_device(caught.value, scope["fun"]))
    assert said.startswith("fun cannot run on a GPU: line 2 of ")
    assert f"{name} is not available" in said or f"{name} makes a new array" in said
    assert (
        'Write a loop over the data with numbers and functions of math, or use device="cpu"' in said
    )


def possible(x, t, k):
    total = np.interp(x[0], t, t * t) + np.polyval(x, x[1]) + np.sum(np.outer(x, t)) + np.vdot(x, x)
    total += np.sum(np.sinc(x[0] * t)) + np.sum(np.diff(x) ** 2) + np.sum(x.astype(np.float64) ** 3)
    total += math.lgamma(x[0]) + np.sum(np.clip(x[1] * t, 0.1, 0.9)) + float(x[1]) ** 2
    return total + x[0] * np.sum(np.clip(t, 0.5, 1.5)) * np.sum(np.exp(k) * np.clip(k, 0, 2))


def at(x, f, g, args):
    f[0] = both(x, g, (args, x))


both = None  # bound below


def test_numbers_of_those_that_compile():
    x, args = np.array([0.7, 1.3]), (np.array([0.1, 0.6, 1.1, 2.0]), np.array([0, 1, 3]))
    whole = link(
        at, {"both": cuda.gradient_function(possible, np.float64, 2)}, cuda.device_function
    )
    real = numba.float64
    run = emulate.compiled(whole, real[::1], real[::1], real[::1], numba.typeof(args))
    f, g = np.zeros(1), np.zeros(2)
    run(x, f, g, args)
    assert f[0] == pytest.approx(wanted(x, args), rel=1e-13)
    assert g == pytest.approx(slopes(x, args), rel=1e-8)


def wanted(x, args):
    return possible(x, *args)


def slopes(x, args):
    """Central differences, extrapolated."""
    found = []
    for step in np.eye(2):
        by = [
            (wanted(x + h * step, args) - wanted(x - h * step, args)) / (2 * h)
            for h in (2e-4, 1e-4)
        ]
        found.append((4 * by[1] - by[0]) / 3)
    return found

"""Choice of the target, by `device=`, by the memory of the arrays and by the size of the work.

Environment
-----------
FASTOPT_DEVICE
    The device that ``device="auto"`` selects for batches of host arrays: auto, cpu or cuda.
"""

import functools
import os
import platform

import numpy as np

from fastopt.arrays.arguments import is_elsewhere

DEVICES = ("auto", "cpu", "cuda")
# Minimum of problems, and of numbers in their data, for which a batch of host arrays runs on a GPU
# automatically. Starting costs 0.3 s for the context, and the compilation of a kernel, so that a
# GPU pays off for large batches. Estimated, not measured: no GPU was available.
PROBLEMS, NUMBERS = 100_000, 20_000_000
# GPUs whose float64 is at least half as fast as float32. For others a float64 batch stays on the
# CPU.
_ON_HOST = "auto", "cpu"
_OF_HOST = frozenset({np.ndarray, list, tuple, float, int})
FULL_RATE = {(6, 0), (7, 0), (8, 0), (9, 0), (10, 0)}


def requested(device, variable=False):
    """Return the requested device, checked.

    `variable` says that the environment variable replaces "auto".
    """
    if not isinstance(device, str) or device not in DEVICES:
        raise ValueError(f"device = {device!r}; it must be 'auto', 'cpu' or 'cuda'")
    if device == "auto" and variable:
        device = os.environ.get("FASTOPT_DEVICE") or "auto"
        if device not in DEVICES:
            raise ValueError(
                f"the environment variable FASTOPT_DEVICE is {device!r}; it must be auto, cpu or "
                "cuda"
            )
    return device


def target(device, *arrays, requested_by=None):
    """Return the module of the target for these arrays.

    Error messages begin with `requested_by`: how the user requested the device.

    Raises
    ------
    ValueError
        If the device does not exist.
    RuntimeError
        If CUDA is requested and cannot be used; the message says what is missing.
    """
    if type(device) is str and device in _ON_HOST and _OF_HOST.issuperset(map(type, arrays)):
        return _cpu()
    requested(device)
    requested_by = requested_by or f"device={device if device != 'auto' else 'cuda'!r}"
    on_device = any(map(is_elsewhere, arrays))
    if device == "cpu" and on_device:
        raise ValueError(f"{requested_by} was given an array that lives on a GPU; copy it first")
    if device == "cuda" or on_device:
        problem = why_not_cuda()
        if problem:
            raise RuntimeError(f"{requested_by} cannot be used: {problem}")
        from fastopt.targets.cuda import cuda_target as cuda

        return cuda
    return _cpu()


@functools.cache
def _cpu():
    from fastopt.targets.cpu import cpu_target as cpu

    return cpu


def for_batch(device, workers, *arrays):
    """Return the device that a batch asks for, and the target for these arrays."""
    asked = requested(device, variable=workers is None)
    requested_by = f"FASTOPT_DEVICE={asked}" if asked != device else None
    found = target(asked, *arrays, requested_by=requested_by)
    if found.NAME == "cuda" and workers is not None:
        raise ValueError("workers are the CPU's; with device='cuda' leave them out")
    return asked, found


def gpu_for(problems, numbers, itemsize):
    """Return the CUDA target if it is available and worthwhile for a batch, or None."""
    if problems < PROBLEMS or numbers < NUMBERS or why_not_cuda():
        return None
    from fastopt.targets.cuda import cuda_target as cuda

    return cuda if itemsize == 4 or cuda.device().capability() in FULL_RATE else None


def why_not_cuda():
    """Return a sentence that says why CUDA cannot be used here, or None if it can."""
    try:
        from fastopt.targets.cuda import cuda_target as cuda

        return cuda.missing()
    except ModuleNotFoundError as error:
        return f"{error}. Install it with: pip install 'fastopt[cuda]'."
    except Exception as error:  # numba-cuda may raise anything with a NumPy it does not support
        return (
            f"numba-cuda cannot be used with Python {platform.python_version()} and NumPy "
            f"{np.__version__} ({type(error).__name__}: {error}). "
            "Install versions that fit together with: pip install 'fastopt[cuda]'."
        )


def cuda_description():
    """Return a description of the GPU that would be used, or why none is."""
    problem = why_not_cuda()
    if problem:
        return problem
    from fastopt.targets.cuda import cuda_target as cuda

    return cuda.device().description()

"""Which target works: from `device=`, from where the arrays live, from the size of the work.

Environment
-----------
FASTOPT_DEVICE
    What ``device="auto"`` means for batches of host arrays: auto, cpu or cuda.
"""

import os
import platform

import numpy as np

from fastopt.arrays.arguments import is_elsewhere

DEVICES = ("auto", "cpu", "cuda")
# A batch of host arrays goes to a GPU by itself from so many problems, and so many numbers among
# their data, on: a GPU is slow to begin with (its context 0.3 s, its kernel compiled anew) and wins
# by numbers. Chosen with care, not measured: no GPU was at hand.
PROBLEMS, NUMBERS = 100_000, 20_000_000
# GPUs whose float64 is at least half as fast as float32; on others a batch of float64 stays here.
FULL_RATE = {(6, 0), (7, 0), (8, 0), (9, 0), (10, 0)}


def requested(device, variable=False):
    """The device asked for, checked; by the environment where that counts and nothing is said."""
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


def target(device, *arrays, asked=None):
    """The module of the target for these arrays; errors say how the device was `asked` for.

    Raises
    ------
    ValueError
        For a device that does not exist.
    RuntimeError
        Where CUDA is asked for and cannot be used; the sentence says what is missing.
    """
    requested(device)
    asked = asked or f"device={device if device != 'auto' else 'cuda'!r}"
    on_device = any(map(is_elsewhere, arrays))
    if device == "cpu" and on_device:
        raise ValueError(f"{asked} was given an array that lives on a GPU; copy it first")
    if device == "cuda" or on_device:
        problem = why_not_cuda()
        if problem:
            raise RuntimeError(f"{asked} cannot be used: {problem}")
        from fastopt.targets.cuda import target as cuda

        return cuda
    from fastopt.targets.cpu import target as cpu

    return cpu


def gpu_for(problems, numbers, itemsize):
    """The CUDA target, where a batch of host arrays is worth its while and it can be used."""
    if problems < PROBLEMS or numbers < NUMBERS or why_not_cuda():
        return None
    from fastopt.targets.cuda import target as cuda

    return cuda if itemsize == 4 or cuda.device().capability() in FULL_RATE else None


def why_not_cuda():
    """What keeps CUDA from being used here, in a sentence; None where nothing does."""
    try:
        from fastopt.targets.cuda import target as cuda

        return cuda.missing()
    except ModuleNotFoundError as error:
        return f"{error}. Install it with: pip install 'fastopt[cuda]'."
    except Exception as error:  # numba-cuda fails in its own ways beside a NumPy it does not know
        return (
            f"numba-cuda cannot be used with Python {platform.python_version()} and NumPy "
            f"{np.__version__} ({type(error).__name__}: {error}). "
            "Install versions that fit together with: pip install 'fastopt[cuda]'."
        )


def cuda_description():
    """The GPU that would be used, or why none is."""
    problem = why_not_cuda()
    if problem:
        return problem
    from fastopt.targets.cuda import target as cuda

    return cuda.device().description()

"""`show_config`: the versions, processors and devices of this installation."""

import os
import platform
import sys

from fastopt._version import __version__
from fastopt.compiling import compiler, disk_cache
from fastopt.targets import dispatch


def show_config():
    """Print versions, threads, vector width, the cache directory and the state of CUDA.

    Examples
    --------
    >>> import fastopt
    >>> fastopt.show_config()  # doctest: +ELLIPSIS
    fastopt    ...
    """
    import numpy
    import scipy

    processor = compiler.processor()
    rows = {
        "fastopt": __version__,
        "python": f"{platform.python_version()} on {sys.platform} {platform.machine()}",
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "numba": processor["numba"],
        "processor": f"{processor['name']}, {processor['simd']}",
        "threads": f"{processor['threads']} of {os.cpu_count()} processors",
        "cache": disk_cache.directory() or "off",
        "cuda": dispatch.cuda_description(),
        "batches": _batches(),
    }
    for name, value in rows.items():
        print(f"{name:10} {value}")


def _batches():
    """Return where batches with ``device="auto"`` are solved."""
    meant = dispatch.requested("auto", variable=True)
    if meant != "auto":
        return f"device='auto' means {meant!r}, by the environment variable FASTOPT_DEVICE"
    return "device='auto' is the CPU" + (
        "" if dispatch.why_not_cuda() else ", and the GPU for large batches"
    )

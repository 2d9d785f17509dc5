"""One step of each method inside your own `@cuda.jit` functions: see `fastopt.kernels`."""

from collections.abc import Callable
from typing import Any

from fastopt import rules


def __getattr__(name) -> Callable[..., Any]:
    if name in rules.methods():
        from fastopt.targets.cuda import cuda_target as cuda

        return cuda.step_function(name)
    raise AttributeError(f"module 'fastopt.kernels.cuda' has no attribute {name!r}")


def __dir__():
    return list(rules.methods())

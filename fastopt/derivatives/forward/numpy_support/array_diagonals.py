"""``np.diag``, ``np.trace`` and ``np.kron`` of arrays of duals."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from typing import Any

import numpy as np
from numba import TypingError

from fastopt.derivatives.forward.numpy_support.array_joining import by_types
from fastopt.derivatives.forward.operators.stand_ins import new, stand_in_for


def _diagonal(v, k):
    if v.ndim == 1:

        def matrix(v, k):
            size = v.size + abs(k)
            made = new(v, (size, size))
            made[...] = 0.0
            for i in range(v.size):
                made[i + max(0, -k), i + max(0, k)] = v[i]
            return made

        return matrix
    if v.ndim == 2:

        def vector(v, k):
            size = max(0, min(v.shape[0] + min(0, k), v.shape[1] - max(0, k)))
            made = new(v, size)
            for i in range(size):
                made[i] = v[i + max(0, -k), i + max(0, k)]
            return made

        return vector
    raise TypingError("diag is known for vectors and matrices only")


DIAG: Any = by_types(_diagonal)


def _diag(v, k=0):
    return DIAG(v, k)


def _trace(a, offset=0):
    total = 0.0
    for v in DIAG(a, offset):
        total = total + v
    return total


def _two_axes(a):
    if a.ndim == 1:
        return lambda a: (a * 1.0).reshape(1, -1)
    if a.ndim == 2:
        return lambda a: a
    raise TypingError("kron is known for vectors and matrices only")


MATRIX: Any = by_types(_two_axes)


def _blocks(a, b):
    if a.ndim == 1 and b.ndim == 1:
        return lambda a, b: ((a * 1.0).reshape(-1, 1) * (b * 1.0).reshape(1, -1)).reshape(-1)

    def matrix(a, b):
        left, right = MATRIX(a), MATRIX(b)
        height, width = right.shape
        made = new((a, b), (left.shape[0] * height, left.shape[1] * width))
        for i in range(made.shape[0]):
            for j in range(made.shape[1]):
                made[i, j] = left[i // height, j // width] * right[i % height, j % width]
        return made

    return matrix


KRON = by_types(_blocks)


def _kron(a, b):
    return KRON(a, b)


_FUNCTIONS = {"diag": _diag, "trace": _trace, "kron": _kron}
STAND_INS = {
    getattr(np, name): stand_in_for(getattr(np, name), ours) for name, ours in _FUNCTIONS.items()
}

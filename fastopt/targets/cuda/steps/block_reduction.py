"""Results of the threads of a block, combined in shared memory, always in the same order."""

from typing import Any

from numba import types

# Placeholders, bound by the target.
cuda: Any = None
combine: Any = None  # combines the results of two threads

# Words at the start of a block's shared memory, before the threads' cells: two addresses, a count.
WORDS = 4


def plus(a, b):
    return a + b


def larger(a, b):
    return a if a > b or a != a else b


def in_block(v):
    """Return v combined over the threads of a block, by a tree reduction."""
    cells, t = cuda.shared.array(0, types.float64), cuda.threadIdx.x
    cuda.syncthreads()
    cells[WORDS + t] = v
    cuda.syncthreads()
    half = cuda.blockDim.x // 2
    while half > 0:
        if t < half:
            cells[WORDS + t] = combine(cells[WORDS + t], cells[WORDS + t + half])
        cuda.syncthreads()
        half //= 2
    return cells[WORDS]

"""Kernels of one step over device arrays; `link` binds the placeholders.

A thread loads 16 bytes of each array at a time. The sweep, shared with the CPU, runs on these
copies.
"""

from typing import Any

from fastopt.algorithms import solve_loop
from fastopt.algorithms.placeholders import real
from fastopt.compiling.compiler import link
from fastopt.rules import _state_slots
from fastopt.targets.common.loop_constants import narrow_to
from fastopt.targets.cuda.steps import simulator_sweeps, sweep_intrinsics

# Placeholders, bound below for the target, the rule and the width of an access.
cuda: Any = None
lead: Any = None
row: Any = None
fetch: Any = None
fetch_one: Any = None
bring_back: Any = None
bring_one_back: Any = None
many: Any = None  # the sweep over the elements of one access
one: Any = None  # the sweep over one element
WIDTH, COLUMNS = 1, ()


def part(n, arrays, c, thread, threads):
    """Step one thread's part of n elements: a full access at a time, the others singly."""
    head = lead(arrays, n, real)
    whole = (n - head) // WIDTH
    # A while loop, since `range` with a step unknown at compile time computes its length by an
    # integer division.
    k = thread
    while k < whole:
        at = head + k * WIDTH
        x, g, state = fetch(arrays, (), at, real)
        many(x, g, c, state, x, x, False)
        bring_back(x, state, arrays, (), at)
        k += threads
    done = whole * WIDTH
    k = thread
    while k < n - done:
        single(k if k < head else k + done, arrays, (), c)
        k += threads


def single(at, arrays, strides, c):
    x, g, state = fetch_one(arrays, strides, at, real)
    one(x, g, c, state, x, x, False)
    bring_one_back(x, state, arrays, strides, at)


def together(n, arrays, c):
    """Step one set of contiguous arrays."""
    part(n, arrays, c, cuda.grid(1), cuda.gridsize(1))


def strided(n, arrays, strides, c):
    """Step one set of strided arrays."""
    at = cuda.grid(1)
    while at < n:
        single(at, arrays, strides, c)
        at += cuda.gridsize(1)


def several(rows, table, c):
    """Step many sets of arrays: a block processes a table row ``n, x, g, used slots`` at a time."""
    r = cuda.blockIdx.x
    while r < rows:
        n, arrays = row(table, r, COLUMNS)
        part(n, arrays, c, cuda.threadIdx.x, cuda.blockDim.x)
        r += cuda.gridDim.x


def squares(g, parts):
    """Compute each thread's part of the sum of squares of a vector, in float64."""
    found, k = 0.0, cuda.grid(1)
    while k < g.size:
        found += float(g[k]) * float(g[k])
        k += cuda.gridsize(1)
    parts[cuda.grid(1)] = found


KINDS = {f.__name__: f for f in (together, strided, several)}


def linked(text, rule, uses, dtype, module, wrap, simulated):
    """Return one of these kernels, undecorated, with all of its arithmetic in the element type."""
    own = simulator_sweeps if simulated else sweep_intrinsics
    width = own.LINE // dtype.itemsize
    rules = {
        **_state_slots.bindings(rule, uses),
        "real": dtype.type,
        "BOUNDED": False,
        "cast": own.cast,
    }
    rules.update(each=range, most=dtype.type)  # a thread steps all elements that it has loaded
    narrow = narrow_to(dtype)
    (fetch, bring_back), (fetch_one, bring_one_back) = (
        own.make_load_store(size, tuple(uses)) for size in (width, 1)
    )
    many, one = (
        link(solve_loop.sweep, {**rules, "SIZE": size}, wrap, top=wrap, narrow=narrow)
        for size in (width, 1)
    )
    bound = {
        "cuda": module,
        "real": dtype.type,
        "lead": own.lead,
        "row": own.row,
        "fetch": fetch,
        "fetch_one": fetch_one,
        "bring_back": bring_back,
        "bring_one_back": bring_one_back,
        "many": many,
        "one": one,
        "WIDTH": width,
        "COLUMNS": (0,) * (3 + sum(uses)),
    }
    return link(text, bound, wrap)

"""Kernels of one step over whole device arrays; `link` binds the open names.

A thread takes 16 bytes of each array at a time; the shared text of the sweep runs on these copies.
"""

from typing import Any

from fastopt.compiling.compiler import link
from fastopt.rules import _state_slots
from fastopt.solver import solve_loop
from fastopt.solver.placeholders import real
from fastopt.targets.common.loop_constants import narrow_to
from fastopt.targets.cuda import simulator_sweeps, sweep_intrinsics

# Bound below, to what the target, the rule and the width of an access make of them.
cuda: Any = None
lead: Any = None
row: Any = None
fetch: Any = None
fetch_one: Any = None
bring_back: Any = None
bring_one_back: Any = None
many: Any = None  # the sweep over as many elements as an access holds
one: Any = None  # and over one
WIDTH, COLUMNS = 1, ()


def part(n, arrays, c, thread, threads):
    """One thread's part of n elements: as many as an access holds, and what is left singly."""
    head = lead(arrays, n, real)
    whole = (n - head) // WIDTH
    k = thread  # not a range: with a step that is not known it divides whole numbers first
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
    """One set of arrays whose elements lie together."""
    part(n, arrays, c, cuda.grid(1), cuda.gridsize(1))


def strided(n, arrays, strides, c):
    """One set of arrays whose elements lie apart."""
    at = cuda.grid(1)
    while at < n:
        single(at, arrays, strides, c)
        at += cuda.gridsize(1)


def several(rows, table, c):
    """Many sets of arrays: a table row ``n, x, g, used slots`` for what a block takes at a time."""
    r = cuda.blockIdx.x
    while r < rows:
        n, arrays = row(table, r, COLUMNS)
        part(n, arrays, c, cuda.threadIdx.x, cuda.blockDim.x)
        r += cuda.gridDim.x


def squares(g, parts):
    """Each thread's part of the sum of squares of a vector, in float64."""
    found, k = 0.0, cuda.grid(1)
    while k < g.size:
        found += float(g[k]) * float(g[k])
        k += cuda.gridsize(1)
    parts[cuda.grid(1)] = found


KINDS = {f.__name__: f for f in (together, strided, several)}


def linked(text, rule, uses, dtype, module, wrap, simulated):
    """One of these texts, undecorated, with all of its arithmetic in the element type."""
    own = simulator_sweeps if simulated else sweep_intrinsics
    width = own.LINE // dtype.itemsize
    rules = {
        **_state_slots.bindings(rule, uses),
        "real": dtype.type,
        "BOUNDED": False,
        "cast": own.cast,
    }
    rules.update(each=range, most=dtype.type)  # of what a thread has fetched, all is its own
    narrow = narrow_to(dtype)
    (fetch, bring_back), (fetch_one, bring_one_back) = (
        own.movers(size, tuple(uses)) for size in (width, 1)
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

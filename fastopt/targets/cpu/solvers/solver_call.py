"""One call of a prepared solver as compiled code: copy the template, run the loop, read the end.

The code is the same for all solvers of one element type. It reads a plan, and a request with the
addresses of the call's own memory.
"""
# Pyright does not understand how Numba makes its intrinsics:
# pyright: reportCallIssue=false

import functools
import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import real
from fastopt.algorithms.run_state import NFEV, NIT, STATUS
from fastopt.algorithms.status_codes import FTOL, GTOL, NONFINITE, RUNNING, XTOL
from fastopt.compiling.compiler import jit
from fastopt.compiling.llvm_arrays import contiguous_view
from fastopt.targets.cpu.calls_by_address import WORD

# Indices in a plan. The last ones are bytes from the beginning of the template; -1: there is none.
# CORE and LOOP are the addresses of `solve` and of the loop. MOVED is that of a table: the indices
# of the words in the template that are addresses. COUNT is its length, ARGS the arguments' bytes.
CORE, LOOP, TEMPLATE, SIZE, MOVED, COUNT, N, ARGS, OBJECT = range(9)
RECORD, BLOCK, DATA, UNTIL, X, BEST_X, BEST_F, LOW, HIGH, USED, STORE = range(9, 20)
PLACES = 20
# Indices in a request. MEMORY is the address of the caller's memory, or 0. START_AT is that of the
# start, X_AT that of the result, which is written at the end. FOUND is that of the numbers f,
# status, nit, nfev, and whether it is a success. BUDGET is the most evaluations.
PLAN, MEMORY, START_AT, X_AT, ARGS_AT, FOUND, BUDGET, TASK = range(8)
REQUEST = 8
BEGIN, CONTINUE, GIVE_UP = range(3)  # tasks
UNLIMITED = 1 << 53
NUMBERS = 5
# Bytes on the stack for the memory of a call. Larger problems get theirs from the heap.
LOCAL = 16_384


@intrinsic
def view(context, address, n, real):
    """Return the vector of n numbers at an address."""
    kind = types.Array(real.dtype, 1, "C")

    def codegen(context, builder, signature, values):
        pointer = context.get_data_type(real.dtype).as_pointer()
        data = builder.inttoptr(values[0], pointer)
        return contiguous_view(context, builder, kind, data, [values[1]])

    return kind(types.intp, types.intp, real), codegen


@intrinsic(prefer_literal=True)
def stack(context, size):
    """Return the address of memory on the stack, which lives until the function returns."""

    def codegen(context, builder, signature, values):
        memory = cgutils.alloca_once(builder, WORD, size=size.literal_value // 8)
        memory.align = 64
        return builder.ptrtoint(memory, WORD)

    return types.intp(size), codegen


@intrinsic
def move(context, target, source, size):
    """Copy bytes from one address to another."""

    def codegen(context, builder, signature, values):
        to, source = (builder.inttoptr(v, cgutils.voidptr_t) for v in values[:2])
        cgutils.raw_memcpy(builder, to, source, values[2], 1)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


@intrinsic
def reserve(context, size):
    """Return the address of new memory; raise a MemoryError if there is none."""

    def codegen(context, builder, signature, values):
        kind = ir.FunctionType(WORD, [WORD])
        allocate = cgutils.get_or_insert_function(builder.module, kind, "malloc")
        memory = builder.call(allocate, values)
        with cgutils.if_unlikely(builder, builder.icmp_signed("==", memory, WORD(0))):
            said = "a solver ran out of memory"
            context.call_conv.return_user_exc(builder, MemoryError, (said,))
        return memory

    return types.intp(types.intp), codegen


def _free(builder, address):
    kind = ir.FunctionType(ir.VoidType(), [WORD])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "free"), [address])


@intrinsic
def release(context, address):
    """Free memory, if the address is not zero."""

    def codegen(context, builder, signature, values):
        _free(builder, values[0])
        return context.get_dummy_value()

    return types.void(types.intp), codegen


@intrinsic
def guarded_call(context, code, pointer, heap, store):
    """Call the loop; if the objective raises, free the memory of the call first.

    `heap` is its address, or zero. `store` is the address of a word with that of the memory of
    reverse sweeps, or zero.
    """

    def codegen(context, builder, signature, values):
        code, pointer, heap, store = values
        convention = context.call_conv
        kind = convention.get_function_type(types.none, (types.voidptr,))
        function = builder.inttoptr(code, kind.as_pointer())
        given = [builder.inttoptr(pointer, cgutils.voidptr_t)]
        status, _ = convention.call_function(builder, function, types.none, (types.voidptr,), given)
        with cgutils.if_unlikely(builder, status.is_error):
            with builder.if_then(builder.icmp_signed("!=", store, WORD(0))):
                at = builder.inttoptr(store, WORD.as_pointer())
                _free(builder, builder.load(at))
                builder.store(WORD(0), at)
            _free(builder, heap)
            convention.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp), codegen


@separate
def begin(plan, memory, start_at, args_at):
    """Write a fresh problem to the memory of a call; return True if its start is finite."""
    move(memory, plan[TEMPLATE], plan[SIZE])
    words = view(memory, plan[SIZE] // 8, np.int64)
    moved = view(plan[MOVED], plan[COUNT], np.int64)
    for k in range(moved.size):
        words[moved[k]] += memory
    move(memory + plan[DATA], args_at, plan[ARGS])
    n, finite = plan[N], True
    start = view(start_at, n, real)
    x, best_x = view(memory + plan[X], n, real), view(memory + plan[BEST_X], n, real)
    for i in range(n):
        finite = finite and math.isfinite(start[i])
        x[i] = best_x[i] = start[i]
    if plan[LOW] >= 0 and finite:
        low, high = view(memory + plan[LOW], n, real), view(memory + plan[HIGH], n, real)
        for i in range(n):
            x[i] = best_x[i] = min(max(x[i], low[i]), high[i])
    if not finite:  # fun is not evaluated at such a start
        view(memory + plan[RECORD], STATUS + 1, np.float64)[STATUS] = NONFINITE
        view(memory + plan[BEST_F], 1, np.float64)[0] = math.nan
    return finite


@separate
def advance(plan, memory, budget, heap):
    """Run the loop for at most `budget` evaluations."""
    record = view(memory + plan[RECORD], NFEV + 1, np.float64)
    until = view(memory + plan[UNTIL], 2, np.float64)
    until[0], until[1] = math.inf, record[NFEV] + budget
    store = memory + plan[STORE] if plan[STORE] >= 0 else 0
    guarded_call(plan[LOOP], memory + plan[BLOCK], heap, store)


@separate
def finish(plan, memory, x_at, found_at):
    """Write the best point, and the numbers of the end; return True if the problem has ended."""
    n = plan[N]
    best_x, x = view(memory + plan[BEST_X], n, real), view(x_at, n, real)
    record = view(memory + plan[RECORD], NFEV + 1, np.float64)
    found = view(found_at, NUMBERS, np.float64)
    status, f = record[STATUS], view(memory + plan[BEST_F], 1, np.float64)[0]
    for i in range(n):
        x[i] = best_x[i]
    used = view(memory + plan[USED], 1, np.float64)[0] if plan[USED] >= 0 else 1.0
    if used == 0.0 and math.isfinite(f):  # a fit without any residual
        status, f = NONFINITE, math.nan
    found[0], found[1], found[2], found[3] = f, status, record[NIT], record[NFEV]
    found[4] = 1.0 if status in (GTOL, FTOL, XTOL) else 0.0
    return status != RUNNING


@separate
def clear(plan, memory):
    """Free the memory of reverse sweeps."""
    if plan[STORE] >= 0:
        store = view(memory + plan[STORE], 1, np.int64)
        release(store[0])
        store[0] = 0


def solve(request_at):
    """Solve a problem in memory of its own, or a slice of one in the caller's memory.

    The caller keeps that until the problem has ended, or gives it up.
    """
    request = view(request_at, REQUEST, np.int64)
    plan, memory, heap = view(request[PLAN], PLACES, np.int64), request[MEMORY], 0
    local, going = stack(LOCAL), request[TASK] != GIVE_UP
    if memory == 0:
        memory = local
        if plan[SIZE] > LOCAL:
            heap = reserve(plan[SIZE])
            memory = heap
    if request[TASK] == BEGIN:
        going = begin(plan, memory, request[START_AT], request[ARGS_AT])
    if going:
        advance(plan, memory, float(request[BUDGET]), heap)
    if request[TASK] == GIVE_UP or finish(plan, memory, request[X_AT], request[FOUND]):
        clear(plan, memory)
    release(heap)


@functools.cache
def compiled(dtype):
    """Return `solve`, compiled for an element type."""
    return jit(solve, {"real": dtype.type})

"""Kernel for one problem on the entire device: its vectors are distributed over all threads.

Every thread runs the same code (`automatic_rate`, `fixed_rate`) on its share of the elements,
`each`. All threads compute the same scalars: `total`, `most` and `anyone` combine their results,
always in the same order. Between two evaluations, the device waits for Python only while that reads
the problem's scalars.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic

from fastopt.algorithms.placeholders import RUN, judge, load_run, propose, store_run
from fastopt.compiling.llvm_arrays import array_struct
from fastopt.targets.cuda.steps.block_reduction import in_block
from fastopt.targets.cuda.thread_layout import fixed_view

# Placeholders, bound by the target.
cuda: Any = None
combine: Any = None  # combines the results of two threads
note: Any = None  # (partials, arrived, words): stores the addresses of the first two, for `reduce`
found: Any = None  # (words) -> (partials, arrived)
double: Any = None
most: Any = None

BLOCK = 256  # threads per block; a power of two


def go_on(record, record_out, iterates, workspace, state, rules, f, d, partials, barrier_counter):
    """Propose a point, or, if there is a gradient d, judge the point by that and the value f.

    The scalars are read from `record` and written to `record_out`, another array, since a block may
    begin late.
    """
    begin(partials, barrier_counter)
    run, (limits, options, schedule) = load_run(RUN, double, record), rules
    if d.size > 0:
        g = iterates.new_g
        for i in my_elements(g.size):
            g[i] = d[i]
        run = judge(run, f[0] * double(1.0), iterates, workspace, iterates.new, limits, ())
    else:
        run = propose(run, iterates, workspace, state, limits, options, schedule)
    if cuda.grid(1) == 0:
        store_run(run, record_out)


def my_elements(n):
    """Return the indices of this thread's elements."""
    return range(cuda.grid(1), n, cuda.gridsize(1))


def begin(partials, barrier_counter):
    words = cuda.shared.array(0, types.int64)
    if cuda.threadIdx.x == 0:
        note(partials, barrier_counter, words)
        words[2] = 0


def anyone(flag):
    return most(1.0 if flag else 0.0) > 0.0


def reduce(v):
    """Return the results v of all threads, combined; v is zero for threads without a share."""
    v = in_block(double(v))
    if cuda.gridDim.x > 1:
        words = cuda.shared.array(0, types.int64)
        partials, barrier_counter = found(words)
        # Each reduction of a launch has cache lines of its own, so that no stale one is read.
        first = words[2] * ((cuda.gridDim.x + 15) // 16 * 16)
        if cuda.threadIdx.x == 0:
            partials[first + cuda.blockIdx.x] = v
        grid_barrier(barrier_counter)
        v = double(0.0)
        k = cuda.threadIdx.x
        while k < cuda.gridDim.x:
            v = combine(v, partials[first + k])
            k += cuda.blockDim.x
        v = in_block(v)
        if cuda.threadIdx.x == 0:
            words[2] += 1
        cuda.syncthreads()
    return v


def grid_barrier(barrier_counter):
    """Wait for the other blocks, which all run at once: there is at most one per processor."""
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cuda.threadfence()
        blocks = cuda.gridDim.x
        ticket = cuda.atomic.add(barrier_counter, 0, 1)
        until = (ticket // blocks + 1) * blocks
        while cuda.atomic.add(barrier_counter, 0, 0) < until:
            pass
        cuda.threadfence()
    cuda.syncthreads()


@intrinsic
def note_addresses(context, partials, barrier_counter, words):
    """Store the arrays' addresses in shared memory, for functions that do not get the arrays."""

    def codegen(context, builder, signature, args):
        data = array_struct(context, builder, words, args[2]).data
        for k in range(2):
            array = array_struct(context, builder, signature.args[k], args[k])
            address = builder.ptrtoint(array.data, data.type.pointee)
            builder.store(address, builder.gep(data, [address.type(k)]))
        return context.get_dummy_value()

    return types.void(partials, barrier_counter, words), codegen


@intrinsic
def found_by_address(context, words):
    """Return the arrays whose addresses `note_addresses` has stored; their lengths are not used."""
    kinds = types.Array(types.float64, 1, "C"), types.Array(types.int64, 1, "C")

    def codegen(context, builder, signature, args):
        data, items = array_struct(context, builder, words, args[0]).data, []
        for k, kind in enumerate(kinds):
            address = builder.load(builder.gep(data, [data.type.pointee(k)]))
            pointer = builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer())
            items.append(fixed_view(context, builder, kind, pointer, (1,), (8,), 8))
        return context.make_tuple(builder, types.Tuple(kinds), items)

    return types.Tuple(kinds)(words), codegen


def nothing(*args):
    """Do nothing: the simulator has one block, which needs no addresses."""

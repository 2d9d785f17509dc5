"""Kernels of steps whose learning rate is found on the way; `link` binds the placeholders.

A block processes a row of a table of addresses at a time, and adds up the results of its elements.
So sums do not depend on the number of blocks. The mathematics is that of the host,
`algorithms.training`.
"""

from typing import Any, NamedTuple

from fastopt.algorithms.placeholders import real, start, store
from fastopt.algorithms.training import schedule_free
from fastopt.algorithms.training.distance_rate import KEEP, UNIT, directions
from fastopt.algorithms.training.schedule_free import advance as move_points
from fastopt.compiling.compiler import link
from fastopt.targets.common.loop_constants import narrow_rule
from fastopt.targets.cuda.steps import simulator_sweeps, sweep_intrinsics
from fastopt.targets.cuda.steps.block_reduction import WORDS, in_block, larger, plus

# Placeholders, bound below.
cuda: Any = None
row: Any = None
put: Any = None
fetch: Any = None
bring_back: Any = None
element: Any = None  # what is done with an element: (x, g, state, c, found) -> five numbers
combine: Any = None  # combines two of these numbers
HAS_RESULTS: Any = None
RULE_SLOTS, COLUMNS = 0, ()  # number of the rule's slots; places of a row

RESULTS = 5  # of a row
V0 = schedule_free.WEIGHTS + 1  # place of the accumulators' first value, after the search's scalars
NUMBERS = V0 + 1


def over_rows(rows, table, c, found, results):
    """Process all elements; write the results of each row of the table."""
    r = cuda.blockIdx.x
    while r < rows:
        n, arrays = row(table, r, COLUMNS)
        mine = 0.0, 0.0, 0.0, 0.0, 0.0
        k = cuda.threadIdx.x
        while k < n:
            x, g, state = fetch(arrays, (), k, real)
            mine = both(mine, element(x, g, state, c, found))
            bring_back(x, state, arrays, (), k)
            k += cuda.blockDim.x
        if HAS_RESULTS:
            for column in range(RESULTS):
                whole = in_block(mine[column])
                if cuda.threadIdx.x == 0:
                    put(results, RESULTS * r + column, whole)
        r += cuda.gridDim.x


def both(a, b):
    return (
        combine(a[0], b[0]),
        combine(a[1], b[1]),
        combine(a[2], b[2]),
        combine(a[3], b[3]),
        combine(a[4], b[4]),
    )


def squares(x, g, state, c, found):
    """Return the square of a gradient; `state` is empty."""
    slope = float(g[0])
    return slope * slope, 0.0, 0.0, 0.0, 0.0


def begin(x, g, state, c, found):
    """Keep the first point, and return the sizes of gradient and parameter.

    `state` is origin, last.
    """
    state[0][0] = state[1][0] = x[0]
    return abs(float(g[0])), abs(float(x[0])), 0.0, 0.0, 0.0


def go_back(x, g, state, c, found):
    """Go back to the first point; `state` is the rule's slots, origin, trace, lead, last."""
    store(state, 0, start(real(found[V0])))
    x[0] = state[RULE_SLOTS + 3][0] = state[RULE_SLOTS][0]
    state[RULE_SLOTS + 1][0] = state[RULE_SLOTS + 2][0] = real(0.0)
    return 0.0, 0.0, 0.0, 0.0, 0.0


def measure(x, g, state, c, found):
    """Write the rule's step, and return what `directions` does.

    `state` is the rule's slots, origin, trace, move.
    """
    points = x, g, x, x, state[RULE_SLOTS], state[RULE_SLOTS + 1], state[RULE_SLOTS + 2]
    return directions(points, c, state[:RULE_SLOTS], found[KEEP], 1.0, found[UNIT])


def advance(x, g, state, c, found):
    """Move a parameter by the rule's step, which is in place of g; `state` is lead, last."""
    move_points(x, state[0], state[1], g, found, c)
    return 0.0, 0.0, 0.0, 0.0, 0.0


def shared_bytes(threads):
    """Return the bytes of shared memory of a block of this many threads."""
    return 8 * (WORDS + threads)


class Kind(NamedTuple):
    """A kernel: the work on an element, and the arrays that it needs."""

    element: Any
    more: int  # number of slots behind the rule's own
    kept: tuple = ()  # those of them that are not written
    has_own: bool = False  # it reads the slots of the rule, too
    writes_x: bool = False
    combine: Any = None  # of results, if there are any


KINDS = {
    kind.element.__name__: kind
    for kind in (
        Kind(squares, 0, combine=plus),
        Kind(begin, 2, combine=larger),
        Kind(go_back, 4, (0,), has_own=True, writes_x=True),
        Kind(measure, 3, (0,), has_own=True, combine=plus),
        Kind(advance, 2, writes_x=True),
    )
}


def linked(kind, rule, uses, dtype, module, wrap, simulated):
    """Return `over_rows` for one of the kinds, undecorated; `uses` are the rule's own slots."""
    own = simulator_sweeps if simulated else sweep_intrinsics
    slots = (*(uses if kind.has_own else ()), *kind.more * (True,))
    first = 2 + sum(slots) - kind.more
    unchanged = (*(() if kind.writes_x else (0,)), 1, *(first + k for k in kind.kept))
    fetch, bring_back = own.make_load_store(1, slots, unchanged)
    bound = {
        **narrow_rule(rule, uses, dtype),
        "SIZE": 1,
        "RULE_SLOTS": len(uses),
        "COLUMNS": (0,) * (3 + sum(slots)),
        "HAS_RESULTS": kind.combine is not None,
        "real": dtype.type,
        "cast": own.cast,
        "cuda": simulator_sweeps.Simulated() if simulated else module,
        "row": own.row,
        "put": own.put,
        "fetch": fetch,
        "bring_back": bring_back,
        "element": kind.element,
        "combine": kind.combine or plus,
    }
    return link(over_rows, bound, wrap)

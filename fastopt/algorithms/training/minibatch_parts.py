"""Mini-batches in parts, which one thread computes or several.

The parts, and the order in which their gradients are added, depend on the mini-batch alone. So the
bits do not depend on the threads. Threads take the parts one after another: none of them waits for
a thread that has not come yet.
"""

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.minibatch import LEAD, TURN
from fastopt.algorithms.placeholders import (
    ADDS,
    MOVES_X,
    add,
    call_function,
    exchange,
    give_way,
    load_value,
    mean_and_gradient,
    read,
    real,
)
from fastopt.algorithms.solve_loop import copy

# Indices in `team`. Threads count the parts that they have taken, and those that are done. THERE is
# the number of parts that exist. OVER is not zero at the end of the slice. BEFORE is the number of
# parts before the mini-batch, FIRST and LAST are its rows. Counters have cache lines of their own.
TAKEN, THERE, DONE, OVER, BEFORE, FIRST, LAST = 0, 16, 32, 48, 64, 65, 66
WORDS = 80  # number of integers in `team`


@separate
def work(place):
    """Compute parts until the slice is over; compiled for each objective, and run by each thread.

    One thread also takes the step, once all parts of a mini-batch are done. The pointer to the
    thread's data is at `place`. `at` is x, or the thread's copy of it.
    """
    leads, shared, x, at, x_shaped, own, part, data = load_value(load_value(place))
    team, calls, _, rows, gradients, losses = shared
    while read(team, OVER) == 0:
        k = read(team, TAKEN)
        if k < read(team, THERE):
            if exchange(team, TAKEN, k, k + 1):
                if MOVES_X:
                    copy(x, at)
                k -= read(team, BEFORE)
                first = read(team, FIRST) + k * rows
                last = min(first + rows, read(team, LAST))
                g = gradients[k]
                given = ((g.reshape(x_shaped.shape),), *data[1:]) if ADDS else data
                losses[k] = mean_and_gradient(at, x_shaped, g, own, part, first, last, given)
                add(team, DONE, 1)
        elif leads and read(team, DONE) == k:
            if call_function(calls, LEAD, (k,)) == 0.0:
                exchange(team, OVER, 0, 1)
        else:
            give_way()


@separate
def lead(done, pointer):
    """Take the step of the mini-batch whose parts are done, if any, and begin the next one.

    `done` is the number of all parts so far. Return 0 at the end of the slice, otherwise 1.
    """
    team, calls, g, rows, gradients, losses = load_value(pointer)
    first, last, f = team[FIRST], team[LAST], 0.0
    for k in range(done - team[BEFORE]):
        share = min(rows, last - first - k * rows) / (last - first)
        f += share * losses[k]
        add_part(g, gradients, k, share)
    end = int(call_function(calls, TURN, (f, first, last)))
    if end <= last:
        return 0.0
    team[FIRST], team[LAST], team[BEFORE] = last, end, done
    add(team, THERE, -(-(end - last) // rows))
    return 1.0


@separate
def add_part(g, gradients, k, share):
    """Add the gradient of part k, times its share of the rows; the first one replaces g."""
    share = real(share)
    if k == 0:
        for i in range(g.size):
            g[i] = share * gradients[k, i]
    else:
        for i in range(g.size):
            g[i] += share * gradients[k, i]

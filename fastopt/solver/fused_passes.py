"""The direction and the accepted move of many parameters, in few passes over the pairs.

The two-loop recursion reads each move and each change of the gradient several times, and writes the
direction once for each of them. But it needs the numbers s'g, s'y and y'Wq only, where q is g after
its backward loop. So three passes suffice, in which each s is read twice and each y once:

1. A trial is accepted. Beside it, s'g and the s'y of the new y are summed.
2. The factors of the backward loop follow from these numbers. q is g minus the changes times their
   factors. In the same pass, y'Wq is summed.
3. The factors of the forward loop follow. The direction is Wq plus the moves times their factors.

Each pass goes through blocks that stay in the processor's cache. A sum is that of the blocks' sums,
in the order of the blocks. So its bits do not depend on which thread has summed a block.
"""

from typing import Any, NamedTuple

from fastopt.solver.compile_hints import separate, separate_reordered
from fastopt.solver.placeholders import magnitude, of_magnitude, real

LEAST_SIZE = 512  # number of parameters from which these passes are quicker than the recursion
BLOCK = 1024  # elements of a block
SUMS = 7  # numbers of a block besides those of each pair: see `accept_block`


class PairNumbers(NamedTuple):
    """The numbers of the recursion, in place of `along` (see `problem_arrays.Workspace`)."""

    along: Any  # two numbers for each pair: its factor, and 1 / s'y
    products: Any  # s'y of the move of a pair and the change of each later pair
    slopes: Any  # s'g
    blocks: Any  # a row of sums for each block


def shapes(pairs, size):
    """Return the shapes of the arrays of `PairNumbers`."""
    blocks = -(-size // BLOCK)
    return (2 * pairs,), (pairs, pairs), (pairs,), (blocks, SUMS + 2 * pairs)


@separate_reordered
def dot(a, b):
    """Return a'b, summed in the quickest order."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@separate_reordered
def five_dots(r, a, out):
    """Write the dot products of five rows with a."""
    r0, r1, r2, r3, r4 = r
    t0, t1, t2, t3, t4 = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(a.size):
        v = a[i]
        t0 += r0[i] * v
        t1 += r1[i] * v
        t2 += r2[i] * v
        t3 += r3[i] * v
        t4 += r4[i] * v
    out[0], out[1], out[2], out[3], out[4] = t0, t1, t2, t3, t4


@separate
def five_rows(pairs, k, i, j):
    """Return a part of five rows of moves, or of changes, from row k on."""
    return (
        pairs[k, i:j],
        pairs[k + 2, i:j],
        pairs[k + 4, i:j],
        pairs[k + 6, i:j],
        pairs[k + 8, i:j],
    )


@separate
def all_dots(pairs, first, count, i, j, a, out):
    """Write the dot products of a with part of all moves (first = 0) or all changes (first = 1).

    Five at a time are read, since a processor reads several streams faster than one.
    """
    k = 0
    while k + 5 <= count:
        five_dots(five_rows(pairs, 2 * k + first, i, j), a, out[k : k + 5])
        k += 5
    while k < count:
        out[k] = dot(pairs[2 * k + first, i:j], a)
        k += 1


@separate
def subtract(p, a, v):
    """Subtract a v from p."""
    a = real(a)
    for i in range(p.size):
        p[i] -= a * v[i]


@separate
def subtract_five(p, a, r):
    """Subtract five rows times their factors from p."""
    r0, r1, r2, r3, r4 = r
    a0, a1, a2, a3, a4 = real(a[0]), real(a[2]), real(a[4]), real(a[6]), real(a[8])
    for i in range(p.size):
        p[i] = p[i] - a0 * r0[i] - a1 * r1[i] - a2 * r2[i] - a3 * r3[i] - a4 * r4[i]


@separate
def subtract_all(p, along, pairs, first, count, i, j):
    """Subtract part of all moves (first = 0) or changes (first = 1) times their factors from p."""
    k = 0
    while k + 5 <= count:
        rows = five_rows(pairs, 2 * k + first, i, j)
        subtract_five(p, along[2 * k : 2 * k + 10], rows)
        k += 5
    while k < count:
        subtract(p, along[2 * k], pairs[2 * k + first, i:j])
        k += 1


@separate
def sum_of_blocks(blocks, column):
    total = 0.0
    for b in range(blocks.shape[0]):
        total += blocks[b, column]
    return total


@separate
def largest_of_blocks(blocks, column):
    top = 0.0
    for b in range(blocks.shape[0]):
        top = max(top, blocks[b, column])
    return top


@separate_reordered
def accept_block(x, g, new, new_g, w, scale, s, y, sums):
    """Move to the new point, and write the sums of `direction.accept_trial`."""
    ss, sy, yy, plain_ss, plain_yy = 0.0, 0.0, 0.0, 0.0, 0.0
    moved = shift = magnitude(real(0.0))
    for i in range(x.size):
        move, change, size = new[i] - x[i], new_g[i] - g[i], abs(new[i])
        s[i], y[i] = move, change
        used = w[i] > 0.0 and move != 0.0
        ss += 1.0 * move * (move / w[i]) if used else 0.0
        yy += 1.0 * change * (change * w[i]) if used else 0.0
        plain_ss += 1.0 * move * move if used else 0.0
        plain_yy += 1.0 * change * change if used else 0.0
        sy += 1.0 * move * change
        moved = max(moved, magnitude(move))
        shift = max(shift, magnitude(move / scale[i] if move != 0.0 else move))
        scale[i] = size if size > scale[i] else scale[i]
        x[i] = new[i]
        g[i] = new_g[i]
    sums[0], sums[1], sums[2], sums[3], sums[4] = ss, sy, yy, plain_ss, plain_yy
    sums[5], sums[6] = of_magnitude(moved), of_magnitude(shift)


@separate
def accept_blocks(x, g, new, new_g, w, scale, pairs, blocks, kept, begin, end):
    """Move the blocks from `begin` to `end`; sum s'g and s'y of every pair beside it."""
    m = pairs.shape[0] // 2
    latest = int(kept) % m
    for b in range(begin, end):
        i, j, sums = b * BLOCK, min(b * BLOCK + BLOCK, x.size), blocks[b]
        slope, y = g[i:j], pairs[2 * latest + 1, i:j]
        moved = x[i:j], slope, new[i:j], new_g[i:j], w[i:j], scale[i:j]
        accept_block(*moved, pairs[2 * latest, i:j], y, sums)
        count = min(int(kept) + 1, m)
        all_dots(pairs, 0, count, i, j, slope, sums[SUMS : SUMS + m])
        all_dots(pairs, 0, count, i, j, y, sums[SUMS + m :])


@separate
def backward_blocks(g, p, w, common, pairs, numbers, kept, begin, end):
    """Write p = Wq for these blocks; sum y'Wy of the last pair, and y'p of every pair."""
    m = pairs.shape[0] // 2
    count, latest = min(int(kept), m), (int(kept) - 1) % m
    for b in range(begin, end):
        i, j, sums = b * BLOCK, min(b * BLOCK + BLOCK, g.size), numbers.blocks[b]
        slope, q, weight, y, yy = g[i:j], p[i:j], w[i:j], pairs[2 * latest + 1, i:j], 0.0
        for k in range(q.size):
            q[k] = slope[k]
        subtract_all(q, numbers.along, pairs, 1, count, i, j)
        for k in range(q.size):
            v = common if common > 0.0 and weight[k] > 0.0 else weight[k]
            q[k] *= v
            yy += y[k] * (y[k] * v)
        sums[0] = yy
        all_dots(pairs, 1, count, i, j, q, sums[SUMS : SUMS + m])


@separate
def forward_blocks(g, p, size, pairs, numbers, kept, begin, end):
    """Write the direction for these blocks, and sum the slope along it."""
    size = real(-size)
    for b in range(begin, end):
        i, j = b * BLOCK, min(b * BLOCK + BLOCK, g.size)
        q = p[i:j]
        for k in range(q.size):
            q[k] *= size
        subtract_all(q, numbers.along, pairs, 0, min(int(kept), pairs.shape[0] // 2), i, j)
        numbers.blocks[b, 0] = dot(g[i:j], q)


@separate
def backward_factors(numbers, kept):
    """Write the factors of the backward loop, from the latest pair to the first."""
    along, products, slopes, _ = numbers
    m = slopes.size
    count = min(int(kept), m)
    for newer in range(1, count + 1):
        k = (int(kept) - newer) % m
        along[2 * k] = slopes[k] * along[2 * k + 1]
        for older in range(newer + 1, count + 1):
            j = (int(kept) - older) % m
            slopes[j] -= along[2 * k] * products[j, k]


@separate
def forward_factors(numbers, kept, size):
    """Replace the factors by those of the moves in the direction, from the first to the latest."""
    along, products, slopes, blocks = numbers
    m = slopes.size
    count = min(int(kept), m)
    for k in range(count):
        slopes[k] = size * sum_of_blocks(blocks, SUMS + k)
    for older in range(count, 0, -1):
        j = (int(kept) - older) % m
        along[2 * j] -= slopes[j] * along[2 * j + 1]
        for newer in range(older - 1, 0, -1):
            k = (int(kept) - newer) % m
            slopes[k] += along[2 * j] * products[j, k]


def inverse(sy):
    """Return 1 / s'y; a pair along which f is not convex counts for nothing."""
    return 1.0 / sy if sy > 0.0 else 0.0


def explained(sy, ss, yy):
    """Return how well a metric explains a pair: the squared cosine of s and y in it, or 0.

    It is 1 if the Hessian acts on this move as the metric does, up to a factor. `ss` is s's in the
    metric, `yy` is y'y in its inverse.
    """
    cosine = sy / ss * (sy / yy) if sy > 0.0 and ss > 0.0 and yy > 0.0 else 0.0
    return cosine if cosine < 2.0 else 0.0  # not a number: overflow


@separate
def accept_sums(x, g, new, new_g, w, scale, pairs, numbers, kept):
    """Accept a trial; keep what the next direction needs, and return the sums of the move."""
    along, products, slopes, blocks = numbers
    m = slopes.size
    latest = int(kept) % m
    accept_blocks(x, g, new, new_g, w, scale, pairs, blocks, kept, 0, blocks.shape[0])
    for k in range(min(int(kept) + 1, m)):
        slopes[k] = sum_of_blocks(blocks, SUMS + k)
        products[k, latest] = sum_of_blocks(blocks, SUMS + m + k)
    ss, sy = sum_of_blocks(blocks, 0), sum_of_blocks(blocks, 1)
    yy, plain_ss, plain_yy = (
        sum_of_blocks(blocks, 2),
        sum_of_blocks(blocks, 3),
        sum_of_blocks(blocks, 4),
    )
    along[2 * latest + 1] = inverse(sy)
    moved, shift = largest_of_blocks(blocks, 5), largest_of_blocks(blocks, 6)
    return ss, sy, yy, plain_ss, plain_yy, moved, shift


@separate
def fused_direction(g, p, w, common, pairs, numbers, kept):
    """Write the direction -Hg; return the slope of f along it, or zero if there is no useful pair.

    It is that of `direction.two_loop_recursion`, for problems without bounds.
    """
    blocks = numbers.blocks
    latest = (int(kept) - 1) % numbers.slopes.size
    backward_factors(numbers, kept)
    backward_blocks(g, p, w, common, pairs, numbers, kept, 0, blocks.shape[0])
    yy, inverse = sum_of_blocks(blocks, 0), numbers.along[2 * latest + 1]
    if not (yy > 0.0 and inverse > 0.0):
        return 0.0
    size = 1.0 / (inverse * yy)
    forward_factors(numbers, kept, size)
    forward_blocks(g, p, size, pairs, numbers, kept, 0, blocks.shape[0])
    return sum_of_blocks(blocks, 0)

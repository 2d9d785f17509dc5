"""The direction and the accepted move of many parameters, in few passes over the pairs.

The two-loop recursion reads each move and each change of the gradient several times, and writes the
direction once for each of them. But it needs the numbers s'g, s'y and y'Wq only, where q is g after
its backward loop. So three passes suffice, in which each s is read twice and each y once:

1. A trial is accepted. The same pass sums s'g, and s'y of the new y.
2. The factors of the backward loop follow from these numbers. q is g minus the changes times their
   factors. In the same pass, y'Wq is summed.
3. The factors of the forward loop follow. The direction is Wq plus the moves times their factors.

Each pass goes through blocks that stay in the processor's cache. The moves of all pairs are
stored before all changes. Five rows are read at a time, since a processor reads several rows faster
than one.
"""

from typing import Any, NamedTuple

from fastopt.algorithms.compile_hints import separate_called, separate_reordered
from fastopt.algorithms.placeholders import magnitude, of_magnitude, real

# Number of parameters from which these passes are used. They are quicker from 32 on (512: 5.9 us
# an evaluation against 15), but their first compilation takes 4 s more.
LEAST_SIZE = 500
BLOCK = 1024  # elements of a block
SUMS = 7  # numbers of a block besides those of each pair: see `accept_block`


class PairNumbers(NamedTuple):
    """The numbers of the recursion, in place of `along` (see `problem_arrays.Workspace`)."""

    factors: Any  # of each pair
    inverses: Any  # 1 / s'y of each pair, or zero
    products: Any  # s'y of the move of a pair and the change of each later pair
    slopes: Any  # s'g
    blocks: Any  # a row of sums for each block, and one for all


def shapes(pairs, size):
    """Return the shapes of the arrays of `PairNumbers`."""
    blocks = -(-size // BLOCK)
    return (pairs,), (pairs,), (pairs, pairs), (pairs,), (blocks + 1, SUMS + 2 * pairs)


@separate_reordered
def dots(rows, count, i, j, a, out):
    """Write the dot products of a with the columns i to j of rows."""
    for k in range(0, count, 5):
        last = count - 1  # the last row may be read several times
        r0, r1, r2 = rows[k, i:j], rows[min(k + 1, last), i:j], rows[min(k + 2, last), i:j]
        r3, r4 = rows[min(k + 3, last), i:j], rows[min(k + 4, last), i:j]
        t0, t1, t2, t3, t4 = 0.0, 0.0, 0.0, 0.0, 0.0
        for e in range(a.size):
            v = a[e]
            t0 += r0[e] * v
            t1 += r1[e] * v
            t2 += r2[e] * v
            t3 += r3[e] * v
            t4 += r4[e] * v
        found = t0, t1, t2, t3, t4
        for r in range(min(5, count - k)):
            out[k + r] = found[r]


@separate_called
def subtract(p, factors, rows, count, i, j):
    """Subtract the columns i to j of rows from p, times their factors."""
    for k in range(0, count, 5):
        last = count - 1  # the last row may be read several times, with factors of zero
        r0, r1, r2 = rows[k, i:j], rows[min(k + 1, last), i:j], rows[min(k + 2, last), i:j]
        r3, r4 = rows[min(k + 3, last), i:j], rows[min(k + 4, last), i:j]
        a0, a1 = real(factors[k]), real(factors[k + 1] if k + 1 < count else 0.0)
        a2 = real(factors[k + 2] if k + 2 < count else 0.0)
        a3 = real(factors[k + 3] if k + 3 < count else 0.0)
        a4 = real(factors[k + 4] if k + 4 < count else 0.0)
        for e in range(p.size):
            p[e] = p[e] - a0 * r0[e] - a1 * r1[e] - a2 * r2[e] - a3 * r3[e] - a4 * r4[e]


@separate_called
def add_blocks(blocks):
    """Write the sums over the blocks, and of columns 5 and 6 the largest numbers, to the last row.

    The sums are in the order of the blocks.
    """
    last = blocks.shape[0] - 1
    for column in range(blocks.shape[1]):
        total = 0.0
        for b in range(last):
            v = blocks[b, column]
            total = max(total, v) if 5 <= column < SUMS else total + v
        blocks[last, column] = total


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


@separate_called
def accept_blocks(x, g, new, new_g, w, scale, pairs, blocks, kept):
    """Move all blocks, and sum s'g and s'y of every pair."""
    m = pairs.shape[0] // 2
    moves, changes, latest, count = pairs[:m], pairs[m:], int(kept) % m, min(int(kept) + 1, m)
    for b in range(blocks.shape[0] - 1):
        i, j, sums = b * BLOCK, min(b * BLOCK + BLOCK, x.size), blocks[b]
        slope, s, y = g[i:j], moves[latest, i:j], changes[latest, i:j]
        accept_block(x[i:j], slope, new[i:j], new_g[i:j], w[i:j], scale[i:j], s, y, sums)
        dots(moves, count, i, j, slope, sums[SUMS:])
        dots(moves, count, i, j, y, sums[SUMS + m :])
    add_blocks(blocks)


@separate_called
def backward_blocks(g, p, w, common, pairs, numbers, kept):
    """Write p = Wq; sum y'Wy of the last pair, and y'p of every pair."""
    factors, blocks, m = numbers.factors, numbers.blocks, pairs.shape[0] // 2
    changes, latest, count = pairs[m:], (int(kept) - 1) % m, min(int(kept), m)
    for b in range(blocks.shape[0] - 1):
        i, j, sums, yy = b * BLOCK, min(b * BLOCK + BLOCK, g.size), blocks[b], 0.0
        slope, q, weight, y = g[i:j], p[i:j], w[i:j], changes[latest, i:j]
        for e in range(q.size):
            q[e] = slope[e]
        subtract(q, factors, changes, count, i, j)
        for e in range(q.size):
            v = common if common > 0.0 and weight[e] > 0.0 else weight[e]
            q[e] *= v
            yy += y[e] * (y[e] * v)
        sums[0] = yy
        dots(changes, count, i, j, q, sums[SUMS:])
    add_blocks(blocks)


@separate_reordered
def forward_blocks(g, p, size, pairs, numbers, kept):
    """Write the direction, and sum the slope along it."""
    factors, blocks, m = numbers.factors, numbers.blocks, pairs.shape[0] // 2
    moves, size = pairs[:m], real(-size)
    for b in range(blocks.shape[0] - 1):
        i, j, slope = b * BLOCK, min(b * BLOCK + BLOCK, g.size), 0.0
        q, a = p[i:j], g[i:j]
        for e in range(q.size):
            q[e] *= size
        subtract(q, factors, moves, min(int(kept), m), i, j)
        for e in range(q.size):
            slope += a[e] * q[e]
        blocks[b, 0] = slope
    add_blocks(blocks)


@separate_called
def backward_factors(numbers, kept):
    """Write the factors of the backward loop, from the latest pair to the first."""
    factors, inverses, products, slopes, _ = numbers
    m = slopes.size
    count = min(int(kept), m)
    for newer in range(1, count + 1):
        k = (int(kept) - newer) % m
        factors[k] = slopes[k] * inverses[k]
        for older in range(newer + 1, count + 1):
            j = (int(kept) - older) % m
            slopes[j] -= factors[k] * products[j, k]


@separate_called
def forward_factors(numbers, kept, size):
    """Replace the factors by those of the moves in the direction, from the first to the latest."""
    factors, inverses, products, slopes, blocks = numbers
    m = slopes.size
    count = min(int(kept), m)
    for k in range(count):
        slopes[k] = size * blocks[-1, SUMS + k]
    for older in range(count, 0, -1):
        j = (int(kept) - older) % m
        factors[j] -= slopes[j] * inverses[j]
        for newer in range(older - 1, 0, -1):
            k = (int(kept) - newer) % m
            slopes[k] += factors[j] * products[j, k]


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


@separate_called
def accept_sums(x, g, new, new_g, w, scale, pairs, numbers, kept):
    """Accept a trial; keep what the next direction needs, and return the sums of the move."""
    accept_blocks(x, g, new, new_g, w, scale, pairs, numbers.blocks, kept)
    m = numbers.slopes.size
    latest, sums = int(kept) % m, numbers.blocks[-1]
    for k in range(min(int(kept) + 1, m)):
        numbers.slopes[k] = sums[SUMS + k]
        numbers.products[k, latest] = sums[SUMS + m + k]
    numbers.inverses[latest] = inverse(sums[1])
    return sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6]


@separate_called
def fused_direction(g, p, w, common, pairs, numbers, kept):
    """Write the direction -Hg; return the slope of f along it, or zero if there is no useful pair.

    It is that of `direction.two_loop_recursion`, for problems without bounds.
    """
    backward_factors(numbers, kept)
    backward_blocks(g, p, w, common, pairs, numbers, kept)
    yy, last = numbers.blocks[-1, 0], numbers.inverses[(int(kept) - 1) % numbers.slopes.size]
    if not (yy > 0.0 and last > 0.0):
        return 0.0
    size = 1.0 / (last * yy)
    forward_factors(numbers, kept, size)
    forward_blocks(g, p, size, pairs, numbers, kept)
    return numbers.blocks[-1, 0]

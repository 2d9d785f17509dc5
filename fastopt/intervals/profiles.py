"""Profiles of the misfit: one parameter fixed, the others fitted, each round one batch.

tau is the root of the misfit's increase over that of the fit (Bates and Watts, 1988). For a linear
model it is a straight line through the fit.
"""

import bisect
import itertools
import math

import numpy as np

from fastopt.results.intervals import APPROXIMATE, AT_BOUND, CUT, FOUND, OPEN, TURNS

ROUNDS = 100
# Relative difference of tau from its threshold at which the search ends.
CLOSE = 1e-7
# Relative width of a bracket around a jump.
NARROW = 1e-10
# First steps after which a profile that stays low is open.
FLAT = 1e9
# A profile is open, too, if at its slope the threshold is more than this times as far away.
NEAR = 1e3
# Parts of the first step at which there are fits; they show if tau turns.
GRID = 0.25, 0.5, 0.75
# Decrease of tau that counts as one, over the threshold.
NOISE = 1e-3


class Side:
    """One side of the profile of parameter k: points in order of their distance from the fit."""

    def __init__(self, k, sign, x, low, high, slopes, size):
        self.k, self.sign, self.slopes = k, sign, slopes
        self.size = size  # the distance at which tau is about 1
        self.limit = max((high[k] - x[k]) if sign > 0 else (x[k] - low[k]), 0.0)
        self.bound = high[k] if sign > 0 else low[k]
        self.distances, self.tau, self.x, self.sound = [0.0], [0.0], [x], [True]
        self.tries, self.again = {}, set()

    def value(self, distance):
        """Return the parameter at a distance."""
        if distance >= self.limit:
            return self.bound
        return self.x[0][self.k] + self.sign * distance

    def insert(self, distance, tau, x, sound):
        """Add a point, or put it in the place of one at the same distance that fits worse."""
        i = bisect.bisect_left(self.distances, distance)
        again = i < len(self.distances) and self.distances[i] == distance
        if again and tau >= self.tau[i]:
            return
        for values, new in zip(
            (self.distances, self.tau, self.x, self.sound), (distance, tau, x, sound), strict=True
        ):
            values[i : i + again] = [new]

    def starts(self, distance):
        """Return two starts of the fit at a distance: on a line through its neighbours, and within.

        The second one has the other parameters of the next point towards the fit.
        """
        i = bisect.bisect_left(self.distances, distance)
        known = [j for j, tau in enumerate(self.tau) if math.isfinite(tau)]
        within = self.x[max(j for j in known if j < i)]
        if len(known) == 1:
            line = self.x[0] + self.sign * distance * self.slopes
        else:
            a, b = sorted(sorted(known, key=lambda j: abs(j - i + 0.5))[:2])
            part = (distance - self.distances[a]) / (self.distances[b] - self.distances[a])
            line = self.x[a] + part * (self.x[b] - self.x[a])
        return self.fixed(line, distance), self.fixed(within, distance)

    def fixed(self, x, distance):
        """Return parameters with the own one at its value."""
        x = x.copy()
        x[self.k] = self.value(distance)
        return x

    def grid(self, q):
        """Return distances within the first one for threshold q; they show if tau turns."""
        return {part * min(q * self.size, self.limit) for part in GRID if self.limit > 0.0}

    def next(self, q):
        """Return the distance of the next fit for threshold q, or None and the (end, status)."""
        i = next((i for i, tau in enumerate(self.tau) if tau >= q), None)
        if i is None:
            return self._outwards(q)
        a, b, below, above = *self.distances[i - 1 : i + 1], *self.tau[i - 1 : i + 1]
        if min(q - below, above - q) <= CLOSE * q:
            part = (q - below) / (above - below) if math.isfinite(above) else 0.0
            return None, (self._between(a, b, part), self._verdict(i, q))
        middle = math.sqrt(a) * math.sqrt(b) if b > 100.0 * a > 0.0 else 0.5 * (a + b)
        middle = middle if a > 0.0 or math.isfinite(above) else 1e-3 * b
        if b - a <= NARROW * b or not a < middle < b:
            if b not in self.again:  # the fit beyond a jump may be another minimum
                self.again.add(b)
                return b, None
            return None, (self._between(a, b, 0.0), TURNS if math.isfinite(above) else CUT)
        self.tries[q] = tries = self.tries.get(q, 0) + 1
        if not math.isfinite(above) or tries % 3 == 0:
            return middle, None
        found = self._interpolated(i, q)
        return (found if a < found < b else middle), None

    def _between(self, a, b, part):
        """Return the parameter between two distances."""
        return self.x[0][self.k] + self.sign * (a + part * (b - a))

    def _outwards(self, q):
        """Return a distance further out, or the end at a bound or at infinity."""
        last, tau = self.distances[-1], self.tau[-1]
        if last >= self.limit:
            sound = all(self.sound)
            return None, (self.bound, AT_BOUND if sound else APPROXIMATE)
        first = q * self.size
        if len(self.tau) == 1:
            return min(first, self.limit), None
        slope = (tau - self.tau[-2]) / (last - self.distances[-2])
        level = last >= 2.0 * first and NOISE * q < tau < q - NEAR * last * slope
        if level or last >= FLAT * first or not math.isfinite(8.0 * last):
            return None, (self.sign * math.inf, OPEN if all(self.sound) else APPROXIMATE)
        wanted = last + 1.2 * (q - tau) / slope if slope > 0.0 else math.inf
        return min(max(wanted, 1.1 * last), max(8.0 * last, first), self.limit), None

    def _interpolated(self, i, q):
        """Return the distance at which tau is q, by inverse interpolation of up to four points."""
        picked = [i - 1, i]
        if i >= 2 and self.tau[i - 2] < self.tau[i - 1]:
            picked.insert(0, i - 2)
        if i + 1 < len(self.tau) and self.tau[i] < self.tau[i + 1] < math.inf:
            picked.append(i + 1)
        found = 0.0
        for j in picked:
            term = self.distances[j]
            for other in picked:
                if other != j:
                    term *= (q - self.tau[other]) / (self.tau[j] - self.tau[other])
            found += term
        return found

    def _verdict(self, i, q):
        """Return the status of a crossing before point i."""
        taus, before = self.tau[i + 1 :], self.tau[: i + 1]
        turns = any(b < a - NOISE * q for a, b in itertools.pairwise(before))
        if turns or any(tau < q - NOISE * q for tau in taus):
            return TURNS
        return FOUND if all(self.sound[i - 1 : i + 1]) else APPROXIMATE


def trace(refits, fit, ks, thresholds, stderr, cov, scale):
    """Return (sides, ends, better): `ends[side][q]` are (end, status).

    `scale` is the misfit's unit. `better` is a point with a lower misfit, if one was found; then
    the rest is void.
    """
    x, cost = fit.x[0], fit.cost[0]
    sides = []
    for k in ks:
        sound = math.isfinite(stderr[k]) and stderr[k] > 0.0
        size = stderr[k] if sound else 0.01 * (abs(x[k]) or 1.0)
        with np.errstate(all="ignore"):
            slopes = cov[:, k] / cov[k, k]
        slopes = np.where(np.isfinite(slopes), slopes, 0.0)
        sides += [Side(k, s, x, refits.low, refits.high, slopes, size) for s in (-1, 1)]
    ends = [{} for _ in sides]
    for step in range(ROUNDS):
        jobs = []
        for s, side in enumerate(sides):
            wanted = side.grid(thresholds[-1]) if step == 0 else set()
            for q in thresholds:
                if q not in ends[s]:
                    distance, end = side.next(q)
                    if end is None:
                        wanted.add(distance)
                    else:
                        ends[s][q] = end
            jobs += [(side, distance) for distance in sorted(wanted)]
        if not jobs:
            return sides, ends, None
        found = evaluated(refits, jobs)
        for (side, distance), (own_x, own_cost, sound) in zip(jobs, found, strict=True):
            increase = 2.0 * (own_cost - cost) / scale
            if increase < -1e-4:
                return sides, ends, own_x
            tau = math.sqrt(max(increase, 0.0)) if math.isfinite(own_cost) else math.inf
            side.insert(distance, tau, own_x, sound)
    for s, side in enumerate(sides):
        for q in thresholds:
            ends[s].setdefault(q, (side.value(side.distances[-1]), APPROXIMATE))
    return sides, ends, None


def evaluated(refits, jobs):
    """Return (x, cost, success) of the fits at distances on sides, each the better of two."""
    starts = np.array([start for side, distance in jobs for start in side.starts(distance)])
    starts = np.clip(starts, refits.low, refits.high)
    sides = refits.low, refits.high
    low, high = (np.array(np.broadcast_to(s, starts.shape), order="C") for s in sides)
    for b, (side, _) in enumerate(jobs):
        both = slice(2 * b, 2 * b + 2)
        low[both, side.k] = high[both, side.k] = starts[both, side.k]
    res = refits.again(starts, low, high)
    costs = np.where(np.isfinite(res.cost), res.cost, math.inf)
    found = []
    for b in range(0, len(starts), 2):
        first, second = costs[b : b + 2]
        better = b + (second < first * (1.0 - 1e-9) or (second < math.inf and not res.success[b]))
        found.append((res.x[better], float(costs[better]), bool(res.success[better])))
    return found

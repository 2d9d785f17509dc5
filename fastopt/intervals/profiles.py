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
CLOSE = 1e-7  # relative difference of tau from its threshold at which the search ends
NARROW = 1e-10  # relative width of a bracket around a jump
FLAT = 1e6  # first steps after which a profile that stays low is open
NOISE = 1e-3  # decrease of tau that counts as one, over the threshold


class Side:
    """One side of the profile of parameter k: points in order of their distance from the fit."""

    def __init__(self, k, sign, x, low, high, slopes, size):
        self.k, self.sign, self.slopes = k, sign, slopes
        self.size = size  # the distance at which tau is about 1
        self.limit = max((high[k] - x[k]) if sign > 0 else (x[k] - low[k]), 0.0)
        self.bound = high[k] if sign > 0 else low[k]
        self.distances, self.tau, self.x, self.sound = [0.0], [0.0], [x], [True]
        self.tries = {}

    def value(self, distance):
        """Return the parameter at a distance."""
        if distance >= self.limit:
            return self.bound
        return self.x[0][self.k] + self.sign * distance

    def insert(self, distance, tau, x, sound):
        """Add a point."""
        i = bisect.bisect(self.distances, distance)
        for values, new in zip(
            (self.distances, self.tau, self.x, self.sound), (distance, tau, x, sound), strict=True
        ):
            values.insert(i, new)

    def start(self, distance):
        """Return where the fit at a distance starts: on a line through its neighbours."""
        i = bisect.bisect(self.distances, distance)
        if len(self.x) == 1:
            x = self.x[0] + self.sign * distance * self.slopes
        else:
            known = sorted(self._known(), key=lambda j: abs(j - i + 0.5))
            a, b = sorted(known[:2]) if len(known) > 1 else (0, 0)
            width = self.distances[b] - self.distances[a]
            part = (distance - self.distances[a]) / width if width > 0.0 else 0.0
            x = self.x[a] + part * (self.x[b] - self.x[a])
        return self.fixed(x, distance)

    def nearest(self, distance):
        """Return the parameters of the nearest point, with the own one at its value."""
        j = min(self._known(), key=lambda j: abs(self.distances[j] - distance))
        return self.fixed(self.x[j], distance)

    def _known(self):
        return [j for j, tau in enumerate(self.tau) if math.isfinite(tau)]

    def fixed(self, x, distance):
        """Return parameters with the own one at its value."""
        x = x.copy()
        x[self.k] = self.value(distance)
        return x

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
            end = self._between(a, b, 0.0)
            return None, (end, TURNS if math.isfinite(above) else CUT)
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
        if last >= FLAT * first or not math.isfinite(4.0 * last):
            return None, (self.sign * math.inf, OPEN if all(self.sound) else APPROXIMATE)
        slope = (tau - self.tau[-2]) / (last - self.distances[-2])
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
    for _ in range(ROUNDS):
        jobs = []
        for s, side in enumerate(sides):
            wanted = set()
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
    """Return (x, cost, success) of the fits at distances on sides; failed ones are tried again."""
    starts = [side.start(distance) for side, distance in jobs]
    found = _fixed_fits(refits, jobs, starts)
    failed = [j for j, (_, cost, success) in enumerate(found) if not (success and cost < math.inf)]
    if failed:
        again = [jobs[j] for j in failed]
        others = _fixed_fits(refits, again, [side.nearest(d) for side, d in again])
        for j, other in zip(failed, others, strict=True):
            if other[2] or not found[j][1] <= other[1]:
                found[j] = other
    return found


def _fixed_fits(refits, jobs, starts):
    """Return the fits of a batch, each with one parameter fixed by equal bounds."""
    starts = np.clip(np.array(starts), refits.low, refits.high)
    low, high = (np.array(np.broadcast_to(s, starts.shape)) for s in (refits.low, refits.high))
    for b, (side, _) in enumerate(jobs):
        low[b, side.k] = high[b, side.k] = starts[b, side.k]
    res = refits.again(starts, low, high)
    costs = np.where(np.isfinite(res.cost), res.cost, math.inf)
    return list(zip(res.x, costs.tolist(), res.success.tolist(), strict=True))

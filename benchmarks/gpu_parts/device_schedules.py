"""Simulate three ways to assign problems to the threads of a GPU, by counting rounds.

No GPU is needed::

    python -m benchmarks.gpu_parts.device_schedules

A round is one evaluation by every thread of a warp. A warp with one unfinished problem takes as
long as with 32. The result is the number of rounds of the resident warps over the least possible,
evaluations / threads. Two costs are left out. In compaction a problem's state goes through memory
(0.65 kB for three parameters), and counters are shared.

- static: a thread for each problem, warp by warp; a warp ends with its longest problem;
- compacted: launches of a fixed number of rounds; after each, unfinished problems are compacted;
- taking: a thread that is done claims the next problem from a counter (`fastopt.targets`).
"""

import heapq

import numpy as np

WARP, WARPS = 32, 132 * 16  # an H100 with 512 threads on a multiprocessor
EVERY = (16, 64, 256)  # rounds between two compactions


def mixes(problems, rng):
    """Return, by name, the evaluations of each problem of a mix."""
    even = rng.integers(12, 26, problems)  # decay fits: 12 to 25
    heavy, sorted_tail = even.copy(), np.sort(even)
    heavy[rng.choice(problems, problems // 100, replace=False)] *= 100
    sorted_tail[-problems // 100 :] *= 100
    pareto = np.minimum(12 * (1 + rng.pareto(1.2, problems)), 50_000).astype(int)
    return {
        "even": even,
        "1 % a hundredfold": heavy,
        "the same, last": sorted_tail,
        "Pareto, 1.2": pareto,
    }


def in_turn(costs, places):
    """Return the rounds until jobs of these costs are done, each on the first free place."""
    free = [0] * places
    for cost in costs.tolist():
        heapq.heapreplace(free, free[0] + cost)
    return max(free)


def static(evaluations):
    short = -len(evaluations) % WARP
    warps = np.pad(evaluations, (0, short)).reshape(-1, WARP).max(axis=1)
    return in_turn(warps, WARPS)


def compacted(evaluations, every):
    left, rounds = evaluations, 0
    while left.size:
        waves = -(-left.size // (WARP * WARPS))
        rounds += waves * int(min(every, left.max()))
        left = left[left > every] - every
    return rounds


def taking(evaluations):
    return in_turn(evaluations, WARP * WARPS)


def main():
    rng = np.random.default_rng(1)
    print("rounds over the least there is (evaluations / threads, and the longest problem)\n")
    print("| mix, a million problems | static | " + " | ".join(f"every {k}" for k in EVERY), end="")
    print(" | taking |\n|---|" + (len(EVERY) + 2) * "---|")
    for name, evaluations in mixes(1_000_000, rng).items():
        least = max(evaluations.sum() / (WARP * WARPS), evaluations.max())
        ways = [static(evaluations), *(compacted(evaluations, k) for k in EVERY)]
        ways.append(taking(evaluations))
        print(f"| {name} | " + " | ".join(f"{rounds / least:.2f}" for rounds in ways) + " |")


if __name__ == "__main__":
    main()

"""Figures of the report that have no peer: the suite's own benchmarks, repeated."""

import statistics

from .. import batch, derivatives, memory, minimize, startup, sweeps
from ..history import shown
from . import contest

REPEATS = 3
FIGURES = (  # title, class, name of its method, parameters (None: all)
    ("sweep, a call of 1,000", sweeps.TrackCall, "track_call", [("rmsprop", "float32")]),
    ("RMSProp iteration, 2-D", minimize.TrackOverLimit, "track_over_limit", None),
    ("`minimize`, 2-D", minimize.TrackCall, "track_call", [("whole solve", "compiled")]),
    ("gradient of a decay fit", derivatives.TrackOverByHand, "track_over_by_hand", None),
    ("a problem of an example's batch", batch.TrackExamples, "track_problem", None),
    ("a fit in a batch of", batch.TrackBatches, "track_over_ten_thousand", None),
    ("a batch on threads", batch.TrackThreads, "track_work", [(2,)]),
    (
        "1 % of the problems take 1,000 times as long, placed",
        batch.TrackTail,
        "track_balance",
        None,
    ),
    ("process", startup.TrackOverNumba, "track_over_numba", None),
    ("peak memory", memory.TrackPeak, "track_peak", None),
)


def values(kind, params, name):
    """Return the values of `REPEATS` runs of a benchmark; None if it is not available."""
    benchmark = kind()
    try:
        benchmark.setup(*params)
        return [getattr(benchmark, name)(*params) for _ in range(REPEATS)]
    except NotImplementedError:
        return None
    finally:
        getattr(benchmark, "teardown", lambda *_: None)(*params)


def section():
    """Return a Markdown table."""
    rows = ["## Others, without a peer\n", "| | median | ± | |", "|---|---|---|---|"]
    for title, kind, name, wanted in FIGURES:
        unit = getattr(getattr(kind, name), "unit", None) or kind.unit
        for params in wanted or [(p,) for p in kind.params]:
            found = values(kind, params, name)
            if found is None:
                continue
            said = ", ".join(f"{p:,}" if isinstance(p, int) else str(p) for p in params)
            spread = f"{contest.spread(found):.0%}".replace("%", " %")
            value = shown(statistics.median(found))
            rows.append(f"| {title}: {said} | {value} | {spread} | {unit} |")
            print(rows[-1], flush=True)
    return ["\n".join(rows) + "\n"]

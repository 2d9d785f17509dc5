"""Figures of the report that have no peer: the suite's own benchmarks, some times each."""

import statistics

from . import batch, contest, derivatives, memory, minimize, startup, sweeps

REPEATS = 3
FIGURES = (
    ("call of a compiled sweep, 1,000 float32", sweeps.TrackCall, [("rmsprop", "float32")]),
    ("RMSProp iteration, 2-D Rosenbrock", minimize.TrackOverLimit, [("by hand",), ("derived",)]),
    ("`minimize`, 2-D Rosenbrock", minimize.TrackCall, [("whole solve", "compiled")]),
    ("derived gradient of a decay fit", derivatives.TrackOverByHand, None),
    ("a problem of an example's batch", batch.TrackExamples, None),
    ("a fit in a batch of", batch.TrackBatches, [(100,), (1_000,), (100_000,), (1_000_000,)]),
    ("a batch on threads", batch.TrackThreads, [(2,)]),
    ("1 % of the problems take 1,000 times as long, they come", batch.TrackTail, None),
    ("process", startup.TrackOverNumba, None),
    ("peak memory", memory.TrackPeak, None),
)


def values(kind, params, name):
    """What a benchmark of a class says, some times; None where it is not available."""
    benchmark = kind()
    try:
        benchmark.setup(*params)
        return [getattr(benchmark, name)(*params) for _ in range(REPEATS)]
    except NotImplementedError:
        return None
    finally:
        getattr(benchmark, "teardown", lambda *_: None)(*params)


def of(kind, wanted):
    """The combinations of parameters to show, and the last of the class's measurements."""
    name = [n for n in dir(kind) if n.startswith("track_")][-1]
    return wanted or [(p,) for p in kind.params], name


def section():
    """A Markdown table."""
    rows = ["## Others, without a peer\n", "| | median | ± | |", "|---|---|---|---|"]
    for title, kind, wanted in FIGURES:
        combinations, name = of(kind, wanted)
        unit = getattr(getattr(kind, name), "unit", None) or kind.unit
        for params in combinations:
            found = values(kind, params, name)
            if found is None:
                continue
            said = ", ".join(f"{p:,}" if isinstance(p, int) else str(p) for p in params)
            spread = f"{contest.spread(found):.0%}".replace("%", " %")
            value = f"{statistics.median(found):.3g}"
            rows.append(f"| {title}: {said} | {value} | {spread} | {unit} |")
            print(rows[-1], flush=True)
    return ["\n".join(rows) + "\n"]

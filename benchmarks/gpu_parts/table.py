"""The report as a table: each target, the goal, the measured value, reached or not."""

import json
import math

MISSING = "not measured"
TORCH = "rmsprop", "adagrad"


class Found:
    """Access to the figures by part and kind."""

    def __init__(self, report):
        self.figures = report["figures"]

    def all(self, part, **what):
        return [
            f
            for f in self.figures
            if f["part"] == part and all(f.get(k) == v for k, v in what.items())
        ]

    def value(self, part, **what):
        values = [f["value"] for f in self.all(part, **what)]
        return values[0] if values else math.nan

    def least(self, part, **what):
        return min((f["value"] for f in self.all(part, **what)), default=math.nan)


def targets(report):
    """Return rows of (target, wanted, measured, reached or None)."""
    found, rows = Found(report), []

    def row(name, wanted, value, bound, more=True, shown="{:.2f}", remark=""):
        if value is None or math.isnan(value):
            rows.append((name, wanted, MISSING, None))
            return
        reached = value >= bound if more else value <= bound
        rows.append((name, wanted, shown.format(value) + remark, bool(reached)))

    copy = max((f["value"] for f in found.all("copies", kind="copy")), default=math.nan)
    for dtype in ("float32", "float64"):
        sweeps = found.all("sweeps", kind="sweep", dtype=dtype)
        worst = min(sweeps, key=lambda f: f["rate"], default=None)
        value = worst["rate"] / copy if worst else None
        remark = f" ({worst['rule']}, the slowest of {len(sweeps)} rules)" if worst else ""
        count = f"{worst['elements']:,}" if worst else "many"
        name = f"rate of a sweep over {count} {dtype}, over a copy's"
        row(name, ">= 0.9", value, 0.9, remark=remark)
    for rule in TORCH:
        against_torch(found, row, rule)
    for rule in TORCH:
        ours = found.value("sweeps", kind="sweep, wall", rule=rule, dtype="float32")
        theirs = found.least("optax", kind="step", rule=rule)
        row(f"optax' jitted {rule}, time over ours, float32", "> 1", theirs / ours, 1.0)
    small_rows(found, row)
    batch_rows(found, row)
    agreement_rows(found, row)
    return rows


def against_torch(found, row, rule):
    ours = found.value("sweeps", kind="sweep, wall", rule=rule, dtype="float32")
    steps = found.all("torch", kind="step", rule=rule)
    best = min(steps, key=lambda f: f["value"], default=None)
    value = best["value"] / ours if best else None
    remark = f" ({best['way']}, the fastest of {len(steps)})" if best else ""
    row(f"PyTorch's {rule}, time over ours, float32", "> 1", value, 1.0, remark=remark)


def small_rows(found, row):
    for dtype in ("float32", "float64"):
        ours, empty = (
            found.value("small", kind=kind, rule="rmsprop", dtype=dtype)
            for kind in ("small", "small, empty")
        )
        name = f"1,000 {dtype}, device's time over an empty kernel's"
        row(name, "<= 1.25", ours / empty, 1.25, False, remark=f" ({ours * 1e6:.2f} us)")
        call = found.value("small", kind="call", rule="rmsprop", dtype=dtype)
        for how in ("Numba's launch", "bare launch"):
            empty = found.value("small", kind=f"empty, {how}", rule="rmsprop", dtype=dtype)
            name = f"1,000 {dtype}, a call's time over an empty kernel's ({how})"
            row(name, "<= 1.25", call / empty, 1.25, False, remark=f" ({call * 1e6:.1f} us)")


def batch_rows(found, row):
    ours = found.value("decay64", kind="resident")
    count = next((f["problems"] for f in found.all("decay64", kind="resident")), 0)
    cores = found.all("cpu", kind="cpu", dtype="float64")
    best = min(cores, key=lambda f: f["value"], default=None)
    threads = best["threads"] if best else "all"
    name = f"{count:,} decay fits, float64, device-resident: faster than on {threads} cores"
    row(name, ">= 20", best["value"] / ours if best else None, 20.0, shown="{:.1f}")
    fits = found.all("jax", kind="fits")
    # The solvers that reach the same gradients; times are scaled to the same number of problems.
    fair = [f for f in fits if f["within"] >= 0.99] or fits
    best = min(fair, key=lambda f: f["each"], default=None)
    value = best["each"] * count / ours if best and ours > 0 else None
    remark = f" ({best['name']}, {best['within']:.1%} below 1e-6)" if best else ""
    name = f"{count:,} decay fits, float64: faster than JAX on this GPU"
    row(name, ">= 10", value, 10.0, shown="{:.1f}", remark=remark)
    for part, dtype in (("decay64", "float64"), ("decay32", "float32")):
        host, up, resident = (found.value(part, kind=k) for k in ("host", "up", "resident"))
        value = max(up, resident) / host
        remark = f" (copy {up:.3f} s, compute {resident:.3f} s, together {host:.3f} s)"
        name = f"decay fits from host memory, {dtype}: larger of copy and compute, over the time"
        row(name, ">= 0.7", value, 0.7, remark=remark)
    row("heavy-tailed mix over its mean", "", found.value("tails", kind="tail"), math.inf, False)


def agreement_rows(found, row):
    errors = found.all("sweeps", kind="sweep, ulp")
    worst = max((f["value"] / f["bound"] for f in errors), default=None)
    name = "sweeps' difference from the CPU's over the bound (16 ulp, 8 in float64)"
    row(name, "<= 1", worst, 1.0, False)
    for part in ("decay64", "decay32"):
        value = found.value(part, kind="same success")
        row(f"{part}: as successful as on the CPU, of all fits", ">= 0.999", value, 0.999)
        beyond = [f["beyond"] for f in found.all(part, kind="same minima")]
        name = f"{part}: minima beyond 1,000 ulp of the CPU's, of all fits"
        row(name, "<= 0.001", beyond[0] if beyond else None, 0.001, False, "{:.4f}")


def write(report, path):
    """Write both files; return the path of the table."""
    report["targets"] = [
        dict(zip(("target", "wanted", "measured", "reached"), row, strict=True))
        for row in targets(report)
    ]
    path.with_name(path.name + ".json").write_text(json.dumps(report, indent=1) + "\n")
    markdown = path.with_name(path.name + ".md")
    markdown.write_text("\n".join(text(report)) + "\n")
    return markdown


def text(report):
    machine = report["machine"]
    yield f"# fastopt on {machine.get('device', 'a GPU')}, {report['date']}"
    yield ""
    if report["simulator"]:
        yield "**Simulator, not a measurement.** Tiny sizes, to see that all of it runs."
        yield ""
    elif report["quick"]:
        yield "**Small sizes**, to see that all of it runs: rates are not those of large ones."
        yield ""
    yield "; ".join(f"{k} {v}" for k, v in machine.items() if k not in ("device", "simulated"))
    yield ""
    yield "| target | wanted | measured | reached |"
    yield "| --- | --- | --- | --- |"
    for row in report["targets"]:
        reached = {True: "yes", False: "**no**", None: ""}[row["reached"]]
        reached = reached if row["wanted"] and not report["simulator"] else ""
        measured = row["measured"]
        if report["simulator"] and row["reached"] is not None:
            measured += " (simulator)"
        yield f"| {row['target']} | {row['wanted']} | {measured} | {reached} |"
    yield from listed("Failed", report["errors"])
    yield from listed("Notes", report["notes"])
    yield from details(report)
    seconds = report["seconds"]
    yield ""
    yield f"Took {sum(seconds.values()):.0f} s: " + ", ".join(
        f"{name} {value:g}" for name, value in seconds.items()
    )


def listed(title, items):
    if items:
        yield from ("", f"## {title}", "")
        yield from (f"- {item}" for item in items)


def details(report):
    from .plan import PARTS

    copy = max((f["value"] for f in report["figures"] if f.get("kind") == "copy"), default=0.0)
    for part in PARTS:
        figures = [f for f in report["figures"] if f["part"] == part.name]
        if not figures:
            continue
        yield from ("", f"## {part.title}", "", "| figure | measured | spread | |")
        yield "| --- | --- | --- | --- |"
        for f in figures:
            spread = f"{scaled(f, 'low')} to {scaled(f, 'high')}" if "low" in f else ""
            yield f"| {f['name']} | {scaled(f, 'value')} | {spread} | {remark(f, copy)} |"


def scaled(figure, key):
    value, unit = figure[key], figure["unit"]
    if unit == "s":
        for factor, name in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
            if abs(value) * factor >= 1.0 or name == "us":
                return f"{value * factor:.3g} {name}"
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{shown} {unit}"


def remark(figure, copy):
    """Return the remarks on a figure."""
    words = []
    if "rate" in figure:
        over = f", {figure['rate'] / copy:.2f} of a copy's" if copy else ""
        words.append(f"{figure['rate']:,.0f} GB/s{over}")
    if "problems" in figure and figure["unit"] == "s":
        words.append(f"{figure['problems'] / figure['value']:,.0f} fits/s")
    for key, shown in (
        ("converged", "{:.2%} converged"),
        ("evaluations", "{:,} evaluations"),
        ("within", "{:.2%} below 1e-6"),
        ("threads", "{} threads"),
        ("assumed", "{}"),
        ("check", "{}"),
        ("version", "{}"),
        ("settings", "{}"),
        ("nit", "{} iterations"),
        ("bound", "bound {:.3g}"),
    ):
        if key in figure:
            words.append(shown.format(figure[key]))
    return "; ".join(words)

"""The picture of `benchmarks.report`: times over fastopt's, work by work."""

SHORT = {
    "rmsprop over 1,000 float32": "RMSProp step, 1,000 float32",
    "rmsprop over 200 arrays of 1,000 float32": "RMSProp step, 200 arrays",
    "rmsprop over 20M float32": "RMSProp step, 20M float32",
    "adam over 20M float32": "Adam step, 20M float32",
    "iterations": "10,000 iterations, 2-D",
    "solve, 2 parameters": "one solve, 2-D",
    "solve, 10,000 parameters": "one solve, 10,000 parameters",
    "gradients": "10,000 derived gradients",
    "fits to gtol 1e-6": "10,000 fits, converged",
    "fits, 500 iterations": "10,000 fits, 500 iterations",
    "shared fits": "1,000 fits that share rates",
    "peaks": "100,000 peaks, with errors",
    "epoch": "an epoch of mini-batches",
    "network": "an epoch of a network",
    "first answer": "first answer of a process",
}
COLORS = {
    "NumPy": "#009E73",
    "SciPy": "#0072B2",
    "torch": "#D55E00",
    "optax": "#CC79A7",
    "jaxopt": "#E69F00",
    "optimistix": "#56B4E9",
    "JAX": "#999933",
    "lmfit": "#882255",
    "scikit-learn": "#332288",
    "ndoptimize": "#117733",
    "lumafit": "#AA4499",
    "Cpufit": "#661100",
}


def draw(results, mine, file):
    """Draw a row for each work: a dot for each peer, a bar for the limit, fastopt at 1."""
    import matplotlib.pyplot as plt

    names = [name for name in SHORT if name in results]
    fig, ax = plt.subplots(figsize=(9, 0.52 * len(names) + 1.6), layout="constrained")
    ax.axvline(1.0, color="#222222", lw=2.0, label="fastopt")
    used = set()
    for row, name in enumerate(reversed(names)):
        figures = results[name]
        ours = next(f for f in figures.values() if f.about.get("version") == mine)
        for who, found in figures.items():
            if not found.seconds or who.startswith("fastopt"):
                continue
            ratio = found.median / ours.median
            if who == "limit":
                ends = [row - 0.3, row + 0.3]
                ax.plot([ratio] * 2, ends, color="#888888", lw=3, label=once(used, "C"))
                continue
            family = family_of(who)
            style = {"color": COLORS[family], "ms": 8, "alpha": 0.85, "label": once(used, family)}
            ax.plot(ratio, row, "o", **style)
    ax.set(xscale="log", ylim=(-0.6, len(names) - 0.4), xlabel="time over fastopt's, the same work")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_yticks(range(len(names)), [SHORT[name] for name in reversed(names)])
    ax.grid(axis="x", color="#dddddd")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    fig.savefig(file, dpi=110)
    plt.close(fig)


def family_of(who):
    """Return the package that a peer's name begins with."""
    return who.replace(",", " ").split()[0]


def once(used, name):
    """Return a label for the legend, the first time only."""
    label = None if name in used else {"C": "limit, hand-written C"}.get(name, name)
    used.add(name)
    return label

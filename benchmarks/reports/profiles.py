"""The picture of `benchmarks.quality`: data and performance profiles."""

import numpy as np

STYLES = {
    "rmsprop": ("#D55E00", "-", 2.4),
    "adagrad": ("#0072B2", "-", 2.0),
    "adam": ("#009E73", "-", 1.4),
    "sgd": ("#CC79A7", "-", 1.4),
    "L-BFGS-B": ("#222222", "--", 1.6),
    "BFGS": ("#888888", "--", 1.2),
    "CG": ("#888888", ":", 1.4),
    "TNC": ("#888888", "-.", 1.2),
    "fastopt": ("#D55E00", "-", 2.4),
    "jaxopt L-BFGS": ("#0072B2", "--", 1.4),
    "optax L-BFGS": ("#009E73", "--", 1.4),
    "rmsprop, 0.01": ("#E69F00", ":", 1.6),
    "adam, 0.1 to 0": ("#E69F00", "-.", 1.6),
}


def profile(ax, costs, x):
    """Draw the share of problems that each solver solves within a cost."""
    for name, cost in costs.items():
        color, line, width = STYLES[name]
        ax.plot(x, [np.mean(cost <= most) for most in x], line, color=color, lw=width, label=name)
    ax.set(xscale="log", ylim=(0, 1.02), xlim=(x[0], x[-1]))
    ax.spines[["top", "right"]].set_visible(False)


def over_best(costs):
    """Return each cost over that of the best solver on the problem."""
    best = np.min(list(costs.values()), axis=0)
    with np.errstate(invalid="ignore"):  # inf / inf if all miss
        return {name: cost / best for name, cost in costs.items()}


def draw(sizes, counts, seconds, file):
    """Draw data profiles (Moré and Wild 2009) and performance profiles (Dolan and Moré 2002).

    `counts` has, for each solver, the evaluations on every problem from each of the starts, 0 for
    a miss. `seconds` has its times, infinite for a miss.
    """
    import matplotlib.pyplot as plt

    shown = [name for name in STYLES if name in counts]
    near, far = (
        {name: np.where(counts[name][k] > 0, counts[name][k], np.inf) for name in shown}
        for k in (0, 1)
    )
    fig, axes = plt.subplots(2, 2, figsize=(10.5, 8), layout="constrained", sharey=True)
    costs = np.geomspace(0.5, 1e4, 400)
    factors = np.geomspace(1.0, 1e3, 400)
    profile(axes[0, 0], {name: n / (sizes + 1.0) for name, n in near.items()}, costs)
    profile(axes[0, 1], over_best(near), factors)
    profile(axes[1, 0], over_best(far), factors)
    profile(axes[1, 1], over_best(seconds), factors)
    start = "from the standard start"
    axes[0, 0].set(title=start, xlabel="evaluations over n + 1")
    axes[0, 1].set(title=start, xlabel="evaluations over those of the best")
    axes[1, 0].set(title="from 10 times the start", xlabel="evaluations over those of the best")
    axes[1, 1].set(title=start, xlabel="time of a compiled solve over that of the best")
    for ax in axes[:, 0]:
        ax.set_ylabel("share of the 35 problems solved")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    fig.savefig(file, dpi=110)


def draw_large(counts, n, file):
    """Draw the performance profile of large problems, from evaluations; infinite for a miss."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
    profile(ax, over_best(counts), np.geomspace(1.0, 100.0, 400))
    total = len(next(iter(counts.values())))
    ax.set(xlabel="evaluations over those of the best", ylabel=f"share of {total} runs solved")
    ax.set_title(f"large problems, n = {n:,}, from standard and random starts")
    ax.legend(frameon=False)
    fig.savefig(file, dpi=110)
    plt.close(fig)

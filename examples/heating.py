"""A wall, heated by the best plan
==================================

Usage::

    python heating.py                   # the picture goes to examples/pictures
    python heating.py --output pictures
    python heating.py --steps 400       # of time; there is one parameter for each

A wall is heated or cooled at its left side, and radiates at its right side. The plan has one power
for each of 200 steps of time. It should bring the wall to given temperatures at the end, and use
little power. The temperatures follow the heat equation, by explicit steps. A surface radiates with
the fourth power of its temperature (Stefan and Boltzmann), so the problem is not linear.

The objective is a loop over time with a loop over the cells of the wall in it, which overwrites the
temperatures. Its gradient is derived, in reverse mode: it goes back through all steps once. That is
the adjoint equation of optimal control (Lions 1971), which nobody had to write down. The script
compares the gradient with differences, prints times, and draws ``heating.png``. It needs
matplotlib.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit

import fastopt

HERE = Path(__file__).resolve().parent
CELLS, WEIGHT = 20, 2e-6
SPREAD, LOSS = 0.4, 0.02  # heat that a cell gives to its neighbour, or its last one off, in a step


@njit
def temperatures(power, wanted, spread, loss):
    """Return the temperature of each cell after each step."""
    cells = wanted.size
    found = np.zeros((power.size + 1, cells))
    for k in range(power.size):
        now, then = found[k], found[k + 1]
        for i in range(cells):
            left = now[i - 1] if i > 0 else now[0] + 0.1 * power[k] / spread
            right = now[i + 1] if i + 1 < cells else now[i]
            then[i] = now[i] + spread * (left - 2.0 * now[i] + right)
        then[cells - 1] -= loss * ((1.0 + now[cells - 1]) ** 4 - 1.0)
    return found


@njit
def cost(power, wanted, spread, loss, weight):
    """Return the mean squared distance to the wanted temperatures, plus the price of the power."""
    found = temperatures(power, wanted, spread, loss)
    away = 0.0
    for i in range(wanted.size):
        away += (found[power.size, i] - wanted[i]) ** 2 / wanted.size
    before = 0.0
    for k in range(power.size):
        away += weight * (power[k] ** 2 + (power[k] - before) ** 2)
        before = power[k]
    return away


def setting(steps):
    """Return the arguments of `cost`, and a start."""
    place = (np.arange(CELLS) + 0.5) / CELLS
    wanted = 0.8 - 0.5 * place
    return (wanted, SPREAD, LOSS, WEIGHT * 200 / steps), np.ones(steps)


def plan(steps):
    """Return the result: x is the power in each step."""
    args, start = setting(steps)
    return fastopt.minimize(cost, start, args)


def report(res, steps):
    """Print what the plan reaches, and what its gradient costs."""
    args, start = setting(steps)
    slope = fastopt.value_and_grad(cost)
    g = slope(start, *args)[1]
    h, shift = 1e-6, np.eye(steps)[steps // 2]
    difference = (cost(start + h * shift, *args) - cost(start - h * shift, *args)) / (2.0 * h)
    print(f"{steps} powers: cost {cost(start, *args):.5f} -> {res.fun:.5f} ({res.message})")
    print(
        f"  gradient by {res.jac_method} mode; one slope {g[steps // 2]:.9f}, by differences ",
        end="",
    )
    print(f"{difference:.9f}")

    def quickest(function):
        found = []
        for _ in range(50):
            begin = time.perf_counter()
            function(start, *args)
            found.append(time.perf_counter() - begin)
        return min(found) * 1e6

    print(
        f"  the cost takes {quickest(cost):.0f} µs, with its gradient {quickest(slope):.0f} µs;",
        end="",
    )
    print(f" by differences it would take {quickest(cost) * (steps + 1):,.0f} µs")


def draw(res, steps):
    """Draw the plan, the temperatures over time, and those at the end."""
    wanted, spread, loss, _ = setting(steps)[0]
    found = temperatures(res.x, wanted, spread, loss)
    fig, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    axes[0].step(np.arange(steps), res.x, where="post")
    axes[0].axhline(0.0, color="0.6", linewidth=0.8)
    axes[0].set(title="heating power", xlabel="step")
    shown = axes[1].imshow(found.T, aspect="auto", origin="lower", cmap="inferno")
    cells = range(0, found.shape[1], 5)
    axes[1].set(title="temperature", xlabel="step", ylabel="cell", yticks=cells)
    fig.colorbar(shown, ax=axes[1])
    axes[2].plot(wanted, color="0.6", linewidth=4, label="wanted")
    axes[2].plot(found[-1], label="reached")
    axes[2].set(title="temperature at the end", xlabel="cell", xticks=cells)
    axes[2].legend(frameon=False)
    return fig


def main():
    """Find the plan, print what it reaches, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    parser.add_argument("--steps", type=int, default=200, help="steps of time")
    options = parser.parse_args()
    plt.switch_backend("Agg")
    res = plan(options.steps)
    report(res, options.steps)
    options.output.mkdir(parents=True, exist_ok=True)
    draw(res, options.steps).savefig(options.output / "heating.png", dpi=90)


if __name__ == "__main__":
    main()

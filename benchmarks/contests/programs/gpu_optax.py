"""Optax's part of gpu_report.py: a jitted step with donated parameters and state.

Arguments: a folder with steps.npz, the number of elements, one that is not used, seconds.
"""

import os
import sys

import gpu_lines
import numpy as np

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
RATE, STEPS = 1e-2, 3


def main(folder, elements, _, limit):
    try:
        import jax
        import optax
    except ImportError as error:
        gpu_lines.skip(f"{error.name} is not installed")
    jax.config.update("jax_enable_x64", True)
    if jax.default_backend() != "gpu" and "FASTOPT_PEERS_ANYWHERE" not in os.environ:
        gpu_lines.skip(f"JAX is installed and works on {jax.default_backend()} only")
    steps = np.load(f"{folder}/steps.npz")
    rules = {
        "rmsprop": optax.rmsprop(RATE, decay=0.9, eps=1e-8, eps_in_sqrt=False),
        # Epsilon is inside the root; it is too small to change anything there or outside.
        "adagrad": optax.adagrad(RATE, initial_accumulator_value=0.0, eps=1e-20),
        "adam": optax.adam(RATE),
    }
    for rule, optimiser in rules.items():
        for dtype in ("float32", "float64"):
            if gpu_lines.left(limit) < 5:
                gpu_lines.say(skipped=f"{rule}, {dtype}: no time was left")
                continue
            try:
                one(jax, optax, steps, rule, optimiser, dtype, int(elements))
            except Exception as error:
                gpu_lines.failed(f"{rule}, {dtype}", error)


def one(jax, optax, steps, rule, optimiser, dtype, n):
    def step(x, state, g):
        update, state = optimiser.update(g, state)
        return optax.apply_updates(x, update), state

    step = jax.jit(step, donate_argnums=(0, 1))
    x, g = (jax.numpy.asarray(steps[k], dtype) for k in ("x0", "g"))
    state = optimiser.init(x)
    for _ in range(STEPS):
        x, state = step(x, state, g)
    said = gpu_lines.check(steps[f"{rule}_{dtype}"], x)
    g = jax.numpy.full(n, 0.1, dtype)
    x = jax.numpy.full(n, 0.2, dtype)
    now = [x, optimiser.init(x)]

    def turn():
        now[:] = step(*now, g)

    seconds = gpu_lines.clock(turn, lambda: jax.block_until_ready(now))
    gpu_lines.say(
        name=f"{rule}, donated, {dtype}",
        unit="s",
        kind="step" if dtype == "float32" else "step, float64",
        rule=rule,
        way="jit, donated",
        check=said,
        version=f"optax {optax.__version__}, jax {jax.__version__}",
        **seconds,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

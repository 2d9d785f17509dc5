"""Optax's part of the batch benchmark: 500 iterations of RMSProp at a fixed rate, float64.

A second argument names an .npz file for the answers, `x` by jax.grad and `by_hand`. Late iterates
circle the minimum by steps of the rate, and rounding decides on which side of it they are: compare
early ones (a third argument: the number of iterations).
"""

import sys

import batch
import batch_ways
import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", True)

RATE = 1e-2
OPTIONS = {"decay": 0.9, "eps": 1e-8, "eps_in_sqrt": True}


def main(file, out=None, iterations=500):
    t, y, x0 = problems = batch.load(file)
    points, start, rule = jnp.asarray(t), jnp.asarray(x0), optax.rmsprop(RATE, **OPTIONS)

    def misfit(p, y):
        return jnp.sum((p[0] * jnp.exp(-p[1] * points) + p[2] - y) ** 2)

    def by_hand(p, y):
        e = jnp.exp(-p[1] * points)
        r = p[0] * e + p[2] - y
        return 2 * jnp.stack([jnp.sum(r * e), -p[0] * jnp.sum(r * points * e), jnp.sum(r)])

    def run(gradient, y):
        def step(_, carry):
            x, state = carry
            update, state = rule.update(gradient(x, y), state)
            return optax.apply_updates(x, update), state

        return jax.lax.fori_loop(0, iterations, step, (start, rule.init(start)))[0]

    answers = {}
    for name, gradient in {"x": jax.grad(misfit), "by_hand": by_hand}.items():
        seconds, x, way = batch_ways.fastest(lambda y, g=gradient: run(g, y), y)
        answers[name] = x
        kind = "jax.grad" if name == "x" else "gradient by hand"
        version = f"{optax.__version__}, jax {jax.__version__}"
        settings = {"learning_rate": RATE, **OPTIONS, "iterations": iterations, **way}
        batch.report(f"optax rmsprop, {kind}", version, seconds, x, problems, **settings)
    if out is not None:
        np.savez(out, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:4]))

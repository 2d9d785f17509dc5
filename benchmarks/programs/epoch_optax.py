"""Optax's part of the mini-batch benchmark: a jitted scan over the mini-batches of an epoch."""

import functools
import sys

import epoch
import jax
import jax.numpy as jnp
import optax


def main(file):
    a, b, orders = epoch.load(file)
    a, b = jnp.asarray(a), jnp.asarray(b)
    rule = optax.rmsprop(epoch.RATE, decay=epoch.RHO, eps=epoch.EPS, eps_in_sqrt=False)
    x = jnp.zeros(a.shape[1], a.dtype)

    def loss(x, rows):
        return jnp.mean(jax.nn.softplus(-b[rows] * (a[rows] @ x)))

    def step(carry, rows):
        x, state = carry
        f, g = jax.value_and_grad(loss)(x, rows)
        update, state = rule.update(g, state)
        return (optax.apply_updates(x, update), state), f

    @functools.partial(jax.jit, donate_argnums=0)
    def scan(carry, order):
        whole = len(order) // epoch.BATCH * epoch.BATCH
        carry, losses = jax.lax.scan(step, carry, order[:whole].reshape(-1, epoch.BATCH))
        total = jnp.sum(losses) * epoch.BATCH
        if whole < len(order):
            carry, last = step(carry, order[whole:])
            total += last * (len(order) - whole)
        return carry, total / len(order)

    carry = x, rule.init(x)

    def one(order):
        nonlocal carry
        carry, f = scan(carry, jnp.asarray(order))
        return jax.block_until_ready(f)

    epoch.report("optax", f"{optax.__version__}, jax {jax.__version__}", one, orders)


if __name__ == "__main__":
    main(sys.argv[1])

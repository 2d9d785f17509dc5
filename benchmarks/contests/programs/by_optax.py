"""Optax's entries in the contests, compiled by XLA, with buffers donated."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import turns
import ways

jax.config.update("jax_enable_x64", True)

VERSION = f"optax {optax.__version__}, jax {jax.__version__}"
RULES = {
    "rmsprop": functools.partial(optax.rmsprop, decay=0.9, eps=1e-8, eps_in_sqrt=True),
    "adagrad": functools.partial(optax.adagrad, initial_accumulator_value=0.0, eps=1e-8),
    "adam": functools.partial(optax.adam, eps=1e-8),
}


def sweep(method, data):
    """Return the job of a compiled step over an array or several; x and state are donated."""
    rule = RULES[method](1e-3)
    x, g = ([*map(jnp.array, a)] if a.ndim > 1 else jnp.array(a) for a in (data["x"], data["g"]))

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(x, state, g):
        updates, state = rule.update(g, state, x)
        return optax.apply_updates(x, updates), state

    kept = x, rule.init(x)

    def run():
        nonlocal kept
        kept = jax.block_until_ready(step(*kept, g))

    for _ in range(int(data["steps"])):
        run()
    return run, np.array(kept[0]), {"version": VERSION}


def clip_and_slope(gradient, x0, rule, iterations):
    def step(_, carry):
        x, state = carry
        updates, state = rule.update(gradient(x), state)
        return optax.apply_updates(x, updates), state

    return jax.lax.fori_loop(0, iterations, step, (x0, rule.init(x0)))[0]


def iterations(data):
    """Return the job of Rosenbrock iterations in one compiled loop, gradient by hand."""

    def gradient(x):
        a, b = x[1] - x[0] * x[0], 1.0 - x[0]
        return jnp.stack((-400.0 * x[0] * a - 2.0 * b, 200.0 * a))

    call = jax.jit(lambda x, n: clip_and_slope(gradient, x, RULES["rmsprop"](1e-4), n))
    x0, n = jnp.asarray(data["x0"]), int(data["iterations"])
    found = np.array(call(x0, int(data["some"])))
    return lambda: jax.block_until_ready(call(x0, n)), found, {"version": VERSION}


def fixed(kind, vmap, data):
    """Return the job of 500 iterations of RMSProp on each fit, gradient by jax.grad or by hand."""
    points, start, rule = jnp.asarray(data["t"]), jnp.ones(3), RULES["rmsprop"](0.01)

    def misfit(p, y):
        return jnp.sum((p[0] * jnp.exp(-p[1] * points) + p[2] - y) ** 2)

    def by_hand(p, y):
        e = jnp.exp(-p[1] * points)
        r = p[0] * e + p[2] - y
        return 2 * jnp.stack([jnp.sum(r * e), -p[0] * jnp.sum(r * points * e), jnp.sum(r)])

    gradient = jax.grad(misfit) if kind == "grad" else by_hand

    def fit(y, iterations=500):
        return clip_and_slope(lambda p: gradient(p, y), start, rule, iterations)

    found = jax.jit(jax.vmap(lambda y: fit(y, int(data["some"]))))(data["y"])
    job, way = ways.fastest(fit, data["y"], (ways.ALL,) if vmap else ways.BATCHES)
    return job, np.array(found), {"version": VERSION, **way}


def epochs(data):
    """Return the job of an epoch of logistic regression in one scan; the answer is losses.

    There is one gather for the whole epoch. Gathering by mini-batches inside the scan takes a
    quarter longer, and so do ``rows @ x`` in place of the sum, and an unrolled scan. A gradient by
    hand is as fast.
    """
    a, b, batch = jnp.asarray(data["a"]), jnp.asarray(data["b"]), int(data["batch"])
    rate, rho, eps = data["rule"].tolist()
    rule = optax.rmsprop(rate, decay=rho, eps=eps, eps_in_sqrt=False)

    def loss(x, rows, labels):
        return jnp.mean(jax.nn.softplus(-labels * jnp.sum(rows * x, axis=1)))

    def step(kept, some):
        x, state = kept
        f, g = jax.value_and_grad(loss)(x, *some)
        updates, state = rule.update(g, state)
        return (optax.apply_updates(x, updates), state), f

    @functools.partial(jax.jit, donate_argnums=0)
    def scan(kept, order):
        order = order.reshape(-1, batch)  # a row for each mini-batch
        kept, losses = jax.lax.scan(step, kept, (a[order], b[order]))
        return kept, jnp.mean(losses)

    x = jnp.zeros(a.shape[1], a.dtype)
    kept, orders = (x, rule.init(x)), [jnp.asarray(order) for order in data["orders"]]

    def run(order=orders[0]):
        nonlocal kept
        kept, f = scan(kept, order)
        return float(f)

    return run, np.array([run(order) for order in orders]), {"version": VERSION}


if __name__ == "__main__":
    turns.take_part(
        {
            **{method: functools.partial(sweep, method) for method in RULES},
            "iterations": iterations,
            "fixed, vmap": functools.partial(fixed, "grad", True),
            "fixed, fastest way": functools.partial(fixed, "grad", False),
            "fixed, by hand": functools.partial(fixed, "by hand", False),
            "epochs": epochs,
        }
    )

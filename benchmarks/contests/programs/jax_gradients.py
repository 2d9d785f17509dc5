"""The entries of JAX in the contests of gradients, in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import turns
from objectives import OBJECTIVES, STATES, STEPS, step

jax.config.update("jax_enable_x64", True)


def trajectory(x, start, end):
    """Return the objective of the same name by a scan; an unrolled loop compiles for minutes."""
    matrix = x.reshape(STATES, STATES)

    def one(y, _):
        return step(jnp, matrix, y, 2.0 / STEPS), None

    return jnp.sum((jax.lax.scan(one, start, None, length=STEPS)[0] - end) ** 2)


def gradients(fun, data):
    """Return the job of values and gradients in one compiled loop."""
    x, args = jnp.asarray(data["x"]), [jnp.asarray(data[name]) for name in data if name != "x"]
    both = jax.value_and_grad(fun)

    @functools.partial(jax.jit, static_argnums=1)
    def run(x, count, args):
        def one(_, x):
            f, g = both(x, *args)
            return x + 1e-30 * (f + g)  # so that no call can be left out

        return jax.lax.fori_loop(0, count, one, x)

    def job(count):
        return jax.block_until_ready(run(x, count, args))

    job(1)
    count = max(1, int(3e-4 / turns.quickest(lambda: job(1))))
    job(count)
    answer = np.array(jax.jit(both)(x, *args)[1])
    return lambda: job(count), answer, {"version": f"jax {jax.__version__}", "part": count}


if __name__ == "__main__":
    found = {name: functools.partial(fun, jnp) for name, fun in OBJECTIVES.items()}
    found["trajectory"] = trajectory
    turns.take_part({name: functools.partial(gradients, fun) for name, fun in found.items()})

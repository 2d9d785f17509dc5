"""JAX's part of benchmarks/derivatives.py, in a process of its own: prints seconds a call."""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def misfit(p, t, y):
    return jnp.sum((p[0] * jnp.exp(-p[1] * t) + p[2] - y) ** 2)


def main(file):
    data = np.load(file)
    call = jax.jit(jax.vmap(jax.value_and_grad(misfit), in_axes=(0, None, 0)))
    x, t, y = (jnp.asarray(data[name]) for name in ("x", "t", "y"))
    _, g = jax.block_until_ready(call(x, t, y))
    np.testing.assert_allclose(g, data["g"], rtol=1e-9, atol=1e-9)
    seconds = []
    for _ in range(60):
        begin = time.perf_counter()
        jax.block_until_ready(call(x, t, y))
        seconds.append(time.perf_counter() - begin)
    print(sorted(seconds)[len(seconds) // 4], f"jax {jax.__version__}")


if __name__ == "__main__":
    main(sys.argv[1])

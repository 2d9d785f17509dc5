"""JAX's part of gpu_report.py: decay fits by vmapped solvers, float64.

Two solvers, Levenberg-Marquardt and BFGS, are written for vmap: every pass of the loop is one
evaluation. So no problem waits in a nested loop for the line search of another. The others are
those of packages, JAX's own BFGS and jaxopt's LevenbergMarquardt.

Arguments: a folder with t.npy and y.npy, a number that is not used, problems, seconds.
"""

import os
import sys
import time

import gpu_lines
import numpy as np

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
GTOL, MOST = 1e-6, 60  # MOST: iterations; none of 50,000 fits needed more than 40


def solvers(jax, jnp, t):
    """Return, by name, functions from one fit's y to x."""
    start = jnp.ones(3)

    def residuals(p, y):
        return p[0] * jnp.exp(-p[1] * t) + p[2] - y

    def misfit(p, y):
        return jnp.sum(residuals(p, y) ** 2)

    def rows(p, y):
        """Return the residuals and their derivatives, by hand: JAX would need three passes."""
        e = jnp.exp(-p[1] * t)
        return p[0] * e + p[2] - y, jnp.stack([e, -p[0] * t * e, jnp.ones_like(t)])

    def marquardt(y):
        def normal(p):
            r, d = rows(p, y)
            return jnp.sum(r * r), 2 * d @ r, 2 * d @ d.T

        def go(s):
            _, _, g, _, _, k = s
            return (jnp.abs(g).max() > GTOL) & (k < MOST)

        def step(s):
            p, f, g, h, damping, k = s
            damped = h + damping * jnp.diag(jnp.diag(h))
            trial = p - inverse(damped) @ g
            f1, g1, h1 = normal(trial)
            good = f1 <= f * (1 + 1e-15)

            def pick(a, b):
                return jnp.where(good, a, b)

            damping = jnp.clip(pick(damping / 10, damping * 10), 1e-12, 1e12)
            return pick(trial, p), pick(f1, f), pick(g1, g), pick(h1, h), damping, k + 1

        return jax.lax.while_loop(go, step, (start, *normal(start), 1e-3, 0))[0]

    def inverse(a):
        """Return the inverse of a 3 x 3 matrix, by cofactors: a factorisation is slower."""
        x, y, z = a
        rows = jnp.stack([jnp.cross(y, z), jnp.cross(z, x), jnp.cross(x, y)])
        return rows.T / jnp.dot(x, rows[0])

    def bfgs(y):
        def both(p):
            r, d = rows(p, y)
            return jnp.sum(r * r), 2 * d @ r

        def go(s):
            _, _, g, _, _, _, k = s
            return (jnp.abs(g).max() > GTOL) & (k < MOST)

        def step(s):
            p, f, g, h, d, a, k = s
            trial = p + a * d
            f1, g1 = both(trial)
            good = f1 <= f + 1e-4 * a * jnp.dot(g, d) + 1e-15 * f
            u, v = trial - p, g1 - g
            uv = jnp.dot(u, v)
            first = jnp.all(h == jnp.eye(3))
            h0 = jnp.where(first, h * uv / jnp.dot(v, v), h)
            w = jnp.eye(3) - jnp.outer(u, v) / uv
            new = w @ h0 @ w.T + jnp.outer(u, u) / uv
            h1 = jnp.where(uv > 1e-14 * jnp.dot(v, v), new, h)

            def pick(a, b):
                return jnp.where(good, a, b)

            p, f, g, h = pick(trial, p), pick(f1, f), pick(g1, g), pick(h1, h)
            return p, f, g, h, pick(-h @ g, d), pick(1.0, 0.5 * a), k + 1

        f, g = both(start)
        first = (start, f, g, jnp.eye(3), -g, 1 / jnp.linalg.norm(g), 0)
        return jax.lax.while_loop(go, step, first)[0]

    def package(y):
        import jax.scipy.optimize

        found = jax.scipy.optimize.minimize(
            misfit, start, (y,), method="BFGS", options={"gtol": GTOL}
        )
        return found.x

    found = {"hand-written LM": marquardt, "hand-written BFGS": bfgs}
    try:
        import jaxopt

        tols = {"tol": 3e-7, "xtol": 3e-7, "gtol": 3e-7}
        solver = jaxopt.LevenbergMarquardt(residuals, implicit_diff=False, **tols)
        found["jaxopt LevenbergMarquardt"] = lambda y: solver.run(start, y=y).params
    except ImportError:
        gpu_lines.say(skipped="jaxopt is not installed")
    found["jax.scipy BFGS"] = package
    return found


def main(folder, _, problems, limit):
    try:
        import jax
    except ImportError:
        gpu_lines.skip("JAX is not installed")
    jax.config.update("jax_enable_x64", True)
    if jax.default_backend() != "gpu" and "FASTOPT_PEERS_ANYWHERE" not in os.environ:
        gpu_lines.skip(f"JAX is installed and works on {jax.default_backend()} only")
    import jax.numpy as jnp

    t, y = np.load(f"{folder}/t.npy"), np.load(f"{folder}/y.npy")[: int(problems)]
    for name, solver in solvers(jax, jnp, jnp.asarray(t)).items():
        try:
            one(jax, name, solver, t, y, limit)
        except Exception as error:
            gpu_lines.failed(name, error)


def one(jax, name, solver, t, y, limit):
    """Measure a solver with few fits first, and with more if there is time."""
    many = jax.jit(jax.vmap(solver))
    counts = sorted({max(1, len(y) // 100), max(1, len(y) // 10), len(y)})
    for count in counts:
        if gpu_lines.left(limit) < 10:
            gpu_lines.say(skipped=f"{name}, {count:,} fits: no time was left")
            return
        there = jax.device_put(y[:count])
        began = time.perf_counter()
        x = np.asarray(many(there))
        first = time.perf_counter() - began
        seconds = gpu_lines.clock(lambda a=there: jax.block_until_ready(many(a)), int, 3, 1)
        g = gpu_lines.largest(x[:100_000], t, y[: min(count, 100_000)])
        gpu_lines.say(
            name=f"{name}, {count:,} fits",
            unit="s",
            kind="fits",
            problems=count,
            each=seconds["value"] / count,
            within=float((g <= GTOL).mean()),
            settings=f"first call {first:.1f} s",
            version=f"jax {jax.__version__}",
            **seconds,
        )
        following = len(y) if count == counts[-2] else 10 * count
        if 5 * seconds["value"] * following / count > gpu_lines.left(limit):
            gpu_lines.say(skipped=f"{name}, more than {count:,} fits: they would take too long")
            return


if __name__ == "__main__":
    main(*sys.argv[1:])

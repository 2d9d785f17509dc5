"""The entries of JAX and its solvers, jaxopt and optimistix, in the contests, in float64."""

import functools
import importlib
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import turns
import ways

jax.config.update("jax_enable_x64", True)


def versions(package):
    return f"{package} {version(package)}, jax {jax.__version__}"


def gradient(data):
    """Return the job of value and gradient of every decay fit."""

    def misfit(p, t, y):
        return jnp.sum((p[0] * jnp.exp(-p[1] * t) + p[2] - y) ** 2)

    call = jax.jit(jax.vmap(jax.value_and_grad(misfit), in_axes=(0, None, 0)))
    x, t, y = (jnp.asarray(data[name]) for name in ("x", "t", "y"))
    found = np.array(call(x, t, y)[1])
    about = {"version": f"jax {jax.__version__}"}
    return lambda: jax.block_until_ready(call(x, t, y)), found, about


# Tolerances of the fits are the loosest, in half powers of ten, that leave 99.9 % of the gradients
# below 1e-6. Their meaning differs between packages.


def jaxopt_bfgs(package, misfit, residuals, x0):
    solver = package.BFGS(misfit, tol=1e-6, implicit_diff=False)
    return lambda y: solver.run(x0, y=y).params


def jaxopt_lm(package, misfit, residuals, x0):
    tols = dict.fromkeys(("tol", "xtol", "gtol"), 3e-7)
    solver = package.LevenbergMarquardt(residuals, implicit_diff=False, **tols)
    return lambda y: solver.run(x0, y=y).params


def optimistix_bfgs(package, misfit, residuals, x0):
    solver = package.BFGS(rtol=1e-7, atol=1e-7)
    return lambda y: package.minimise(misfit, solver, x0, y, throw=False).value


def optimistix_lm(package, misfit, residuals, x0):
    solver = package.LevenbergMarquardt(rtol=3e-6, atol=3e-6)
    return lambda y: package.least_squares(residuals, solver, x0, y, throw=False).value


SOLVERS = {
    # Under vmap jaxopt's zoom line search takes 100 times as long as one fit after the other.
    "jaxopt BFGS": (jaxopt_bfgs, (ways.EACH,)),
    "jaxopt LM": (jaxopt_lm, ways.BATCHES),
    "optimistix BFGS": (optimistix_bfgs, ways.BATCHES),
    "optimistix LM": (optimistix_lm, ways.BATCHES),
}


def fits(name, vmap, data):
    """Return the job of all decay fits, by vmap or by the fastest way."""
    make, batches = SOLVERS[name]
    package = importlib.import_module(name.split()[0])
    t = jnp.asarray(data["t"])

    def residuals(p, y):
        return p[0] * jnp.exp(-p[1] * t) + p[2] - y

    def misfit(p, y):
        return jnp.sum(residuals(p, y) ** 2)

    solver = make(package, misfit, residuals, jnp.ones(3))
    job, way = ways.fastest(solver, data["y"], (ways.ALL,) if vmap else batches)
    return job, job(), {"version": versions(package.__name__), **way}


# The loosest that leave 99.9 % of the peaks within 1e-3 standard errors of the minimum.
PEAK_TOL = {"jaxopt LM": 3e-2, "optimistix LM": 3e-3}


def peaks(name, vmap, data):
    """Return the job of a fiftieth of the peaks, by vmap or by the fastest way, without errors."""
    package = importlib.import_module(name.split()[0])
    x, n, tol = jnp.asarray(data["x"]), len(data["y"]) // 50, PEAK_TOL[name]

    def residuals(p, y):
        return p[0] * jnp.exp(-0.5 * ((x - p[1]) / p[2]) ** 2) + p[3] - y

    if name == "jaxopt LM":
        tols = dict.fromkeys(("tol", "xtol", "gtol"), tol)
        solver = package.LevenbergMarquardt(residuals, implicit_diff=False, **tols)

        def solve(p, y):
            return solver.run(p, y=y).params

    else:
        solver = package.LevenbergMarquardt(rtol=tol, atol=tol)

        def solve(p, y):
            return package.least_squares(residuals, solver, p, y, throw=False).value

    rows = np.hstack([data["start"][:n], data["y"][:n]])
    batches = (ways.ALL,) if vmap else (ways.ALL, 100)
    job, way = ways.fastest(lambda row: solve(row[:4], row[4:]), rows, batches)
    return job, job(), {"version": versions(package.__name__), **way, "part": 0.02}


def valley(x):
    """Return the Rosenbrock function of pairs."""
    a, b = x[1::2] - x[::2] ** 2, 1.0 - x[::2]
    return jnp.sum(100.0 * a * a + b * b)


def solve(name, data):
    """Return the job of a compiled solve to a gradient of 1e-5, with the loosest tolerances."""
    package = importlib.import_module(name.split()[0])
    if name == "jaxopt LBFGS":
        solver = package.LBFGS(valley, tol=1e-5, maxiter=10_000, implicit_diff=False)
        call = jax.jit(lambda x0: solver.run(x0).params)
    elif name == "jaxopt BFGS":
        solver = package.BFGS(valley, tol=1e-5, maxiter=10_000, implicit_diff=False)
        call = jax.jit(lambda x0: solver.run(x0).params)
    else:
        solver = package.BFGS(rtol=1e-6, atol=1e-6)
        call = jax.jit(
            lambda x0: package.minimise(lambda x, _: valley(x), solver, x0, throw=False).value
        )
    x0 = jnp.asarray(data["x0"])
    found = np.array(call(x0))
    return lambda: jax.block_until_ready(call(x0)), found, {"version": versions(package.__name__)}


if __name__ == "__main__":
    jobs = {"gradient": gradient}
    for name in SOLVERS:
        jobs[f"{name}, vmap"] = functools.partial(fits, name, True)
        jobs[f"{name}, fastest way"] = functools.partial(fits, name, False)
    for name in PEAK_TOL:
        jobs[f"peaks, {name}, vmap"] = functools.partial(peaks, name, True)
        jobs[f"peaks, {name}, fastest way"] = functools.partial(peaks, name, False)
    for name in ("jaxopt BFGS", "jaxopt LBFGS", "optimistix BFGS"):
        jobs[f"solve, {name}"] = functools.partial(solve, name)
    turns.take_part(jobs)

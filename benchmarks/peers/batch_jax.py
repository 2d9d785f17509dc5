"""JAX solvers' part of the batch benchmark: jaxopt and optimistix, float64."""

import importlib
import sys
from importlib.metadata import version

import batch
import batch_ways
import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def solvers(t, x0):
    """By name: package, batches to try, settings, and a function that makes one fit's solver.

    Tolerances are the loosest, in half powers of ten, that leave 99.9 % of the gradients below
    1e-6; each package measures something else by them.
    """

    def residuals(p, y):
        return p[0] * jnp.exp(-p[1] * t) + p[2] - y

    def misfit(p, y):
        return jnp.sum(residuals(p, y) ** 2)

    def jaxopt_bfgs(package, tol):
        solver = package.BFGS(misfit, tol=tol, implicit_diff=False)
        return lambda y: solver.run(x0, y=y).params

    def jaxopt_lm(package, tol):
        tols = {"tol": tol, "xtol": tol, "gtol": tol}
        solver = package.LevenbergMarquardt(residuals, implicit_diff=False, **tols)
        return lambda y: solver.run(x0, y=y).params

    def optimistix_bfgs(package, tol):
        solver = package.BFGS(rtol=tol, atol=tol)
        return lambda y: package.minimise(misfit, solver, x0, y, throw=False).value

    def optimistix_lm(package, tol):
        solver = package.LevenbergMarquardt(rtol=tol, atol=tol)
        return lambda y: package.least_squares(residuals, solver, x0, y, throw=False).value

    every = batch_ways.BATCHES
    # Under vmap jaxopt's zoom line search takes 100 times as long as one fit after the other.
    return {
        "jaxopt BFGS": ("jaxopt", (batch_ways.EACH,), 1e-6, jaxopt_bfgs),
        "jaxopt LevenbergMarquardt": ("jaxopt", every, 3e-7, jaxopt_lm),
        "optimistix BFGS": ("optimistix", every, 1e-7, optimistix_bfgs),
        "optimistix LevenbergMarquardt": ("optimistix", every, 3e-6, optimistix_lm),
    }


def main(file):
    t, y, x0 = problems = batch.load(file)
    for name, (package, batches, tol, make) in solvers(jnp.asarray(t), jnp.asarray(x0)).items():
        try:
            module = importlib.import_module(package)
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        seconds, x, way = batch_ways.fastest(make(module, tol), y, batches)
        versions = f"{version(package)}, jax {jax.__version__}"
        batch.report(name, versions, seconds, x, problems, tol=tol, **way)


if __name__ == "__main__":
    main(sys.argv[1])

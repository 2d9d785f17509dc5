"""Solve one problem in a new process, with one of several libraries.

``python first.py LIBRARY DATA ANSWER`` minimises the Rosenbrock function from the start in DATA to
a gradient of 1e-5, as users of the library would write it.
"""

import json
import sys

import numpy as np


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] * x[0]) ** 2 + (1.0 - x[0]) ** 2


def fastopt(x0):
    """Solve with a derived gradient."""
    import numba

    import fastopt

    x = fastopt.minimize(numba.njit(rosenbrock), x0, tol=1e-5).x
    return x, f"fastopt {fastopt.__version__}"


def scipy(x0):
    import scipy
    from scipy.optimize import minimize

    def gradient(x):
        a, b = x[1] - x[0] * x[0], 1.0 - x[0]
        return np.array([-400.0 * x[0] * a - 2.0 * b, 200.0 * a])

    options = {"gtol": 1e-5, "ftol": 0}
    x = minimize(rosenbrock, x0, method="L-BFGS-B", jac=gradient, options=options).x
    return x, f"SciPy {scipy.__version__}"


def jaxopt(x0):
    import jax

    jax.config.update("jax_enable_x64", True)
    from importlib.metadata import version

    import jaxopt

    x = jaxopt.BFGS(rosenbrock, tol=1e-5).run(jax.numpy.asarray(x0)).params
    return np.array(x), f"jaxopt {version('jaxopt')}, jax {jax.__version__}"


def torch(x0):
    import torch

    x = torch.from_numpy(x0).requires_grad_()
    settings = {"max_iter": 1_000, "tolerance_grad": 1e-5, "tolerance_change": 0.0}
    optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe", **settings)

    def closure():
        optimizer.zero_grad()
        f = rosenbrock(x)
        f.backward()
        return f

    optimizer.step(closure)
    return x.detach().numpy(), f"torch {torch.__version__}"


if __name__ == "__main__":
    library, data, answer = sys.argv[1:]
    x, version = {"fastopt": fastopt, "SciPy": scipy, "jaxopt": jaxopt, "torch": torch}[library](
        np.load(data)["x0"]
    )
    np.save(answer, x)
    print(json.dumps({"version": version}))

"""Evaluations of jaxopt's and optax's L-BFGS on large problems, in a process of their own.

`large_report --peers` runs this with the Python that FASTOPT_PEERS_PYTHON names, else its own::

    python -m benchmarks.reports.large_peers jaxopt 1000 standard POWER WOODS

Their loops run in Python, so that the objective may be any function; only evaluations are counted.
That takes 10 to 100 ms an evaluation. So they get 1,000 at most.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from . import large_report
from .large_report import Enough, Watched, large

PEERS = {"jaxopt L-BFGS": "jaxopt", "optax L-BFGS": "optax"}
PAIRS, MOST = 10, 1_000
ROOT = Path(__file__).parents[2]


def installed(python, module):
    """Return True if a Python has a module."""
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def found(rows, n, start):
    """Return {peer: [(solved, evaluations)]} on the rows, of the peers that are installed."""
    python, results = os.environ.get("FASTOPT_PEERS_PYTHON", sys.executable), {}
    for name, module in PEERS.items():
        if installed(python, module):
            call = [python, "-m", __name__, module, str(n), start, *(row.name for row in rows)]
            env = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
            done = subprocess.run(call, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE)
            results[name] = json.loads(done.stdout.splitlines()[-1])
    return results


def by_jaxopt(watched, x0):
    import jaxopt

    how = {"value_and_grad": True, "history_size": PAIRS, "maxiter": MOST, "tol": 0.0}
    jaxopt.LBFGS(plain(watched), jit=False, implicit_diff=False, **how).run(x0)


def by_optax(watched, x0):
    import jax
    import optax

    value_and_gradient = plain(watched)
    known: dict = {}

    def both(x):
        """Evaluate once for the value and the gradient at one point."""
        key = np.asarray(x).tobytes()
        if known.get("key") != key:
            known.update(key=key, found=value_and_gradient(x))
        return known["found"]

    @jax.custom_vjp
    def fun(x):
        return both(x)[0]

    fun.defvjp(both, lambda g, seed: (seed * g,))
    solver, x = optax.lbfgs(memory_size=PAIRS), jax.numpy.asarray(x0)
    state, step = solver.init(x), optax.value_and_grad_from_state(fun)
    for _ in range(MOST):
        f, g = step(x, state=state)
        moves, state = solver.update(g, state, x, value=f, grad=g, value_fn=fun)
        x = optax.apply_updates(x, moves)


def plain(watched):
    """Return an objective for JAX, which evaluates NumPy arrays."""
    import jax.numpy as jnp

    def fun(x, *_, **__):
        f, g = watched(np.array(x, np.float64))
        return jnp.asarray(f), jnp.asarray(g)

    return fun


def main(module, n, start, *names):
    import jax

    large_report.MAXFEV = MOST
    jax.config.update("jax_enable_x64", True)
    solve, cells = {"jaxopt": by_jaxopt, "optax": by_optax}[module], []
    rows = {row.name: row for row in [*large.CUTE, *large.REAL, *public()]}
    for row in (rows[name] for name in names):
        size = row.size(int(n))
        watched = Watched(row.fun, row.args(size), None)
        x0 = row.random(size) if start == "random" else row.start(size)
        with warnings.catch_warnings(), np.errstate(all="ignore"), jax.disable_jit():
            warnings.simplefilter("ignore")
            with contextlib.suppress(Enough):
                solve(watched, x0)
        cells.append((watched.hit, watched.nfev))
    print(json.dumps(cells))


def public():
    """Return the problems that need scikit-learn, if it is installed."""
    return large.PUBLIC if importlib.util.find_spec("sklearn") else ()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The entries of fastopt in the contests."""

import functools

import numba
import numpy as np
import turns

import fastopt
from benchmarks import batch, derivatives, network, stochastic
from benchmarks.helpers import peak_fits, shared

ABOUT = {"version": f"fastopt {fastopt.__version__}"}
THREADS = numba.get_num_threads()


def sweep(name, on_nonfinite, data):
    """Return the job of a step over an array or a list; the answer is x after some steps."""
    x, g = data["x"].copy(), data["g"]
    opt = getattr(fastopt, name)(1e-3, on_nonfinite=on_nonfinite)
    params, grads = (list(a) if a.ndim > 1 else a for a in (x, g))
    for _ in range(int(data["steps"])):
        opt.step(params, grads)
    return lambda: opt.step(params, grads), x.copy(), ABOUT


def iterations(data):
    """Return the job of textbook iterations on the Rosenbrock function."""

    def run(iterations=int(data["iterations"])):
        options = {"learning_rate": 1e-4, "maxiter": iterations}
        return fastopt.minimize(shared.rosenbrock, data["x0"], jac=True, options=options)

    return run, run(int(data["some"])).x_last, ABOUT


def solve(data):
    """Return the job of a solve to a gradient of 1e-5, with nothing tuned."""
    x0 = data["x0"]
    fun = shared.rosenbrock if x0.size == 2 else shared.valley

    def run():
        return fastopt.minimize(fun, x0, jac=True, tol=1e-5)

    return run, run().x, ABOUT


def prepared(data):
    """Return the same job by a prepared solver, called from Python."""
    x0 = data["x0"]
    solver = fastopt.solver(
        shared.rosenbrock if x0.size == 2 else shared.valley, x0, jac=True, tol=1e-5
    )
    return lambda: solver(x0), solver(x0).x, ABOUT


def gradient(data):
    """Return the job of value and gradient of every decay fit."""
    fits, job = derivatives.Fits(), derivatives.compiled(derivatives.by_array, True)
    fits.x, fits.t, fits.y = data["x"], data["t"], data["y"]
    pool = derivatives.ThreadPoolExecutor(THREADS)
    run = functools.partial(fits.run, job, pool, THREADS)
    run()
    return run, fits.g, ABOUT


def to_gtol(fun, data):
    run = functools.partial(batch.solve, data["t"], data["y"], fun=fun)
    return run, run().x, ABOUT


def fixed(fun, data):
    """Return the job of 500 iterations of RMSProp; the answer is x after some iterations."""
    options = {**batch.FIXED, "maxiter": int(data["some"])}
    found = batch.solve(data["t"], data["y"], options, "rmsprop", fun=fun).x_last
    run = functools.partial(batch.fixed, data["t"], data["y"], fun=fun)
    run()
    return run, found, ABOUT


def squares(p, y, x):
    return np.sum((peak_fits.curve(x, p[0], p[1], p[2], p[3]) - y) ** 2)


def peaks(tol, data):
    """Return the job of all peaks with their errors."""
    x, y, start = (data[name] for name in ("x", "y", "start"))
    curve = numba.njit(peak_fits.curve)

    def run():
        return fastopt.curve_fit_batch(curve, x, y, start, tol=tol)

    found = run()
    return run, np.hstack([found.x, found.stderr]), ABOUT


def minimized_peaks(data):
    """Return the job of a tenth of the peaks by their sums of squares, without errors."""
    n = len(data["y"]) // 10
    x, y, start = data["x"], data["y"][:n], data["start"][:n]

    def run():
        return fastopt.minimize_batch(squares, start, y, (x,))

    return run, run().x, {**ABOUT, "part": 0.1}


def epochs(way, data):
    """Return the job of an epoch of logistic regression; the answer is losses of some epochs."""
    given = data["a"], data["b"]
    run = functools.partial(stochastic.epochs, given, way)
    return run, run(len(data["orders"])), ABOUT


def network_epochs(data):
    """Return the job of 20 epochs of a network, 20 times the work; the answer is x after some."""
    run = functools.partial(network.epochs, (data["a"], data["b"]), data["x0"])
    return lambda: run(20), run(len(data["orders"])), {**ABOUT, "part": 20.0}


@numba.njit
def double_decay(t, height, fast, share, slow):
    return height * (share * np.exp(-fast * t) + (1.0 - share) * np.exp(-slow * t))


def shared_fits(data):
    """Return the job of a fit with two shared parameters, nothing tuned."""

    def job():
        return fastopt.curve_fit_batch(
            double_decay, data["t"], data["y"], data["x0"], shared=[1, 3]
        )

    return job, job().x, ABOUT


if __name__ == "__main__":
    turns.take_part(
        {
            **{
                f"{name.lower()}{how}": functools.partial(sweep, name, policy)
                for name in ("RMSProp", "AdaGrad", "Adam")
                for how, policy in (("", "propagate"), (", checked", "raise"))
            },
            "shared": shared_fits,
            "iterations": iterations,
            "solve": solve,
            "solve, prepared": prepared,
            "gradient": gradient,
            "to gtol": functools.partial(to_gtol, batch.misfit),
            "to gtol, fastmath": functools.partial(to_gtol, batch.free),
            "fixed": functools.partial(fixed, batch.misfit),
            "fixed, fastmath": functools.partial(fixed, batch.free),
            "peaks": functools.partial(peaks, None),
            "peaks, loose": functools.partial(peaks, 3e-10),
            "peaks, minimize_batch": minimized_peaks,
            "network": network_epochs,
            **{f"epochs, {way}": functools.partial(epochs, way) for way in stochastic.WAYS},
        }
    )

"""The works of the contests: their data, their contestants, and the checks of their answers."""

import dataclasses
import functools
from collections.abc import Callable

import numba
import numpy as np

from .. import stochastic
from ..helpers import decay_fits, limits

THREADS = numba.get_num_threads()


@dataclasses.dataclass(frozen=True)
class Entry:
    """A contestant: a program of `programs/` and the name of its job."""

    name: str
    program: str
    job: str


@dataclasses.dataclass(frozen=True)
class Work:
    """One work. `differs(answer)` returns a text on how an answer is wrong, "" if it is right."""

    name: str
    title: str
    data: Callable[[], dict]
    differs: Callable[[np.ndarray], str]
    entries: tuple[Entry, ...]
    limit: Callable[[], float] | None = None
    whole: bool = False  # whether a turn is a whole process


# One step over an array, with a constant gradient.

SIZES = {"1,000": 1_000, "1M": 1_000_000, "20M": 20_000_000}
STEPS = 5


@functools.lru_cache(1)
def arrays(shape, dtype):
    rng = np.random.default_rng(6)
    x, g = (rng.uniform(-1.0, 1.0, shape).astype(dtype) for _ in range(2))
    return {"x": x, "g": g, "steps": STEPS}


def stepped(method, x, g):
    """Return x after the steps, in float64, by the closed form for a constant gradient."""
    for t in range(1, STEPS + 1):
        share = {"rmsprop": 1.0 - 0.9**t, "adagrad": t, "adam": 1.0}[method]
        x = x - 1e-3 * g / np.sqrt(share * g * g + 1e-16)
    return x


def sweep(method, size, dtype, count=None):
    """Return the work of a step over one array of a size, or over a list of `count` such arrays.

    The place of epsilon differs among peers, and matters at tiny g only. Peers do not check whether
    gradients are finite; fastopt does by default.
    """
    n, slots = SIZES[size], 2 if method == "adam" else 1
    shape = (count, n) if count else (n,)
    threads = THREADS if n >= 1_000_000 else 1  # waking others takes longer than the work
    over = f"{count} arrays of {size} {dtype}" if count else f"{size} {dtype}"

    def differs(answer):
        x, g = (arrays(shape, dtype)[name].ravel()[:100_000].astype(float) for name in ("x", "g"))
        away = np.abs(answer.ravel()[:100_000] - stepped(method, x, g))[np.abs(g) > 0.05].max()
        return "" if away <= 1e-6 else f"x is {away:.2g} away after {STEPS} steps"

    entries = [
        Entry("fastopt", "ours.py", method),
        Entry("fastopt, gradients checked", "ours.py", f"{method}, checked"),
        Entry("torch, foreach", "by_torch.py", f"{method}, foreach"),
        Entry("torch, fused", "by_torch.py", f"{method}, fused"),
        Entry("optax, buffers donated", "by_optax.py", method),
        Entry("NumPy, in place", "by_numpy.py", method),
    ]
    if method == "rmsprop":
        del entries[3]  # torch has none
    if count:
        del entries[-1]  # NumPy's time is `count` times that over one array
    limit = functools.partial(limits.stream, dtype, slots, n, threads)
    return Work(
        f"{method} over {over}",
        f"One step of {method} over {over}",
        functools.partial(arrays, shape, dtype),
        differs,
        tuple(entries),
        None if count else limit,
    )


# One problem: the Rosenbrock function, of two or many parameters.

ITERATIONS, SOME = 10_000, 1_000


def slope(x):
    """Return the gradient of the Rosenbrock function of pairs."""
    a, b, g = x[1::2] - x[::2] ** 2, 1.0 - x[::2], np.empty_like(x)
    g[::2], g[1::2] = -400.0 * x[::2] * a - 2.0 * b, 200.0 * a
    return g


def descended(gradient, x, rate, iterations):
    """Return x after iterations of RMSProp, by the formulas."""
    v = np.zeros_like(x)
    for _ in range(iterations):
        g = gradient(x)
        v = 0.9 * v + 0.1 * g * g
        x = x - rate * g / np.sqrt(v + 1e-8)
    return x


def iterated(answer):
    away = np.abs(answer - descended(slope, np.array([-1.2, 1.0]), 1e-4, SOME)).max()
    return "" if away <= 1e-7 else f"x is {away:.2g} away after {SOME} iterations"


iterations = Work(
    "iterations",
    f"{ITERATIONS:,} iterations of RMSProp on the Rosenbrock function, its gradient by hand",
    lambda: {"x0": np.array([-1.2, 1.0]), "iterations": ITERATIONS, "some": SOME},
    iterated,
    (
        Entry("fastopt", "ours.py", "iterations"),
        Entry("optax, one compiled loop", "by_optax.py", "iterations"),
        Entry("torch", "by_torch.py", "iterations"),
        Entry("NumPy", "by_numpy.py", "iterations"),
    ),
    lambda: limits.rosenbrock() * ITERATIONS,
)


def solved(answer):
    """Return "" if an answer is at the minimum, else its gradient as a text."""
    g = np.abs(slope(answer)).max()
    return "" if g <= 1e-5 else f"its gradient is {g:.2g}"


def start(n):
    if n == 2:
        return {"x0": np.array([-1.2, 1.0])}
    return {"x0": np.random.default_rng(5).uniform(-1.5, 1.5, n)}


def solve(n):
    """Return the work of a whole solve, with nothing tuned, to a gradient of 1e-5."""
    size = f"{n:,}"
    # Matrices of BFGS have n² elements.
    dense = [
        Entry("SciPy BFGS", "by_scipy.py", "solve, BFGS"),
        Entry("jaxopt BFGS", "by_jax.py", "solve, jaxopt BFGS"),
        Entry("optimistix BFGS", "by_jax.py", "solve, optimistix BFGS"),
    ]
    return Work(
        f"solve, {size} parameters",
        f"A solve of the Rosenbrock function, {size} parameters, to a gradient of 1e-5",
        functools.partial(start, n),
        solved,
        (
            Entry("fastopt", "ours.py", "solve"),
            Entry("SciPy L-BFGS-B", "by_scipy.py", "solve, L-BFGS-B"),
            Entry("jaxopt LBFGS", "by_jax.py", "solve, jaxopt LBFGS"),
            *(dense if n < 1_000 else ()),
        ),
    )


# Very many problems: decay fits of three parameters to 64 points.

FITS, EARLY = 10_000, 20


def decays():
    t, y = decay_fits.make(FITS)
    return {"t": t, "y": y, "some": EARLY}


def slopes(x, t, y):
    """Return the gradients of the fits, a row each."""
    with np.errstate(all="ignore"):  # the answer of a diverged solver overflows here
        e = np.exp(-x[:, 1:2] * t)
        r = x[:, :1] * e + x[:, 2:] - y
        return np.stack([2 * (r * e).sum(1), -2 * x[:, 0] * (r * t * e).sum(1), 2 * r.sum(1)], 1)


def fitted(answer):
    """Return "" if 99.9 % of the fits in an answer have a gradient of 1e-6 at most."""
    g = np.abs(slopes(answer, decays()["t"], decays()["y"][: len(answer)])).max(1)
    within = np.mean(g <= 1e-6)  # NaN counts as a miss
    return "" if within >= 0.999 else f"{within:.2%} of its fits have a gradient of 1e-6 at most"


def early(answer):
    data = decays()
    gradient = functools.partial(slopes, t=data["t"], y=data["y"])
    away = np.abs(answer - descended(gradient, np.ones((FITS, 3)), 0.01, EARLY)).max(1)
    most = np.quantile(away, 0.99)  # at almost zero gradients the place of epsilon matters
    return "" if most <= 1e-6 else f"x is {most:.2g} away after {EARLY} iterations"


to_gtol = Work(
    "fits to gtol 1e-6",
    f"{FITS:,} decay fits of 3 parameters to 64 points, to a gradient of 1e-6, nothing tuned",
    decays,
    fitted,
    (
        Entry("fastopt", "ours.py", "to gtol"),
        Entry("fastopt, fastmath", "ours.py", "to gtol, fastmath"),
        Entry("optimistix BFGS", "by_jax.py", "optimistix BFGS, fastest way"),
        Entry("optimistix BFGS, vmap", "by_jax.py", "optimistix BFGS, vmap"),
        Entry("optimistix LM", "by_jax.py", "optimistix LM, fastest way"),
        Entry("optimistix LM, vmap", "by_jax.py", "optimistix LM, vmap"),
        Entry("jaxopt LM", "by_jax.py", "jaxopt LM, fastest way"),
        Entry("jaxopt LM, vmap", "by_jax.py", "jaxopt LM, vmap"),
        Entry("jaxopt BFGS", "by_jax.py", "jaxopt BFGS, fastest way"),
        Entry("SciPy L-BFGS-B, a loop", "by_scipy.py", "L-BFGS-B"),
        Entry("SciPy curve_fit, a loop", "by_scipy.py", "curve_fit"),
        Entry("SciPy curve_fit with jac, a loop", "by_scipy.py", "curve_fit, jac"),
        Entry("SciPy leastsq with Dfun, a loop", "by_scipy.py", "leastsq, Dfun"),
    ),
    lambda: limits.fits()["fits_auto"],
)

fixed = Work(
    "fits, 500 iterations",
    f"{FITS:,} decay fits, 500 iterations of RMSProp each",
    decays,
    early,
    (
        Entry("fastopt", "ours.py", "fixed"),
        Entry("fastopt, fastmath", "ours.py", "fixed, fastmath"),
        Entry("optax, jax.grad", "by_optax.py", "fixed, fastest way"),
        Entry("optax, jax.grad, vmap", "by_optax.py", "fixed, vmap"),
        Entry("optax, gradient by hand", "by_optax.py", "fixed, by hand"),
        Entry("torch, autograd", "by_torch.py", "fixed"),
        Entry("NumPy, gradient by hand", "by_numpy.py", "fixed"),
    ),
    lambda: limits.fits()["fits_fixed"],
)


def points():
    """Return the points at which the gradients are evaluated."""
    rng, (t, y) = np.random.default_rng(7), decay_fits.make(FITS)
    return {"t": t, "y": y, "x": rng.uniform([0.7, 0.4, 0.0], [3.9, 2.6, 1.3], (FITS, 3))}


def exact(answer):
    data = points()
    away = np.abs(answer - slopes(data["x"], data["t"], data["y"])).max()
    return "" if away <= 1e-9 else f"its gradients are {away:.2g} away"


gradient = Work(
    "gradients",
    f"Value and derived gradient of {FITS:,} decay fits",
    points,
    exact,
    (Entry("fastopt", "ours.py", "gradient"), Entry("JAX", "by_jax.py", "gradient")),
)

# A finite sum: logistic regression by mini-batches.


@functools.cache
def rows():
    (a, b), rule = stochastic.make(), (stochastic.RATE, stochastic.RHO, stochastic.EPS)
    return {"a": a, "b": b, "orders": stochastic.orders(2), "rule": rule, "batch": stochastic.BATCH}


def learnt(answer):
    data = rows()
    away = np.abs(answer / stochastic.losses(data["a"], data["b"], data["orders"]) - 1.0).max()
    return "" if away <= 1e-5 else f"the losses of the first epochs differ by {away:.2g} of them"


epoch = Work(
    "epoch",
    f"An epoch of logistic regression, {stochastic.ROWS:,} rows of {stochastic.N} float32 in "
    f"mini-batches of {stochastic.BATCH}, RMSProp",
    rows,
    learnt,
    (
        *(Entry(f"fastopt, {way}", "ours.py", f"epochs, {way}") for way in stochastic.WAYS),
        Entry("optax, one compiled scan", "by_optax.py", "epochs"),
        Entry("torch", "by_torch.py", "epochs, autograd"),
        Entry("torch, gradient by hand", "by_torch.py", "epochs, by hand"),
    ),
)

first = Work(
    "first answer",
    "A new process, until it has solved the 2-D Rosenbrock function (caches on disk warm)",
    functools.partial(start, 2),
    solved,
    (
        Entry("fastopt", "first.py", "fastopt"),
        Entry("SciPy L-BFGS-B, plain Python", "first.py", "SciPy"),
        Entry("jaxopt BFGS", "first.py", "jaxopt"),
        Entry("torch LBFGS", "first.py", "torch"),
    ),
    whole=True,
)

WORKS = {
    work.name: work
    for work in (
        sweep("rmsprop", "1,000", "float32"),
        sweep("rmsprop", "1,000", "float32", 200),
        sweep("rmsprop", "1M", "float32"),
        sweep("rmsprop", "20M", "float32"),
        sweep("rmsprop", "20M", "float64"),
        sweep("adagrad", "20M", "float32"),
        sweep("adam", "20M", "float32"),
        iterations,
        solve(2),
        solve(10_000),
        gradient,
        to_gtol,
        fixed,
        epoch,
        first,
    )
}

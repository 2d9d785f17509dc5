"""Contests on very many problems: decay fits of three parameters to 64 points."""

import functools

import numpy as np

from ..helpers import decay_fits, limits
from .contest_types import Entry, Work
from .rmsprop_formulas import descended

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

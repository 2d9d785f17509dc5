"""Contests of derived gradients of many parameters, which are functions in loops or on arrays."""

import functools

import numpy as np

from .contest_types import Entry, Work
from .programs import objectives as forms

TITLES = {
    "rosenbrock": "the chained Rosenbrock function of 1,000 parameters, a loop",
    "logistic": "a logistic regression of 200 parameters and 2,000 rows, on arrays",
    "network": "a network 64-32-10 of 2,410 parameters on 256 rows, in loops",
    "variation": "the smoothed total variation of an image of 4,096 pixels, a loop",
    "factorisation": "a matrix factorisation of 2,800 parameters, with index arrays",
    "trajectory": "200 Runge-Kutta steps of ten states, 100 parameters, on arrays",
}


@functools.cache
def data(name):
    """Return x and the arguments of an objective, in their order."""
    rng = np.random.default_rng(11)
    if name == "rosenbrock":
        return {"x": rng.uniform(-1.5, 1.5, 1_000)}
    if name == "logistic":
        labels = np.where(rng.random(2_000) < 0.5, 1.0, -1.0)
        return {"x": 0.1 * rng.normal(size=200), "a": rng.normal(size=(2_000, 200)), "y": labels}
    if name == "network":
        size = (forms.INPUTS + 1) * forms.HIDDEN + (forms.HIDDEN + 1) * forms.CLASSES
        rows = rng.normal(size=(forms.ROWS, forms.INPUTS))
        classes = rng.integers(forms.CLASSES, size=forms.ROWS)
        return {"x": 0.2 * rng.normal(size=size), "a": rows, "k": classes}
    if name == "variation":
        return {"x": rng.random(forms.SIDE**2), "y": rng.random(forms.SIDE**2)}
    if name == "factorisation":
        size, count = (forms.USERS + forms.ITEMS) * forms.RANK, 5_000
        i, j = rng.integers(forms.USERS, size=count), rng.integers(forms.ITEMS, size=count)
        return {"x": 0.5 * rng.normal(size=size), "i": i, "j": j, "r": rng.normal(size=count)}
    states = rng.normal(size=(2, forms.STATES))
    return {"x": 0.3 * rng.normal(size=forms.STATES**2), "start": states[0], "end": states[1]}


def differs(name, answer):
    """Return "" if a gradient has the slope of the complex step along two directions."""
    x, *args = data(name).values()
    for seed in (1, 2):
        way = np.random.default_rng(seed).normal(size=x.size)
        slope = forms.OBJECTIVES[name](np, x + 1e-40j * way, *args).imag / 1e-40
        away = abs(answer @ way - slope) / np.linalg.norm(answer) / np.linalg.norm(way)
        if not away <= 1e-13:
            return f"a slope is {away:.2g} away"
    return ""


def gradient(name):
    """Return the work of the value and gradient of an objective."""
    return Work(
        f"gradient of {name}",
        f"Value and gradient of {TITLES[name]}",
        functools.partial(data, name),
        functools.partial(differs, name),
        (
            Entry("fastopt", "our_gradients.py", f"{name}, gradients"),
            Entry("fastopt, the value alone", "our_gradients.py", f"{name}, values"),
            Entry("JAX", "jax_gradients.py", name),
        ),
    )


WORKS = [gradient(name) for name in TITLES]

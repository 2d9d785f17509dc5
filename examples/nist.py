"""Eight regression problems of NIST's Statistical Reference Datasets, as objectives to minimise.

``load(name)`` reads a data set, ``MODELS[name]`` is the curve ``model(b, x)`` to fit to it, and
``misfit(model)`` the residual sum of squares ``fun(b, x, y)``. No gradient is written down:
fastopt derives it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Dataset:
    """Observations, the two starts NIST proposes, and the results it certifies to 11 digits."""

    name: str
    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, str]
    starts: tuple[np.ndarray, np.ndarray]
    certified: np.ndarray
    certified_std: np.ndarray
    certified_rss: float


def load(name):
    """Read one of ``MODELS`` from its CSV file, whose '#' lines are ``key: value`` pairs."""
    path = Path(__file__).resolve().parent / "data" / "nist" / f"{name.lower()}.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    head = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))

    def numbers(key):
        return np.array(head[key].split(","), dtype=float)

    return Dataset(
        head["name"],
        *np.loadtxt(path, delimiter=",", skiprows=len(head) + 1, unpack=True),
        labels=(head["x"], head["y"]),
        starts=(numbers("start 1"), numbers("start 2")),
        certified=numbers("certified values"),
        certified_std=numbers("certified standard deviations"),
        certified_rss=float(head["certified residual sum of squares"]),
    )


@njit
def misra1a(b, x):
    return b[0] * (1 - np.exp(-b[1] * x))


@njit
def danwood(b, x):
    return b[0] * x ** b[1]


@njit
def chwirut2(b, x):
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


@njit
def rat42(b, x):
    return b[0] / (1 + np.exp(b[1] - b[2] * x))


@njit
def mgh17(b, x):
    return b[0] + b[1] * np.exp(-b[3] * x) + b[2] * np.exp(-b[4] * x)


@njit
def gauss1(b, x):
    """Return two Gaussian peaks on a decaying baseline."""
    first = b[2] * np.exp(-(((x - b[3]) / b[4]) ** 2))
    second = b[5] * np.exp(-(((x - b[6]) / b[7]) ** 2))
    return b[0] * np.exp(-b[1] * x) + first + second


@njit
def cubic_ratio(b, x):
    above = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return above / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


MODELS = {
    "Misra1a": misra1a,
    "DanWood": danwood,
    "Chwirut2": chwirut2,
    "Rat42": rat42,
    "MGH17": mgh17,
    "Gauss1": gauss1,
    "Hahn1": cubic_ratio,
    "Thurber": cubic_ratio,
}


def misfit(model):
    """Return the residual sum of squares of a model, a compiled function of (b, x, y)."""

    @njit
    def residual_sum(b, x, y):
        return np.sum((model(b, x) - y) ** 2)

    return residual_sum

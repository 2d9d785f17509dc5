"""Problems that `learning_rate="auto"` solves, and its evaluations, with nothing tuned.

`python -m benchmarks.quality` prints the tables and draws the profiles (reports/quality_report.py).
"""

import numpy as np

import fastopt

from .helpers import classical
from .helpers.shared import METHODS, from_folder

CERTIFIED = 11  # digits that NIST certifies


class Quality:
    """Benchmarks that solve everything once, in `setup_cache`; missing methods are n/a."""

    timeout = 600

    def setup(self, found, *of):
        if of not in found:
            raise NotImplementedError("this fastopt cannot do it")


class Classical(Quality):
    """The 35 problems of Moré, Garbow and Hillstrom, from their starts and from farther ones.

    The limit of the unsolved share is 0. Evaluations have no limit: 1 is the number of L-BFGS-B.
    """

    params = (METHODS, classical.FACTORS)
    param_names = ("method", "times the start")

    def setup_cache(self):
        found, names = {}, [m for m in METHODS if m in fastopt.methods()]
        for factor in classical.FACTORS:
            hits = classical.measure(factor, [*names, classical.REFERENCE])[:, :, 0]
            ratios = classical.over_reference(hits, [*names, classical.REFERENCE])
            for k, name in enumerate(names):
                found[name, factor] = float((hits[:, k] == 0).mean()), float(np.median(ratios[k]))
        return found

    def track_unsolved(self, found, *of):
        return found[of][0]

    track_unsolved.unit = "of the problems"

    def track_evaluations(self, found, *of):
        return found[of][1]

    track_evaluations.unit = "times L-BFGS-B's evaluations"


class Nist(Quality):
    """Digits that the worst parameter lacks of the 11 that NIST certifies, mean of eight problems.

    The starts are NIST's far ones (1) and near ones (2), with 200,000 evaluations at most. The
    limit is 0. From start 1 no method finds MGH17's minimum, which alone makes 11 / 8.
    """

    params = (METHODS, (1, 2))
    param_names = ("method", "start")
    unit = "digits"

    def setup_cache(self):
        nist = from_folder("examples", "nist")
        names = [m for m in METHODS if m in fastopt.methods()]
        if not hasattr(fastopt, "value_and_grad"):
            return {}
        lack = {(name, start): [] for name in names for start in (1, 2)}
        for name, model in nist.MODELS.items():
            data = nist.load(name)
            pair = fastopt.value_and_grad(nist.misfit(model), size=data.certified.size)
            for method, start in lack:
                x = fit(pair, data, method, data.starts[start - 1])
                lack[method, start].append(CERTIFIED - digits(x, data.certified))
        return {of: float(np.mean(values)) for of, values in lack.items()}

    def track_missing(self, found, *of):
        return found[of]


def fit(pair, data, method, x0):
    """Return the solution of a fit; the loop is Python's, to compile nothing for each method."""
    return fastopt.minimize(
        lambda *args: pair(*args),
        x0,
        (data.x, data.y),
        method=method,
        jac=True,
        options={"maxfev": 200_000},
    ).x


def digits(x, certified):
    """Return the number of digits that the worst parameter shares with the certified ones."""
    error = np.max(np.abs(x - certified) / np.abs(certified))
    return float(np.clip(-np.log10(max(error, 1e-16)), 0, CERTIFIED)) if error < 1 else 0.0


if __name__ == "__main__":
    from .reports.quality_report import main

    main()

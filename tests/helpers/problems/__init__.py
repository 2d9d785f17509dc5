"""Test problems, in tables that drive tests and benchmarks.

`CLASSICAL`: J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing Unconstrained Optimization
Software", ACM Transactions on Mathematical Software 7 (1981) 17-41, all 35 with their numbers and
standard starts. Each is a plain scalar function, to be called, compiled or differentiated. Where n
is free it is the one that the paper gives a minimum for, 4 to 12.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .fits import (
    bard,
    biggs_exp6,
    box_3d,
    brown_dennis,
    gaussian,
    gulf,
    jennrich_sampson,
    kowalik,
    meyer,
    osborne_1,
    osborne_2,
    watson,
)
from .systems import (
    boundary_value,
    brown_almost_linear,
    broyden_banded,
    broyden_tridiagonal,
    chebyquad,
    integral_equation,
    linear_full_rank,
    linear_rank_1,
    linear_rank_1_zero,
    penalty_1,
    penalty_2,
    trigonometric,
    variable_dimension,
)
from .valleys import (
    beale,
    brown_badly_scaled,
    freudenstein_roth,
    helical_valley,
    powell_badly_scaled,
    powell_singular,
    rosenbrock,
    rosenbrock_jac,
    wood,
    wood_jac,
)

__all__ = ["CLASSICAL", "Problem", "rosenbrock", "rosenbrock_jac", "wood", "wood_jac"]


class Problem(NamedTuple):
    """A test problem; the first of its minima is the least, the others are local ones."""

    number: int
    name: str
    fun: Callable
    x0: np.ndarray
    minima: tuple = (0.0,)

    def start(self, factor=1.0):
        """The start, times a factor; a start of zeros becomes the factor, as in MINPACK's tests."""
        if factor != 1.0 and not self.x0.any():
            return np.full_like(self.x0, factor)
        return factor * self.x0

    def solved(self, f, accuracy=1e-6):
        """Whether f lies as near to one of the minima as is wanted."""
        return any(abs(f - m) <= accuracy * (1.0 + abs(m)) for m in self.minima)


def _table(*rows):
    return [Problem(k, name, fun, np.array(x0, float), *more) for k, name, fun, x0, *more in rows]


_NINTHS = np.arange(1, 9) / 9.0
_ELEVENTHS = np.arange(1, 11) / 11.0
_BENT = _ELEVENTHS * (_ELEVENTHS - 1.0)
_OSBORNE_2 = [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5]

# Local minima besides the paper's, where there are many, found by multistart or published by
# Kuntsevich and Kappel (SolvOpt); each by Newton's method in 60 digits. Limits at infinity are
# marked.
_BARD = (
    *(8.214877306578975e-3, 17.42869333333333),  # the second a limit
    *(0.9327752438983008, 1.003820586821948, 1.774926777815261, 1.886274813591353),
    *(2.289905818556589, 2.362916297191847),
)
_KOWALIK = (
    *(3.0750560384923743e-4, 1.027343048695458e-3, 1.794539060564491e-3),  # the last two limits
    *(4.236746264698345e-4, 1.594352026021962e-3, 1.622955515064394e-3, 1.627285421160938e-3),
    1.739220051357617e-3,
)
_BIGGS = (0.0, 5.655649925499931e-3, 0.3063667726247898)  # the last two along flat valleys
_BUMPS = (
    *(4.013773629354774e-2, 1.789813586881093, 26.305657),  # the last two limits
    *(8.759472409341582e-2, 0.1136073478090495, 0.1190740978682181, 0.1240979378611383),
    *(0.1751108353331582, 0.2025651959036075, 0.2746855491372154, 0.3012175922978756),
    *(0.3045063887092270, 0.3093211424745832),
)
_TRIGONOMETRIC = (
    *(0.0, 4.473565812806295e-7, 2.795056121879456e-5, 4.218633887923726e-5),
    8.788225218218983e-4,
)
_ALMOST_LINEAR = (0.0, 1.0, 0.9179000997857038, 1.841248366088505)
_TRIDIAGONAL = (
    *(0.0, 0.3973734689585308, 0.7126060173126229, 1.028652035677950, 1.051226188383560),
    *(1.349536123741271, 1.360255904738399),
)
_BANDED = (0.0, 2.680219920726136, 3.057278432425819, 12.59394180783145, 12.85769660763559)

CLASSICAL = _table(
    (1, "Rosenbrock", rosenbrock, [-1.2, 1.0]),
    (2, "Freudenstein-Roth", freudenstein_roth, [0.5, -2.0], (0.0, 48.98425367924002)),
    (3, "Powell badly scaled", powell_badly_scaled, [0.0, 1.0], (0.0, 1.040294003961639)),
    (4, "Brown badly scaled", brown_badly_scaled, [1.0, 1.0]),
    (5, "Beale", beale, [1.0, 1.0]),
    (6, "Jennrich-Sampson", jennrich_sampson, [0.3, 0.4], (124.36218235561485, 259.5801901342533)),
    (7, "helical valley", helical_valley, [-1.0, 0.0, 0.0]),
    (8, "Bard", bard, [1.0, 1.0, 1.0], _BARD),
    (9, "Gaussian", gaussian, [0.4, 1.0, 0.0], (1.127932769618648e-8,)),
    (10, "Meyer", meyer, [0.02, 4000.0, 250.0], (87.94585517085112,)),
    (11, "Gulf", gulf, [5.0, 2.5, 0.15]),
    (12, "Box 3-D", box_3d, [0.0, 10.0, 20.0]),
    (13, "Powell singular", powell_singular, [3.0, -1.0, 0.0, 1.0]),
    (14, "Wood", wood, [-3.0, -1.0, -3.0, -1.0]),
    (15, "Kowalik-Osborne", kowalik, [0.25, 0.39, 0.415, 0.39], _KOWALIK),
    (16, "Brown-Dennis", brown_dennis, [25.0, 5.0, -5.0, -1.0], (85822.20162635634,)),
    (17, "Osborne 1", osborne_1, [0.5, 1.5, -1.0, 0.01, 0.02], (5.464894697482906e-5,)),
    (18, "Biggs EXP6", biggs_exp6, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], _BIGGS),
    (19, "Osborne 2", osborne_2, _OSBORNE_2, _BUMPS),
    (20, "Watson", watson, [0.0] * 6, (2.287670053552436e-3,)),
    (21, "extended Rosenbrock", rosenbrock, [-1.2, 1.0] * 5),
    (22, "extended Powell singular", powell_singular, [3.0, -1.0, 0.0, 1.0] * 3),
    (23, "penalty I", penalty_1, [1.0, 2.0, 3.0, 4.0], (2.249977500899937e-5,)),
    (24, "penalty II", penalty_2, [0.5] * 4, (9.376293007355442e-6,)),
    (25, "variably dimensioned", variable_dimension, 1.0 - np.arange(1, 11) / 10.0),
    (26, "trigonometric", trigonometric, [0.1] * 10, _TRIGONOMETRIC),
    (27, "Brown almost-linear", brown_almost_linear, [0.5] * 10, _ALMOST_LINEAR),
    (28, "discrete boundary value", boundary_value, _BENT),
    (29, "discrete integral equation", integral_equation, _BENT),
    (30, "Broyden tridiagonal", broyden_tridiagonal, [-1.0] * 10, _TRIDIAGONAL),
    (31, "Broyden banded", broyden_banded, [-1.0] * 10, _BANDED),
    (32, "linear, full rank", linear_full_rank, [1.0] * 10, (10.0,)),
    (33, "linear, rank 1", linear_rank_1, [1.0] * 10, (20.0 * 19.0 / (2.0 * 41.0),)),
    (34, "linear, rank 1, zeros", linear_rank_1_zero, [1.0] * 10, (227.0 / 37.0,)),
    (35, "Chebyquad", chebyquad, _NINTHS, (3.516873725677932e-3,)),
)

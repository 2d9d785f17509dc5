"""Functions with kinks, steps, flat places, or without a minimum."""

import math

from .case import CONVERGED, ENDLESS, LONG, ROUGH_END, case

COSINES = tuple(math.cos(0.4 * math.pi * k) for k in range(5))
SINES = tuple(math.sin(0.4 * math.pi * k) for k in range(5))


def absolute(x):
    f = 0.0
    for i in range(len(x)):
        f += abs(x[i])
    return f


def weighted_absolute(x):
    """Weights 0.01, 0.1, ..., kinks at 1, 2, ..."""
    f = 0.0
    for i in range(len(x)):
        f += 10.0 ** (i - 2.0) * abs(x[i] - (i + 1.0))
    return f


def huber(x):
    """Quadratic within 1 of 2, linear beyond."""
    f = 0.0
    for i in range(len(x)):
        r = abs(x[i] - 2.0)
        f += 0.5 * r * r if r <= 1.0 else r - 0.5
    return f


def largest(x):
    f = 0.0
    for i in range(len(x)):
        f = max(f, abs(x[i]))
    return f


def pentagon(x):
    """The largest of five linear functions."""
    f = COSINES[0] * x[0] + SINES[0] * x[1]
    for k in range(1, 5):
        f = max(f, COSINES[k] * x[0] + SINES[k] * x[1])
    return f


def wolfe(x):
    """Wolfe (1975): convex; steepest descent with exact searches ends at 0, a kink, no minimum."""
    if x[0] >= abs(x[1]):
        return 5.0 * math.sqrt(9.0 * x[0] ** 2 + 16.0 * x[1] ** 2)
    if x[0] > 0.0:
        return 9.0 * x[0] + 16.0 * abs(x[1])
    return 9.0 * x[0] + 16.0 * abs(x[1]) - x[0] ** 9


def kinked_rosenbrock(x):
    return 8.0 * abs(x[0] ** 2 - x[1]) + (1.0 - x[0]) ** 2


def power_three_halves(x):
    """The slope is continuous, the curvature is infinite at 0."""
    f = 0.0
    for i in range(len(x)):
        f += abs(x[i]) ** 1.5
    return f


def cusp(x):
    f = 0.0
    for i in range(len(x)):
        f += math.sqrt(abs(x[i]))
    return f


def staircase(x):
    """The gradient is 0 wherever there is one."""
    f = 0.0
    for i in range(len(x)):
        f += math.floor(abs(x[i]))
    return f


def sloping_staircase(x):
    """Steps of 0.01 on a bowl, of which the gradient shows nothing."""
    return 0.01 * math.floor(100.0 * (x[0] - 1.0) ** 2)


def clipped(x):
    """Flat beyond 1."""
    return min(x[0] ** 2, 1.0)


def flat_bottom(x):
    r = max(abs(x[0]) - 1.0, 0.0)
    return r * r + max(abs(x[1]) - 1.0, 0.0) ** 2


def fourth_powers(x):
    f = 0.0
    for i in range(len(x)):
        f += (x[i] - 1.0) ** 4
    return f


def eighth_powers(x):
    f = 0.0
    for i in range(len(x)):
        f += (x[i] - 1.0) ** 8
    return f


def flat(x):
    """All derivatives are 0 at the minimum."""
    return math.exp(-1.0 / x[0] ** 2) if x[0] != 0.0 else 0.0


def constant(x):
    return 3.0


def constant_of_x(x):
    return 3.0 + 0.0 * x[0]


def falling(x):
    return -x[0]


def falling_exponential(x):
    return -math.exp(x[0]) if x[0] < 709.0 else -math.inf


def cubic(x):
    return x[0] ** 3


def saddle(x):
    return x[0] ** 2 - x[1] ** 2


def decaying(x):
    """Falls to 0, which no x attains."""
    return math.exp(-x[0])


def separable_classes(x):
    """Logistic regression of classes that a line separates: falls to 0, which no x attains."""
    f = 0.0
    for k in range(1, 6):
        margin = 0.5 * k * (x[0] + 0.1 * k * x[1])
        f += (
            math.log1p(math.exp(-margin)) if margin > 0.0 else math.log1p(math.exp(margin)) - margin
        )
    return f


# A search along gradients need not find the minimum at a kink, but then it must not claim to.
_KINK = {"accuracy": 1e-3, "statuses": ROUGH_END}
_ANY = (*CONVERGED, *ENDLESS)
_FIVE = [3.0, -2.0, 1.0, 0.5, -4.0]

ROUGH = [
    case("sum of |x|, n = 1", absolute, [3.0], solution=0.0, **_KINK),
    case("sum of |x|, n = 5", absolute, _FIVE, solution=0.0, **_KINK),
    case("weighted |x - c|", weighted_absolute, _FIVE, solution=range(1, 6), **_KINK),
    case("largest |x|", largest, _FIVE, solution=0.0, **_KINK),
    case("pentagon", pentagon, [3.0, 1.0], solution=0.0, **_KINK),
    case("Wolfe", wolfe, [5.0, 4.0], -8.0, solution=[-1.0, 0.0], **_KINK),
    case("kinked Rosenbrock", kinked_rosenbrock, [-1.2, 1.0], solution=1.0, **_KINK),
    case("root of |x|", cusp, [3.0, -2.0], solution=0.0, **_KINK),
    case("Huber", huber, _FIVE, solution=2.0),
    case("|x| to the 3/2", power_three_halves, _FIVE, solution=0.0),
    case("flat bottom", flat_bottom, [7.0, -30.0]),
    case("fourth powers", fourth_powers, _FIVE, solution=1.0),
    case("eighth powers", eighth_powers, _FIVE, solution=1.0),
    case("exp(-1 / x^2), from 1", flat, [1.0], solution=0.0),
    # On the shoulder the slope is small too, and a long step may end where it is below gtol.
    case("exp(-1 / x^2), from 20", flat, [20.0], 0.0, 1.0, solution=0.0, statuses=LONG),
    # The gradient is 0, and that is all that a method can know.
    case("staircase", staircase, [3.2, -2.3, 1.4, 0.5, -4.6], 0.0, 10.0),
    case("sloping staircase", sloping_staircase, [3.055], 0.0, 4.22),
    case("clipped, from the plateau", clipped, [3.0], 0.0, 1.0),
    case("clipped, from the slope", clipped, [0.9], 0.0, 1.0, solution=0.0),
    case("constant", constant, [1.0, 2.0], 3.0, accuracy=0.0, reach=0.0, statuses=CONVERGED),
    case("constant of x", constant_of_x, [1.0, 2.0], 3.0, accuracy=0.0, reach=0.0),
    case("-x", falling, [1.0], -math.inf, statuses=ENDLESS, reach=0.0),
    case("-exp(x)", falling_exponential, [1.0], -math.inf, statuses=ENDLESS),
    # The gradient of x^3 is 0 at 0, and x^2 - y^2 has a saddle, the minimum along y = 0.
    case("x^3", cubic, [1.0], -math.inf, 0.0, statuses=_ANY),
    case("x^2 - y^2, from y = 0", saddle, [1.0, 0.0], -math.inf, 0.0, statuses=_ANY),
    case("x^2 - y^2, from beside it", saddle, [1.0, 1e-3], -math.inf, statuses=ENDLESS, reach=0.0),
    case("exp(-x)", decaying, [1.0], accuracy=1e-5),
    case("classes that a line separates", separable_classes, [0.0, 0.0], accuracy=1e-5),
]

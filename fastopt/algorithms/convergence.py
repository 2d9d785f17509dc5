"""The tests that end the search of `automatic_rate`, on quantities without units.

The conditions are those of Gill, Murray and Wright (1981, section 8.2.3): the change of f, the step
and the gradient. Their units are f itself and the sizes of the components.
"""

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import (
    BOUNDED,
    CENTRAL,
    EPS,
    EPS_2_3,
    EXACT,
    FOURTH_ROOT_EPS,
    ROOT_EPS,
    SIZE,
    each,
    most,
    real,
)
from fastopt.algorithms.status_codes import FTOL, NO_STEP

ROUNDING_FLOOR = 1e-5  # fraction of the first gradient that rounding may leave
GAIN = 16.0  # roundings of f that a step may still gain
LEVEL = 6e-6  # change of f by a component's scale, over f, at which f is level
FALLEN = 1e-4  # fraction of the first gradient at which the model of f is trusted
LOWER = 0.01  # fraction of the first gradient below which it falls, and does not jump
LEAST_FALL = 1e-6  # fraction of the first gradient, or f, that differences may leave
FAR_BELOW = 0.01  # f over the pull at a minimum of zero that differences displace
VANISHING = 0.1  # fraction of f that a step must gain if f falls to zero
SMALL = 0.02  # step by the scales, in roots of epsilon, that ends a fall to zero
NOISE_SLOPE = 0.3  # relative change of a slope by a move; a slope of noise changes more
# The same where a component began with a scale by which it hardly moves f. Then moves of others may
# have changed its slope by more.
COUPLED_SLOPE = 1000.0
SHRUNK = 0.6  # fraction of the last trial's place of the minimum at which two trials disagree
NOISE = 0.05  # fraction at which they disagree by noise
PROMISED = 8.0  # roundings of f that a place must promise to be contradicted
SAME = 0.1  # relative difference of two curvatures that counts as rounding
FORGOTTEN = 1e-6  # fraction of its largest size below which a component still counts as such


def near_the_end(gain, f, first_f):
    """Return False if `converged` would return False whatever the size and the pull are.

    These cost a pass over the vectors. Far from the end most directions gain between the rounding
    of f and f itself.
    """
    level, falling = gain <= GAIN * EPS * abs(f), gain >= VANISHING * abs(f)
    return level or falling or gone(f, first_f) or not EXACT


def gone(f, first_f):
    """Return True if f fell to zero, maybe at infinity.

    A first f may be so large that nothing else is seen.
    """
    return abs(f) <= EPS * EPS * (EPS * EPS * min(abs(first_f), 1.0))


def converged(gain, size, f, pull, first_pull, first_f, kept):
    """Return True if the direction cannot improve f or x.

    The gain is minus the slope of f along it. The size is its largest component, over that of x.
    The pull is the largest change of f by a component's scale. A step to a minimum of zero gains as
    much as f itself, or more. There the step's size decides. A step that gains far less is only
    small compared with a component that was large before.
    """
    if nothing_gained(pull, f, first_pull, first_f):
        return False
    fallen = pull <= FALLEN * first_pull
    if gain <= GAIN * EPS * abs(f):
        low = max(LEVEL, ROOT_EPS) if fallen else ROOT_EPS
        # Every gradient is small compared with a large f. At a kink it jumps and never falls.
        lower = pull <= LOWER * first_pull or pull <= EPS_2_3 * abs(f)
        return lower and pull <= low * abs(f)
    if gone(f, first_f):
        return True
    if not EXACT and hidden_by_differences(gain, size, f, pull, first_pull, first_f):
        return True
    # Where f fell much farther than such a step explains, it began in a place of another steepness.
    near = fallen and abs(f) >= EPS * (EPS * EPS * abs(first_f))
    return kept > 0.0 and near and size <= SMALL * ROOT_EPS and gain >= VANISHING * abs(f)


def nothing_gained(pull, f, first_pull, first_f):
    """Return True if f has not fallen visibly, although the first pull was large.

    At a kink at zero, scales shrink with x. Then the pull falls without the slope. The first pull
    does not know bounds, which may block it.
    """
    sloping = f != 0.0 and pull > 0.0 and first_pull > FOURTH_ROOT_EPS * abs(f)
    return not BOUNDED and sloping and first_f - f <= GAIN * EPS * abs(f)


def hidden_by_differences(gain, size, f, pull, first_pull, first_f):
    """Return True if the error of differences hides whatever a step could gain.

    The relative error of a slope is the root of epsilon, or epsilon^(2/3) for central differences.
    It moves the minimum by about such a step, so that a minimum of zero looks level there.
    """
    if pull > LEAST_FALL * first_pull:
        return False
    unit, widest = (EPS_2_3, EPS_2_3) if CENTRAL else (ROOT_EPS, ROOT_EPS / GAIN)
    # The errors of slopes by rounding and by curvature, times the step. A larger gain is real,
    # even if it is small compared with f: the first steps along a valley gain little.
    error = unit * (size * abs(f) + 0.5 * pull)
    level = gain <= min(widest * abs(f), GAIN * error)
    if level and pull <= FOURTH_ROOT_EPS * abs(f):
        return True
    fallen = pull <= (EPS_2_3 if CENTRAL else GAIN * ROOT_EPS) * first_pull
    left = min(ROOT_EPS * FOURTH_ROOT_EPS, LEAST_FALL) * abs(first_f)
    return fallen and size <= FOURTH_ROOT_EPS and abs(f) <= min(left, FAR_BELOW * pull)


def starts_at_minimum(found, before, size, f, rise, pull):
    """Return True if x0 is a minimum to rounding, so that no trial lies below it.

    Two trials of one direction must agree on the place of its minimum (`found` and `before`, as
    fractions of it). At a wrong gradient, and at a kink, this place shrinks with the trial. The
    rise of f must show that its curvature is no rounding error, or the gradient must be small.
    """
    level = abs(f) <= EPS * rise or pull <= FOURTH_ROOT_EPS * abs(f)
    return level and abs(found - before) <= SAME * before and found * size <= ROOT_EPS


def contradicts(found, before, gain, f, already):
    """Return True if the trials of a direction contradict the slope of f along it.

    Each trial gives a place of the lowest f, as if f were a parabola. If f is smooth, the shorter
    trials agree on the place. It shrinks with the trial where the gradient is wrong, and at a kink:
    then f does not gain what the place promises. It shrinks by the square of the trial where f is
    noise, which says nothing.
    """
    if found >= SHRUNK * before:
        return False
    return already or (found > NOISE * before and gain > PROMISED * EPS * abs(f))


def final_status(pull, f, first_pull, first_f, left_over, ended, jumps):
    """Return the status if no decrease is found: the floor of rounding, or a wrong gradient.

    At the floor the slope is far below the first one, or f is level. But a slope can fall far from
    a huge first one. So the last trials must also leave no visible gain over, or 30 iterations
    gained nothing, or x cannot change (`ended`). If the gain left over is negative, trials
    contradict the slope. Then the gradient is wrong, or the function has a kink. If the gradient
    `jumps`, f must be near its floor by both tests. In a narrow valley the error of differences is
    larger than an exact slope. So with differences f must be near zero too.
    """
    if left_over < 0.0 or nothing_gained(pull, f, first_pull, first_f):
        return NO_STEP
    fallen = pull <= max(ROUNDING_FLOOR, ROOT_EPS) * first_pull
    if pull <= FOURTH_ROOT_EPS * abs(f):
        return FTOL if fallen or not jumps else NO_STEP
    zero = EXACT or abs(f) <= min(EPS_2_3, LEAST_FALL) * abs(first_f)
    return FTOL if fallen and zero and (ended or left_over <= GAIN * EPS * abs(f)) else NO_STEP


def is_signal(y, s, g, change):
    """Return True if a slope g is no noise, by its change y in the last move s.

    The move hardly changed it, by the relative `change`, or the slope grows downhill, as it does
    away from a saddle.
    """
    grows = (y > 0.0) == (g > 0.0) != (s > 0.0) and abs(y) < abs(g)
    return abs(y) < change * abs(g) or grows


@separate
def size_and_pull(x, g, p, scale, low, high):
    """Return the two quantities that a search is judged by at its end.

    The size is the largest component of p over that of x, or over FORGOTTEN scales if that is more.
    The pull is the largest change of f, to first order, by a move of one component by its scale.
    This move ends at a bound.
    """
    size, pull = 0.0, 0.0
    for i in each(SIZE or g.size):
        length = scale[i]
        if p[i] != 0.0:  # a component of zero may have no scale
            size = max(size, abs(p[i]) / max(abs(x[i]), real(FORGOTTEN) * length))
        if BOUNDED:
            length = max(min(length, x[i] - low[i] if g[i] > 0.0 else high[i] - x[i]), real(0.0))
        pull = max(pull, abs(g[i]) * length)
    return most(size), most(pull)

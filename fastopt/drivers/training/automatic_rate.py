"""The arrays of a learning rate that is found on the way, and its beginnings."""

import numpy as np

from fastopt import rules
from fastopt.algorithms.minibatch import AVERAGED, BEGUN, RULE_SCALAR, STATUS
from fastopt.algorithms.run_state import apart
from fastopt.algorithms.status_codes import RUNNING
from fastopt.algorithms.training.distance_rate import DistanceRate

# A distance that was too long is divided by the first, and by both to begin with.
SHORTER, AGAIN, BEGINNINGS = 4.0, 16.0, 30


class AutomaticRate:
    """The arrays of the search for the rate, in addition to x and its gradient."""

    def __init__(self, rule, x, record):
        self.x, self.record = x, record
        self.scalars = np.array(DistanceRate(normed=rules.is_normed(rule)))
        self.origin, self.trace, self.move = apart(3 * x.size, x.dtype).reshape(3, x.size)
        self.origin[:], self.trace[:] = x, 0.0
        self.beginnings = np.zeros(1)

    @property
    def points(self):
        """The arrays that the compiled step gets."""
        return self.scalars, self.origin, self.trace, self.move

    def begin_again(self):
        """Go back to x0 with a shorter distance; return False where that cannot help.

        It cannot if x0 itself is where the loss is not finite, or if it has often been tried.
        """
        found, record = DistanceRate(*self.scalars.tolist()), self.record
        if found.steps == 0.0 or self.beginnings[0] == BEGINNINGS:
            return False
        self.beginnings += 1.0
        # After a single step nothing is known yet of the longest distance that goes well.
        ceiling = found.ceiling if found.steps == 1.0 else found.distance / SHORTER
        self.scalars[:] = DistanceRate(
            found.distance / (SHORTER * AGAIN),
            ceiling,
            top=found.top,
            bottom=found.bottom,
            unit=found.unit,
            normed=found.normed,
        )
        self.x[:], self.trace[:] = self.origin, 0.0
        record[[AVERAGED, BEGUN, RULE_SCALAR, STATUS]] = 0.0, 0.0, 1.0, RUNNING
        return True

    def state(self):
        """Return everything but x0, as one array of float64."""
        return np.concatenate([self.scalars, self.beginnings, self.trace])

    def restore(self, state):
        """Continue from a state."""
        places = self.scalars.size, self.scalars.size + 1
        self.scalars[:], self.beginnings[:], self.trace[:] = np.split(state, places)

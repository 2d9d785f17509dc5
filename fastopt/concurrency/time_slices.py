"""Slices of compiled work: between them Python checks the clock, the callback and Ctrl-C."""

import math

# Seconds between these checks, and between ticks of the clock that compiled code reads.
CHECK_INTERVAL = 0.05


def next_amount(amount, done, seconds, left=math.inf, growth=1000.0):
    """Return the amount of work for the next slice: as much as takes CHECK_INTERVAL.

    Parameters
    ----------
    amount : float
        The last slice's limit: evaluations or steps.
    done, seconds : float
        The amount that was done, and the time that it took.
    left : float
        Seconds that the next slice may last, if that is less than CHECK_INTERVAL.
    growth : float
        Largest ratio of two successive amounts: the first slice is too short to measure a speed.
    """
    speed = done / max(seconds, 1e-7)
    return max(1.0, min(CHECK_INTERVAL * speed, left * speed, growth * amount))

"""Parts of what users are told: numbers with their nouns, and warnings at the line of the call."""

import inspect
import warnings
from typing import Any


def counted(number, noun):
    """Return a number and its noun, which ends in s unless the number is one.

    Examples
    --------
    >>> counted(1, "row"), counted(12_000, "row")
    ('1 row', '12,000 rows')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def warn(message, category: type[Warning] = UserWarning):
    """Warn at the line of the user's call: the first one outside of fastopt and scipy.optimize."""
    frame: Any = inspect.currentframe()
    level = 1
    while frame and _is_inside(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inside(module):
    return module.partition(".")[0] == "fastopt" or module.startswith("scipy.optimize.")

"""Checks of the arguments of prepared solvers."""

import math


def options_of(settings):
    """Return the options; raise for those that need Python between the evaluations."""
    asked = {
        "maxtime": settings.maxtime < math.inf,
        "disp": settings.disp,
        "checkpoint": settings.checkpoint is not None,
    }
    for name, given in asked.items():
        if given:
            raise ValueError(
                f"options[{name!r}] is not for a prepared solver, which runs without Python; limit "
                "it by 'maxiter' or 'maxfev', or use fastopt.minimize"
            )
    return settings

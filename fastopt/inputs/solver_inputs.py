"""Checks of the arguments of prepared solvers."""

import math

from fastopt.arrays import arguments


def arguments_of(args):
    """Return `args` as a tuple for compiled code."""
    return arguments.ready(args if isinstance(args, tuple) else (args,))


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

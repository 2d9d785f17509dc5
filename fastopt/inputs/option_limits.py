"""Limits of options that depend on each other, or on the type of the parameters."""

import math

import numpy as np

ORDERED = (("min_step", "max_step"),)  # the first is no larger than the second


def require_held(options, dtype):
    """Raise for an option that the element type cannot hold: it would write NaN or inf."""
    limits = np.finfo(dtype)
    most, least = float(limits.max), 0.5 * float(limits.smallest_subnormal)
    for name, value in zip(options._fields, options, strict=True):
        if isinstance(value, bool) or value in (math.inf, 0.0):
            continue
        if abs(value) > most or (name == "eps" and value <= least):
            said = {"rate": "learning_rate", "decay": "weight_decay", "shrink": "weight_decay"}
            raise ValueError(
                f"{said.get(name, name)} = {value:g} is {'zero' if value <= least else 'inf'} in "
                f"{limits.dtype}, the type of the parameters; it must be "
                + (f"at least {2 * least:.2g}" if value <= least else f"at most {most:.2g}")
            )


def require_order(options):
    """Raise a ValueError if the ends of a range are in the wrong order."""
    for low, high in ORDERED:
        if low in options._fields and getattr(options, low) > getattr(options, high):
            raise ValueError(
                f"{low} = {getattr(options, low):g} is above {high} = {getattr(options, high):g}"
            )

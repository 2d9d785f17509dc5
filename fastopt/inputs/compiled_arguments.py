"""Checks of the further arguments of compiled functions, `args`."""

from fastopt.arrays import arguments


def checked(args):
    """Return `args` as a tuple for compiled code; raise a TypeError for one that it cannot take."""
    from fastopt.derivatives.error_messages import require_types  # late: slow to import

    args = arguments.ready(args if isinstance(args, tuple) else (args,))
    require_types(args)
    return args

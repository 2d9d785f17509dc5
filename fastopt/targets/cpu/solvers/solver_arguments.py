"""The arguments of a call from Python, held to the types that a solver was prepared for."""

from typing import Any

from numba import types

from fastopt._sentences import counted
from fastopt.arrays import arguments
from fastopt.compiling.numba_internals import compute_fingerprint, cpu_target
from fastopt.compiling.numba_lowerings import as_dtype
from fastopt.derivatives.error_messages import kind_of
from fastopt.targets.cpu.solvers.argument_types import fits, mismatch, shown


def fingerprint(args):
    """Return what identifies the types of arguments quickly, or None."""
    try:
        return compute_fingerprint(args)
    except NotImplementedError:
        return None


def matched(args, kinds, label):
    """Return the arguments as those types; raise a TypeError for one that cannot be converted."""
    if len(args) != len(kinds):
        expected = ", ".join(map(shown, kinds)) or "none"
        raise TypeError(
            f"{label} takes {counted(len(kinds), 'argument')} after x0 ({expected}); "
            f"{len(args)} {'was' if len(args) == 1 else 'were'} given"
        )
    args = arguments.ready(args)
    pairs = zip(args, kinds, strict=True)
    return tuple(_matched(f"args[{k}]", *pair, label) for k, pair in enumerate(pairs))


def _matched(name, value, wanted: Any, label):
    kind = kind_of(name, value)
    if kind == wanted:
        return value
    if not fits(cpu_target.typing_context, kind, wanted):
        raise TypeError(mismatch(f"{name} of {label}", kind, wanted))
    if isinstance(value, tuple):
        pairs = zip(value, wanted, strict=True)
        items = [_matched(f"{name}[{k}]", v, kind, label) for k, (v, kind) in enumerate(pairs)]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(wanted, types.Number):
        return as_dtype(wanted).type(value)
    return value

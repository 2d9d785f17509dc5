"""Messages for plain objectives that cannot run on plain duals."""

import os
import pathlib
import traceback

import numpy as np

_OURS = str(pathlib.Path(__file__).parents[2])  # the whole package
_LIBRARIES = os.path.dirname(os.path.dirname(np.__file__))  # site-packages


def explained(fun, on_duals):
    """Wrap `on_duals`, `fun` on duals, so that its errors say what has no derivative."""

    def call(x, *args):
        try:
            return on_duals(x, *args)
        except (TypeError, AttributeError, ValueError) as error:
            fun(_plain(x), *args)  # raises the errors that also occur without derivatives
            raise TypeError(_sentence(error, fun)) from error

    return call


def _plain(x):
    """Return the values of an array of duals, or of an array with one `value`."""
    if hasattr(x, "value"):
        return x.value.copy()
    return np.array([v.value for v in x.reshape(-1)]).reshape(x.shape)


def _sentence(error, fun):
    """Return a message with the place of the error, the reason and the remedy."""
    where = f", in {getattr(fun, '__name__', type(fun).__name__)}"
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith((_OURS, _LIBRARIES)):
            file = os.path.basename(frame.filename)
            where = f": line {frame.lineno} of {file}, {frame.line!r}"
    return (
        f"fun cannot be differentiated{where}: {error}. Write it in terms of operators and "
        "functions of math and NumPy that have derivatives, without conversions such as "
        "astype(float), or give jac a function, '2-point' or '3-point'."
    )

"""Results as SciPy's, without SciPy's optimisers, which take as long to import as Numba."""

import functools
import sys
from typing import Any


class LateResult(dict):
    """A `scipy.optimize.OptimizeResult` that may be made before scipy.optimize is imported.

    Its keys are attributes. It is an instance of SciPy's class for all who have imported that: they
    ask for ``__class__``. Pickles and copies are of SciPy's class itself.
    """

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    __setattr__ = dict.__setitem__
    __delattr__ = dict.__delitem__

    @property
    def __class__(self):
        return _joined(type(self)) if "scipy.optimize" in sys.modules else type(self)

    def __dir__(self):
        return list(self)

    def __repr__(self):
        return scipys_class().__repr__(self)

    def __reduce_ex__(self, protocol):
        kind = scipys_class() if type(self) is LateResult else type(self)
        return kind, (dict(self),), vars(self) or None


def scipys_class() -> Any:
    """Return SciPy's class of results."""
    from scipy.optimize import OptimizeResult

    return OptimizeResult


@functools.cache
def _joined(kind):
    """Return a class that is both: `kind` of this module, and SciPy's."""
    scipys = scipys_class()
    return scipys if kind is LateResult else type(kind.__name__, (kind, scipys), {})


def build(**fields):
    """Return a result with these fields: SciPy's own if scipy.optimize is imported."""
    return (scipys_class() if "scipy.optimize" in sys.modules else LateResult)(fields)

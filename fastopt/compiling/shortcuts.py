"""Work of Numba's that nobody reads, left out while fastopt compiles: a fifth of a loop's time.

Numba's own functions are put back afterwards. Its lock keeps other compilations out meanwhile.
"""

import contextlib
import copy
import functools
import types
from typing import Any

import numba
from numba.core import inline_closurecall, postproc, targetconfig, transforms

KNOWN = (0, 61), (0, 68)  # the first and the last Numba with the functions replaced here
_inliner: Any = inline_closurecall  # its names are put at run time
_flags: Any = targetconfig.TargetConfig


def shortcuts():
    """Return a context in which Numba leaves that work out."""
    stack = contextlib.ExitStack()
    if KNOWN[0] <= numba.version_info.short <= KNOWN[1]:
        for owner, name, made in _MADE:
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, made)
    return stack


def _run(self, emit_dels=False, extend_lifetimes=False):
    """Leave out which variables live when a block is entered, which runs with `emit_dels` say."""
    found = self.func_ir
    if emit_dels or found.is_generator:
        return _numbas_run(self, emit_dels, extend_lifetimes)
    found.blocks = transforms.canonicalize_cfg(found.blocks)
    found.variable_lifetime = postproc.VariableLifetime(found.blocks)
    found.generator_info = None
    return None


def _inline_function(self, *args, **kwargs):
    """Inline what is made for this call alone, which needs no copies."""
    kept, _inliner.copy = _inliner.copy, _AS_IT_IS
    try:
        return _numbas_inline_function(self, *args, **kwargs)
    finally:
        _inliner.copy = kept


def _equal(self, other):
    """Compare what was set first; flags are the key of every function that Numba looks up."""
    if type(self) is type(other) and self._values == other._values:
        return True
    return _numbas_equal(self, other)


def _hash(self):
    """Return what Numba's does, which is made of the names of all flags."""
    return _hash_of(type(self))


@functools.cache
def _hash_of(cls):
    return hash(tuple(sorted(cls.options)))


_numbas_run = postproc.PostProcessor.run
_numbas_inline_function = inline_closurecall.InlineWorker.inline_function
_numbas_equal = _flags.__eq__
_AS_IT_IS = types.SimpleNamespace(deepcopy=lambda value: value, copy=copy.copy)
_MADE = (
    (postproc.PostProcessor, "run", _run),
    (inline_closurecall.InlineWorker, "inline_function", _inline_function),
    (_flags, "__eq__", _equal),
    (_flags, "__hash__", _hash),
)

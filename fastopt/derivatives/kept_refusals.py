"""Reasons why functions have no derivative, kept on disk so that later processes do not retry."""

import hashlib
import itertools
import linecache

from fastopt.compiling.numba_internals import cache_of

BEGIN = "fun "  # prefix of messages about the objective, as opposed to a learning rate


class Refusal(TypeError):
    """The error that another process found when it compiled a function."""


def require_none(evaluate, kinds, fun):
    """Raise a Refusal if another process could not compile `fun` for such arguments."""
    if _lasts(evaluate):
        place, _, text = cache_of(evaluate).note(kinds, evaluate.targetctx).partition("\n")
        if text and place == _place(fun):
            raise Refusal(text)


def keep(evaluate, kinds, fun, error):
    """Keep an error for other processes if it says what is wrong with the function."""
    if _lasts(evaluate) and isinstance(error, TypeError) and str(error).startswith(BEGIN):
        cache_of(evaluate).write_note(kinds, evaluate.targetctx, f"{_place(fun)}\n{error}")


def _lasts(evaluate):
    return hasattr(cache_of(evaluate), "note")


def _place(fun):
    """Return a digest of the places of a function and its callees, since errors name lines."""
    # Imported late, since it is needed only before compiling.
    from fastopt.derivatives.error_reasons import called_functions

    found = hashlib.sha256()
    for function in called_functions(fun.py_func):
        code = function.__code__
        first = code.co_firstlineno
        last = max(itertools.chain([first], filter(None, (line for *_, line in code.co_lines()))))
        lines = linecache.getlines(code.co_filename)[first - 1 : last]
        found.update(repr((code.co_filename, first, code.co_linetable, lines)).encode())
    return found.hexdigest()

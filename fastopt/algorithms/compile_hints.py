"""Hints to the compiler, as attributes of functions: which are compiled by themselves.

A function without a hint is inlined wherever it is called. This is the default, and it is for the
package's own functions: those of users are never inlined by Numba. `compiler.inline` reads the
hints. The interpreter and CUDA ignore them.
"""

HINT = "compiled_by_itself"  # the attribute; its value says how
CALLED, REORDERED = "called", "reordered"


def separate(function):
    """Mark a function that is compiled by itself: one with a loop, or one that others wrap."""
    setattr(function, HINT, None)
    return function


def separate_called(function):
    """Mark a function that is compiled by itself and called: its work is much more than a call."""
    setattr(function, HINT, CALLED)
    return function


def separate_reordered(function):
    """Mark such a function whose sums the compiler may reorder."""
    setattr(function, HINT, REORDERED)
    return function


def separate_refcounted(function):
    """Mark a function that is compiled by itself, and that may hold arrays of the user's."""
    setattr(function, HINT, True)
    return function

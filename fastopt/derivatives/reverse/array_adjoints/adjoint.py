"""The form of an adjoint: the reverse of a function of arrays, and the arguments that it takes."""

from typing import Any, NamedTuple

from numba.extending import register_jitable

from fastopt._sentences import counted

# A helper of adjoints: Python calls it as it is, and compiled code compiles it.
helper: Any = register_jitable
REQUIRED = object()


class Adjoint(NamedTuple):
    """The reverse of a function of arrays.

    ``backward(out, out_bar, args, bars)`` adds to the shadow arrays `bars` what `out_bar`
    contributes to them. `args` are all positional arguments, as `bind` returns them. There is a bar
    for each: an array of the argument's shape if the argument is an array that depends on x, else
    None. If an argument is a tuple of arrays, its bar is a tuple. The result is a tuple with the
    contribution to each number among the arguments that `scalars` names; arrays there have none.
    """

    backward: Any
    parameters: tuple  # (name, default or REQUIRED) of each argument
    needs_result: bool  # whether `backward` reads `out`
    needs: tuple  # positions of the arguments whose elements `backward` reads
    scalars: tuple  # positions of the arguments that may be numbers that depend on x
    axes: tuple  # numbers of axes that arrays among the arguments may have; empty for any

    def bind(self, args, kws):
        """Return all arguments by position; raise a TypeError for an argument that is unknown."""
        names = [name for name, _ in self.parameters]
        unknown = [name for name in kws if name not in names[len(args) :]]
        if len(args) > len(names) or unknown:
            given = ", ".join(unknown) if unknown else counted(len(args), "argument")
            raise TypeError(f"its derivative is known with ({', '.join(names)}) only, not {given}")
        bound = list(args)
        for name, default in self.parameters[len(args) :]:
            if name not in kws and default is REQUIRED:
                raise TypeError(f"the argument {name} is missing")
            bound.append(kws.get(name, default))
        return tuple(bound)


def adjoint(backward, parameters, needs_result=False, needs=(), scalars=(), axes=()):
    """Return an Adjoint; `parameters` are written as in a call: "a axis=None"."""
    pairs = [word.partition("=") for word in parameters.split()]
    given = tuple((name, _DEFAULTS[text] if equals else REQUIRED) for name, equals, text in pairs)
    return Adjoint(backward, given, needs_result, needs, scalars, axes)


_DEFAULTS = {"None": None, "0": 0, "1": 1, "50": 50, "1.0": 1.0, "'full'": "full"}


@helper
def add(bar, term):
    """Add a term to a shadow, if there is one."""
    if bar is not None:
        bar += term

"""The arrays of a problem, by name: every target allocates what is specified here."""

from typing import Any, NamedTuple


class Trial(NamedTuple):
    """The vectors that change at every evaluation: with a given learning rate, only these."""

    new_g: Any  # gradient at the trial point
    new: Any  # trial point, at which fun is evaluated


class Iterates(NamedTuple):
    """The same for `automatic_rate`."""

    x: Any  # last point that was accepted
    g: Any
    p: Any  # direction
    w: Any  # diagonal of the inverse metric
    new_g: Any
    new: Any


class Workspace(NamedTuple):
    """The other arrays of a problem, besides the state of the rule."""

    low: Any  # bounds; any vectors if there are none
    high: Any
    best_x: Any
    best_g: Any
    best_f: Any  # an array of one element
    # Used by `automatic_rate` only, otherwise ():
    scale: Any  # sizes of the components
    pairs: Any  # last moves, and the changes of the gradient
    along: Any  # numbers of the two-loop recursion, one for each row of `pairs`


class Arrays(NamedTuple):
    """The arrays of a problem as the loop takes them."""

    x: Any  # the iterate, a member of `iterates`
    iterates: Any
    workspace: Any
    state: tuple  # an array for each slot of the rule; x for an unused one


def vectors(auto, bounded, uses):
    """Return the names of the vectors of a problem, in the order of memory.

    They have x's length and type. `auto` says that `automatic_rate` finds the step. `uses` says
    which slots of the rule are used.
    """
    shared = "best_x", "best_g", *(("low", "high") if bounded else ())
    slots = (f"slot {k}" for k, used in enumerate(uses) if used)
    if auto:
        return "x", "g", *shared, "p", "w", "new_g", "new", "scale", *slots
    return "new", "new_g", *shared, *slots


def assembled(at, uses):
    """Return the `Arrays` made of arrays by name.

    These are `vectors` and `best_f`. For `automatic_rate` they include `pairs` and `along`.
    """
    kind = Iterates if "x" in at else Trial
    x = at.get("x", at["new"])
    others = {"low": x, "high": x, "scale": (), "pairs": (), "along": ()} | at
    return Arrays(
        x=x,
        iterates=kind(*(at[name] for name in kind._fields)),
        workspace=Workspace(*(others[name] for name in Workspace._fields)),
        state=tuple(at.get(f"slot {k}", x) for k in range(len(uses))),
    )

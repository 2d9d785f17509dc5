"""The state of an optimizer from step to step: slots for each array."""

from typing import Any, NamedTuple

import numpy as np

from fastopt.arrays.arguments import is_elsewhere
from fastopt.inputs import option_limits
from fastopt.optimizers import foreign_arrays, hyperparameters
from fastopt.optimizers.pytree import Tree
from fastopt.targets.cpu.steps.prepared_arrays import Group

FORMAT = 1


class State(NamedTuple):
    """The arrays of an optimizer: their structure, their groups, and a tuple of slots for each."""

    tree: Tree
    layout: list  # (shape, dtype) of each array
    device: bool
    groups: list  # Group
    keys: list  # for each group, the keys of the user's groups that its arrays belong to
    slots: list

    def follow(self, sets):
        """Adopt other settings; raise, and adopt none, if an element type cannot hold one."""
        both = list(zip(self.groups, self.keys, strict=True))
        for group, keys in both:
            option_limits.require_held(sets[keys].options, group.dtype)
        for group, keys in both:
            group.numbers[:-2] = sets[keys].options

    def arrays_by_name(self):
        """Return a dict of the slots and the carry of each array, by its name."""
        found: dict = {}
        for group in self.groups:
            for k in group.members:
                kept = zip(group.uses._fields, group.uses, self.slots[k], strict=True)
                own: dict[str, Any] = {slot: array for slot, use, array in kept if use}
                found[self.tree.names[k]] = {**own, "carry": float(group.numbers[-1])}
        return {name: found[name] for name in self.tree.names}


def begin(params, rule, sets, settings_for, groups, row_wise, packed=None):
    """Return the state before the first step, or one restored from `packed`.

    Parameters
    ----------
    sets : dict
        Settings by the keys of the groups that an array belongs to. ``settings_for(*keys)`` makes
        those that are missing.
    packed : dict, optional
        Slots and carry by the names of the arrays, from `State.arrays_by_name`.
    """
    tree = Tree(params)
    leaves = tree.leaves(params, "params")
    layout = [foreign_arrays.layout(leaf, tree.label("params", k)) for k, leaf in enumerate(leaves)]
    device = is_elsewhere(leaves[0])
    if not device:  # the state is NumPy's
        leaves = [
            foreign_arrays.on_host(leaf, tree.label("params", k)) for k, leaf in enumerate(leaves)
        ]
    if row_wise:
        leaves = [_first_of_rows(leaf, tree.label("params", k)) for k, leaf in enumerate(leaves)]
    keys = hyperparameters.for_paths(groups, tree.names)
    for key in keys:
        if key not in sets:
            sets[key] = settings_for(*key)
    if packed is not None and packed.keys() != set(tree.names):
        odd = sorted(packed.keys() ^ set(tree.names))
        where = "the state" if odd[0] in packed else "params"
        raise ValueError(f"{odd[0]!r} is in {where} only")
    made: dict = {}
    slots: list = []
    for k, (leaf, key) in enumerate(zip(leaves, keys, strict=True)):
        name, options, uses = tree.names[k], sets[key].options, sets[key].uses
        option_limits.require_held(options, layout[k][1])
        own = packed and packed[name]
        carry = own["carry"] if own else 1.0
        group = made.setdefault((key, layout[k][1], carry), [])
        group.append(k)
        slots.append(_loaded(own, leaf, uses, name) if own else _fresh(leaf, options, uses))
    groups = [
        Group(rule, sets[key].uses, dtype, np.array([*sets[key].options, 0.0, carry]), members)
        for (key, dtype, carry), members in made.items()
    ]
    return State(tree, layout, device, groups, [key for key, *_ in made], slots)


def _first_of_rows(array, name):
    if is_elsewhere(array) or array.ndim < 2:
        raise ValueError(f"{name} must be a matrix of the host's, since row_wise is set")
    return array[(slice(None), *[0] * (array.ndim - 1))]


def _fresh(leaf, options, uses):
    v0 = getattr(options, "initial_accumulator", 0.0)
    return tuple(
        foreign_arrays.like(leaf, v0 if slot == "v" else 0.0) if use else None
        for slot, use in zip(uses._fields, uses, strict=True)
    )


def _loaded(own, leaf, uses, name):
    found, layout = [], foreign_arrays.layout(leaf, name)
    require_slots(own, uses, name)
    for slot, use in zip(uses._fields, uses, strict=True):
        if use and foreign_arrays.layout(own[slot], f"the state's {slot} of {name!r}") != layout:
            shape, dtype = foreign_arrays.layout(own[slot], slot)
            raise ValueError(
                f"the state of {name!r} is for an array of shape {shape} and {dtype}; the "
                f"parameter has {layout[0]} and {layout[1]}"
            )
        found.append(foreign_arrays.like(leaf, own[slot]) if use else None)
    return tuple(found)


def require_slots(own, uses, name):
    """Raise if the state of an array lacks a slot that is used, or has another."""
    for slot, use in zip(uses._fields, uses, strict=True):
        if use != (slot in own):
            says = "lacks" if use else "has"
            raise ValueError(
                f"the state of {name!r} {says} {slot!r}: it was made with other options"
            )
    if odd := sorted(map(str, own.keys() - {*uses._fields, "carry"})):
        raise ValueError(f"the state of {name!r} has {odd[0]!r}, which is no slot of any rule")


def count(name, value: Any):
    """Return a number of steps from a state as an int."""
    whole = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not whole or not 0 <= value < 2**53 or float(value) % 1:  # NaN too
        raise ValueError(f"the state's {name} is {value!r}; it must be a whole number, 0 or more")
    return int(value)


def checked(name, own):
    """Return copies of the slots of an array from a state, which must be of one layout."""
    if not isinstance(name, str):
        raise ValueError(f"the state has an array called {name!r}; names are strings")
    carry = own["carry"]
    single = isinstance(carry, int | float | np.number) and not np.iscomplexobj(carry)
    if not single or isinstance(carry, bool) or not np.isfinite(carry):
        raise ValueError(f"the state's carry of {name!r} is {carry!r}; it must be a finite number")
    copies: dict[str, Any] = {"carry": float(carry)}
    layouts = set()
    for slot, value in own.items():
        if slot == "carry":
            continue
        try:
            array = value.copy() if isinstance(value, np.ndarray) else np.array(value)
        except ValueError as error:
            raise ValueError(f"the state's {slot} of {name!r} is no array: {error}") from None
        if np.ma.isMaskedArray(value) or array.dtype not in (np.float32, np.float64):
            raise ValueError(
                f"the state's {slot} of {name!r} must be an array of float32 or float64, not "
                f"{'a masked array' if np.ma.isMaskedArray(value) else array.dtype}"
            )
        layouts.add((array.shape, array.dtype))
        copies[slot] = array
    if len(layouts) > 1:
        raise ValueError(f"the state's arrays of {name!r} differ in shape or dtype")
    return copies

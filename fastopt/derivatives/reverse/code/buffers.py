"""Arrays that a loop passes from one iteration to the next, and changes: whether each is alone.

Then an iteration has shadows of its own for them, which take over the adjoints of the next one.
Two names of one array would have two shadows, of which a write would change one.
"""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import itertools
from typing import Any

from numba import types

from fastopt.derivatives.reverse.code.activity import is_new


class Buffers:
    """Tells which arrays have one name only where a loop begins, repeats and ends."""

    def __init__(self, program, loops, activity):
        self.program, self.loops, self.activity = program, loops, activity
        self.known: dict = {}

    def are_alone(self, region, name):
        """Return True if no array that may share memory with `name` has two names in a loop."""
        key = region, self.activity.class_of(name)
        if key not in self.known:
            self.known[key] = self._find(*key)
        return self.known[key]

    def _find(self, region, kind):
        phis = [
            op
            for op in self.program.blocks[region.header].ops
            if op.kind == "phi" and self._is_of(op.target, kind)
        ]
        before = [op.value.get(region.before) for op in phis]
        after = [op.value.get(region.latch) for op in phis]
        groups = [after, *(self._left_at(exit, region, kind) for _, exit in region.exits)]
        distinct = all(self._are_distinct(names, region) for names in groups)
        return distinct and self._are_given_up(before, region, kind)

    def _left_at(self, landing, region, kind):
        """Return the arrays of a loop that are used behind one of its exits."""
        used = self._used_in(self._reached([landing], region.parent), region.parent)
        outs = region.outs.items()
        return [name for name, out in outs if self._is_of(name, kind) and out in used]

    def _is_of(self, name, kind):
        array = isinstance(self.program.types[name], types.Array)
        return array and self.activity.class_of(name) == kind

    def _are_distinct(self, names, region):
        """Return True for whole arrays of an iteration, no two of which are the same."""
        found = [self._origins(name, region, set()) for name in names]
        if not all(found):
            return False
        return all(self._are_apart(*pair, region) for pair in itertools.combinations(names, 2))

    def _are_apart(self, one, other, region):
        """Return True for names of different arrays, whichever way an iteration took."""
        first, second = (self._origins(name, region, set()) for name in (one, other))
        if not first or not second or first.isdisjoint(second):
            return bool(first and second)
        joins: Any = [self._join(name, region) for name in (one, other)]
        if all(joins) and joins[0].value.keys() == joins[1].value.keys():
            pairs = [(joins[0].value[way], joins[1].value[way]) for way in joins[0].value]
            return joins[0] is not joins[1] and self._all_apart(pairs, region)
        parts = [joins[0] and [(name, other) for name in joins[0].uses]]
        parts += [joins[1] and [(one, name) for name in joins[1].uses]]
        return any(pairs and self._all_apart(pairs, region) for pairs in parts)

    def _all_apart(self, pairs, region):
        return all(a and b and self._are_apart(a, b, region) for a, b in pairs)

    def _join(self, name, region):
        """Return the phi in an iteration, and not in a loop within it, that gives an array."""
        op = self.program.definitions[self.program.root(name)]
        header = self.program.blocks[region.header].ops
        plain = op.kind == "phi" and op not in header
        return op if plain and self.loops.level_of[op.target] is region else None

    def _origins(self, name, region, met):
        """Return the arrays that a variable may be, or the empty set if it may be a view."""
        op = self.program.definitions.get(name and self.program.root(name))
        if op is None or not region.holds(self.loops.level_of[op.target]):
            return set()
        if is_new(self.program, op) or op in met:
            return {op.target}
        if op.kind == "phi" and op in self.program.blocks[region.header].ops:
            return {op.target}
        if op.kind not in ("phi", "out"):
            return set()
        found = [self._origins(use, region, met | {op}) for use in op.uses]
        return set().union(*found) if all(found) else set()

    def _are_given_up(self, names, region, kind):
        """Return True for whole arrays that only the loop uses from its beginning on."""
        for name in names:
            op = self.program.definitions.get(name and self.program.root(name))
            if op is None or self.loops.level_of[op.target] is not region.parent:
                return False
            header = region.parent.header
            carried = header is not None and op in self.program.blocks[header].ops
            if not is_new(self.program, op) and not (op.kind == "phi" and carried):
                return False
        if len({self.program.root(name) for name in names}) != len(names):
            return False
        return not any(self._is_of(name, kind) for name in self._from_before(region))

    def _from_before(self, region):
        """Return the names from before a loop that are used in it, or behind it.

        Behind it is what follows in the same iteration of the loop around it.
        """
        parent = region.parent
        labels = region.body | self._reached([landing for _, landing in region.exits], parent)
        made = {op.target for label in labels for op in self.program.blocks[label].ops}
        for inner in reversed(list(parent.walk())):
            made.update(out for name, out in inner.outs.items() if name in made)
        return {n for n in self._used_in(labels, parent) - made if n in self.program.types}

    def _reached(self, todo, parent):
        """Return the labels that follow in the same iteration of a loop."""
        found, todo = set(), list(todo)
        while todo:
            label = todo.pop()
            if label in parent.body and label != parent.header and label not in found:
                found.add(label)
                todo += self.program.blocks[label].targets
        return found

    def _used_in(self, labels, parent):
        """Return the names that blocks use, and what is used behind the loop that they leave."""
        leaves = any(inside in labels for inside, _ in parent.exits)
        used = set(parent.outs) if leaves else set()
        for label in labels:
            block = self.program.blocks[label]
            used.update(block.end[1:2] if block.end[0] in ("branch", "return") else ())
            for op in block.ops:
                if op.kind == "phi":
                    used.update(name for way, name in op.value.items() if way in labels)
                else:
                    used.update(op.uses, op.args)
        if parent.latch in labels:  # what the next iteration begins with
            ops = self.program.blocks[parent.header].ops
            used.update(op.value.get(parent.latch) for op in ops if op.kind == "phi")
        return used

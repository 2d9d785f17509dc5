"""Trees of elementwise operations on arrays, whose adjoint is one loop over the elements."""

from typing import Any

import numpy as np
from numba import types

from fastopt.derivatives.reverse.adjoints import pullbacks

LARGEST = 40  # operations in one tree


class Node:
    """An operation of a tree: its rule and children, which are nodes and names of leaves."""

    def __init__(self, op, rule, args):
        self.op, self.rule, self.args = op, rule, args
        self.children: list = list(args)

    def nodes(self):
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.nodes()

    def size(self):
        return sum(1 for _ in self.nodes())


def rules(node):
    """Return the names of the rules in a tree."""
    return {below.rule.__name__ for below in node.nodes()}


class Fusion:
    """The trees of a program: `trees` by the operation on top, `inner` operations below."""

    def __init__(self, program, activity):
        self.program, self.activity = program, activity
        self.trees: dict = {}
        self.inner: set = set()
        self._tops: Any = None
        self.uses = _count_uses(program)
        for block in program.blocks.values():
            nodes, quiet, writes = {}, {}, 0
            for op in block.ops:
                writes += op.kind in ("setitem", "update")
                node = self._node(op)
                if node is not None:
                    nodes[op.target], quiet[op.target] = node, writes
                    self._grow(node, nodes, quiet, writes)
                    self.trees[op] = node
                elif _is_total(program, op):
                    below = nodes.get(op.args[0])
                    if below and self._may_join(op.args[0], quiet, writes):
                        self.inner.add(below.op)
                        self.trees.pop(below.op, None)
                        self.trees[op] = below

    def top_of(self, op):
        """Return the tree that an inner operation is a part of."""
        if self._tops is None:
            trees = self.trees.values()
            self._tops = {node.op: tree for tree in trees for node in tree.nodes()}
        return self._tops[op]

    def _node(self, op):
        program = self.program
        if op.target is None or not isinstance(program.types[op.target], types.Array):
            return None
        found = elementwise_rule(program, op)
        if found is None or program.types[op.target].ndim == 0:
            return None
        return Node(op, *found)

    def _grow(self, node, nodes, quiet, writes):
        for k, name in enumerate(node.args):
            below = nodes.get(name)
            if not below or node.args.count(name) > 1 or not self._may_join(name, quiet, writes):
                continue
            if node.size() + below.size() <= LARGEST:
                node.children[k] = below
                self.inner.add(below.op)
                self.trees.pop(below.op, None)

    def _may_join(self, name, quiet, writes):
        return self.uses.get(name) == 1 and quiet[name] == writes


def elementwise_rule(program, op):
    """Return the rule and the arguments of an elementwise operation with numbers and arrays."""
    if op.kind == "call" and isinstance(op.key, types.NumberClass):
        return None
    if op.kind == "call" and op.key in (max, min, abs, float, pow):
        return None
    found = pullbacks.rule_of(program, op, arrays=True)
    if found is None:
        return None
    for name in found[1]:
        kind = program.type_of(name)
        kind = kind.dtype if isinstance(kind, types.Array) else kind
        if not isinstance(kind, types.Float | types.Integer | types.Boolean):
            return None
    return found


def is_total(program, op):
    """Return True for a sum or a mean over all elements, or along a constant axis."""
    return op.kind == "call" and op.key in (np.sum, np.mean) and axis_of(program, op) is not False


def axis_of(program, op):
    """Return the axis of a sum, None for all elements, or False if it is unknown."""
    names = op.args[1:]
    if len(names) > 1 or [key for key, _ in op.value.kws] not in ([], ["axis"]):
        return False
    axis = program.constant(names[0]) if names else None
    if axis is None:
        return None if not names or program.types[names[0]] == types.none else False
    ndim = program.types[op.args[0]].ndim
    if not isinstance(axis, int) or not -ndim <= axis < ndim:
        return False
    return axis % ndim if ndim > 1 else None


_is_total = is_total


def _count_uses(program):
    found: dict = {}
    for op in program.definitions.values():
        if op.kind == "out":  # used behind the loop
            found[op.uses[0]] = found.get(op.uses[0], 0) + 1
    for block in program.blocks.values():
        for op in block.ops:
            for name in {*op.uses, *op.args}:
                found[name] = found.get(name, 0) + 1
        if block.end[0] in ("branch", "return"):
            found[block.end[1]] = found.get(block.end[1], 0) + 1
    return found

"""Tuples that the function builds and unpacks again: their items become variables."""

from typing import Any

from numba import types

from fastopt.derivatives.reverse.array_adjoints.table import ADJOINTS
from fastopt.derivatives.reverse.code.activity import holds_floats
from fastopt.derivatives.reverse.code.counting import number
from fastopt.derivatives.reverse.code.operations import Op


def dissolve(program, loops):
    """Replace items of tuples by the variables that they were built from."""
    found = _Tuples(program, loops)
    for block in list(program.blocks.values()):
        for op in list(block.ops):
            if op.kind == "expr" and op.value.op == "static_getitem":
                items = found.items(op.uses[0])
                if items is not None and isinstance(op.value.index, int):
                    op.kind, op.uses = "copy", [items[op.value.index]]


class _Tuples:
    def __init__(self, program, loops):
        self.program, self.loops, self.known = program, loops, {}

    def items(self, name):
        """Return the names of the items of a tuple, or None."""
        if name in self.known:
            return self.known[name]
        program = self.program
        kind, op = program.types[name], program.definitions.get(name)
        self.known[name] = None
        if not isinstance(kind, types.BaseTuple) or op is None or not holds_floats(kind):
            return None
        expression = op.value.op if op.kind == "expr" else ""
        if expression == "exhaust_iter" and isinstance(program.types[op.uses[0]], types.Array):
            self.known[name] = self.loaded(name, op)
        elif op.kind == "copy" or expression in ("exhaust_iter", "cast"):
            self.known[name] = self.items(op.uses[0])
        elif op.kind == "call" and op.key in ADJOINTS:
            self.known[name] = self.taken_apart(name, op)
        elif expression == "build_tuple":
            self.known[name] = op.uses
        elif op.kind == "phi":
            self.known[name] = self.joined(name, op)
        return self.known[name]

    def taken_apart(self, name, op):
        """Return the items of the tuple that a function returns."""
        made = []
        for k, kind in enumerate(self.program.types[name].types):
            item = self.program.new_name(f"{name}.item", kind)
            made.append(Op("part", item, k, [name], op.loc))
        op.parts = [part.target for part in made]
        self.put(op, made, behind=True)
        return op.parts

    def loaded(self, name, op):
        """Return the elements of an array that is unpacked."""
        made = []
        for k, kind in enumerate(self.program.types[name].types):
            item = self.program.new_name(f"{name}.item", kind)
            uses = [op.uses[0], number(self.program, self.loops, k)]
            made.append(Op("load", item, None, uses, op.loc))
        self.put(op, made, behind=True)
        return [load.target for load in made]

    def joined(self, name, op):
        """Return the items of a tuple that is one of several."""
        program = self.program
        made = [program.new_name(f"{name}.item", kind) for kind in program.types[name].types]
        self.known[name] = made
        given: Any = {k: self.items(v) if v else None for k, v in op.value.items()}
        if any(items is None or len(items) != len(made) for items in given.values()):
            return None
        phis = []
        for k, item in enumerate(made):
            sources = {label: items[k] for label, items in given.items()}
            phis.append(Op("phi", item, sources, list(sources.values()), op.loc))
        self.put(op, phis, behind=False)
        return made

    def put(self, op, made, behind):
        """Insert operations next to another."""
        blocks = self.program.blocks.items()
        label, block = next((label, block) for label, block in blocks if op in block.ops)
        place = block.ops.index(op) + behind
        block.ops[place:place] = made
        for new in made:
            self.program.definitions[new.target] = new
            self.loops.level_of[new.target] = self.loops.level[label]

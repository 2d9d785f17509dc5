"""What the reverse sweep needs to know: values to store, and values to compute again."""

from numba import types

from fastopt.derivatives.reverse import adjoints
from fastopt.derivatives.reverse.activity import CREATIONS, is_harmless, is_pure
from fastopt.derivatives.reverse.errors import NotReversible
from fastopt.derivatives.reverse.program import is_number


class Needs:
    """For each region the values `stored` in every iteration; `again` is computed again."""

    def __init__(self, program, loops, activity):
        self.program, self.loops, self.activity = program, loops, activity
        self.stored = {region: [] for region in loops.root.walk()}
        self.again: set = set()
        self.shadows: set = set()
        self._known: set = set()
        self.adjoints: dict = {}  # operation -> its adjoint
        self.alive = _alive(program)
        self.moving = {r for r in loops.root.walk() if self._moves(r)}
        self._name_rounds()
        for label, block in program.blocks.items():
            region = loops.level[label]
            for op in block.ops:
                self._check(op)
            if region in self.moving:
                self._of_block(region, label, block)
        self.uses_store = {r for r in loops.root.walk() if any(self.stored[c] for c in r.walk())}

    def _moves(self, region):
        labels = region.body & self.alive
        return any(self._is_active(op) for k in labels for op in self.program.blocks[k].ops)

    def _is_active(self, op):
        if op.kind in ("setitem", "update"):
            return self.activity.is_active(op.uses[0])
        return op.target is not None and self.activity.is_active(op.target)

    def _name_rounds(self):
        """Name the counts of loops and of their exits, which exist behind them."""
        self.rounds, self.exit = {}, {}
        for region in self.loops.regions[1:]:
            for table, name in ((self.rounds, "rounds"), (self.exit, "exit")):
                made = self.program.new_name(f"{name} {region.header}", types.intp)
                table[region] = made
                self.loops.level_of[made] = region.parent

    def _check(self, op):
        """Raise unless the operation is known to be right."""
        if self._is_active(op) or op.kind in ("setitem", "update"):
            self.adjoints[op] = adjoints.adjoint_of(self.program, self.activity, op)
        elif not is_harmless(self.program, op):
            raise NotReversible(adjoints.said(self.program, op), op.loc)

    def _of_block(self, region, label, block):
        if label not in self.alive:
            return
        for op in block.ops:
            adjoint = self.adjoints.get(op)
            if adjoint is not None:
                for name in adjoint.values:
                    self.need(name, op)
                for name in adjoint.shadows:
                    self.shadow(name, op)
        if block.end[0] == "branch" and self._decides(region, label, block):
            self.need(block.end[1], None)
        for child in region.children:
            if child.before == label:
                if child in self.moving:
                    self.need(child.trips if child.is_simple else self.rounds[child], None)
                if len(child.exits) > 1:
                    self.need(self.exit[child], None)

    def _decides(self, region, label, block):
        """Return True if the way an iteration takes depends on this branch."""
        if region.header is None or (region.is_simple and label == region.header):
            return False
        return all(target in self.alive for target in block.end[2:])

    def need(self, name, op):
        """Note that the reverse sweep needs the value of a variable."""
        program, region = self.program, self.loops.level_of[name]
        if name in self._known or region is self.loops.root:
            return
        self._known.add(name)
        made = program.definitions.get(name)
        if made is not None and made.kind == "count":
            return
        if made is not None and self._can_repeat(region, made):
            self.again.add(name)
            for use in made.uses:
                self.need(use, made)
        elif is_number(program.type_of(name)):
            self.stored[region].append(name)
        else:
            raise NotReversible(f"{name} in a loop: {program.type_of(name)}", made and made.loc)

    def _can_repeat(self, region, op):
        if op.kind == "phi":
            return op not in self.program.blocks[region.header].ops
        if op.kind == "load":
            return not self.activity.is_written(op.uses[0])
        return op.kind != "out" and is_pure(self.program, op)

    def shadow(self, name, op):
        """Note that the reverse sweep needs the adjoint of an array."""
        if name in self.shadows:
            return
        self.shadows.add(name)
        region, made = self.loops.level_of[name], self.program.definitions.get(name)
        loc = op and op.loc
        if made is None:
            raise NotReversible(f"the constant array {name} depends on x", loc)
        if made.kind == "arg":
            if made.value != 0:
                raise NotReversible(f"{name} depends on x", loc)
        elif made.kind == "copy":
            self.shadow(made.uses[0], op)
        elif made.kind == "phi":
            if region.header is not None and made in self.program.blocks[region.header].ops:
                raise NotReversible(f"{name} is another array in the next iteration", made.loc)
            for use in made.uses:
                self.shadow(use, op)
        elif made.kind == "load":
            self.shadow(made.uses[0], op)
            self.need(made.uses[1], op)
        elif made.kind == "call" and made.key in CREATIONS:
            for use in made.uses[1:]:
                self.need(use, op)
        else:
            raise NotReversible(adjoints.said(self.program, made), made.loc)


def _alive(program):
    """Return the labels of blocks from which the function can return."""
    preds, todo, seen = program.predecessors(), [], set()
    todo += [k for k, b in program.blocks.items() if b.end[0] == "return"]
    while todo:
        label = todo.pop()
        if label not in seen:
            seen.add(label)
            todo += preds[label]
    return seen

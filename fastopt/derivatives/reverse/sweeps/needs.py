"""The values that the reverse sweep needs: those to store, and those to compute again."""

from numba import types

from fastopt.derivatives.reverse.adjoints import arrays, guards, numbers
from fastopt.derivatives.reverse.adjoints.adjoint import said
from fastopt.derivatives.reverse.adjoints.fusion import Fusion
from fastopt.derivatives.reverse.code.activity import CREATIONS, is_fresh, is_harmless, is_pure
from fastopt.derivatives.reverse.code.buffers import Buffers
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.operations import Op, is_float_array, is_number
from fastopt.derivatives.reverse.runtime import array_helpers
from fastopt.derivatives.reverse.sweeps.exactness import Exactness


class Needs:
    """For each region the values `stored` in every iteration; `again` is computed again."""

    def __init__(self, program, loops, activity, strict=True):
        self.program, self.loops, self.activity = program, loops, activity
        self.stored = {region: [] for region in loops.root.walk()}
        self.exactness = Exactness(program, loops, activity, strict)
        self.again: set = set()
        self.shadows: set = set()
        self._known: set = set()
        self._shaped: set = set()
        self.sizes: dict = {}  # array that a loop changes and passes on -> its lengths
        self.buffers = Buffers(program, loops, activity)
        self.adjoints: dict = {}  # operation -> its adjoint
        self.alive = _alive(program)
        self.moving = {r for r in loops.root.walk() if self._moves(r)}
        self._name_rounds()
        self.fused = fused = Fusion(program, activity)
        for block in program.blocks.values():
            for op in block.ops:
                if self._is_active(op) or op.kind == "setitem":
                    self.adjoints[op] = numbers.adjoint_of(program, activity, fused, op)
                elif not is_harmless(program, op):
                    raise NotReversible(said(program, op), op.loc)
        self._check_use()
        guards.guard(program, activity, self.adjoints)
        for label, block in list(program.blocks.items()):
            if label in self.alive and loops.level[label] in self.moving:
                self._of_block(loops.level[label], label, block)
        self.uses_store = {r for r in loops.root.walk() if any(self.stored[c] for c in r.walk())}

    def _moves(self, region):
        labels = region.body & self.alive
        return any(self._is_active(op) for k in labels for op in self.program.blocks[k].ops)

    def _is_active(self, op):
        if op.kind == "setitem":
            return self.activity.is_active(op.uses[0])
        return op.target is not None and self.activity.is_active(op.target)

    def _name_rounds(self):
        """Name the counts of loops and of their exits, which exist behind them."""
        self.rounds, self.exit = {}, {}
        for region in self.loops.regions[1:]:
            for table, name in ((self.rounds, "rounds"), (self.exit, "exit")):
                made = self.program.new_name(f"{name}.{region.header}", types.intp)
                table[region] = made
                self.loops.level_of[made] = region.parent

    def _check_use(self):
        """Refuse tuples that depend on x whose items cannot be named."""
        for block in self.program.blocks.values():
            for op in block.ops:
                adjoint = self.adjoints.get(op)
                known = (
                    isinstance(adjoint, arrays.FromTable | arrays.FromNumbers) or op.kind == "part"
                )
                if adjoint is None or known:
                    continue
                for name in op.args:
                    kind = self.program.types[name]
                    tuple_given = isinstance(kind, types.BaseTuple) and self.activity.is_active(
                        name
                    )
                    result = op.target and self.program.types[op.target]
                    if tuple_given and not isinstance(result, types.BaseTuple):
                        raise NotReversible(said(self.program, op), op.loc)

    def _of_block(self, region, label, block):
        for op in list(block.ops):
            adjoint = self.adjoints.get(op)
            if adjoint is not None:
                for name in adjoint.values:
                    self._elements(adjoint, name, block, region, op)
                for name in adjoint.shapes:
                    self.shape(name, op)
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

    def _elements(self, adjoint, name, block, region, op):
        """Note that an adjoint reads a value, before it is overwritten if it is an array."""
        is_array = isinstance(self.program.types[name], types.Array)
        if is_array and self.activity.is_written(name):
            if name == op.target:
                raise NotReversible(f"{said(self.program, op)}, changed later", op.loc)
            kind = self.program.types[name]
            taken = self.program.new_name(name, types.Array(kind.dtype, kind.ndim, "C"))
            made = Op("snapshot", taken, None, [name], op.loc)
            block.ops.insert(block.ops.index(op), made)
            self.program.definitions[taken] = made
            self.loops.level_of[taken] = region
            adjoint.taken[name] = name = taken
        self.need(name, op)

    def _decides(self, region, label, block):
        """Return True if the way an iteration takes depends on this branch."""
        if region.header is None or (region.is_simple and label == region.header):
            return False
        return all(target in self.alive for target in block.end[2:])

    def shape(self, name, op):
        """Note that the reverse sweep needs an array for its shape alone."""
        region, made = self.loops.level_of[name], self.program.definitions.get(name)
        if name in self._known | self._shaped or region is self.loops.root:
            return
        self._shaped.add(name)
        if name in self.sizes:
            return
        written = self.activity.is_written(name)
        if not written:
            self.need(name, op)
        elif self._is_buffer(region, made):
            self.shadow(name, op)
        elif made.kind == "out" or (made.kind == "phi" and self._is_carried(region, made)):
            raise NotReversible(f"{name}, an array that is changed in a loop", made.loc)
        else:
            self.again.add(name)
            for use in made.uses:  # integers and truth values may decide about the shape
                array = is_float_array(self.program.types[use])
                (self.shape if array else self.need)(use, made)

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
                shape = self._reads_shape(made) and isinstance(program.types[use], types.Array)
                (self.shape if shape else self.need)(use, made)
        elif is_number(program.type_of(name)) or self._is_plain_array(name):
            self.stored[region].append(name)
        else:
            raise NotReversible(f"{name} in a loop: {program.type_of(name)}", made and made.loc)

    def _is_plain_array(self, name):
        kind = self.program.types[name]
        number = isinstance(kind, types.Array) and is_number(kind.dtype) and kind.layout != "F"
        return number and not self.activity.is_written(name)

    def _can_repeat(self, region, op):
        if op.kind == "phi":
            return op not in self.program.blocks[region.header].ops
        if op.kind in ("out", "snapshot") or not is_pure(self.program, op):
            return False
        if not self.exactness.allows(op):
            return False
        if self._reads_shape(op):
            return True
        arrays = [n for n in {*op.uses, *op.args} if isinstance(self.program.types[n], types.Array)]
        return not any(self.activity.is_written(n) for n in arrays)

    def shadow(self, name, op):
        """Note that the reverse sweep needs the adjoint of an array."""
        if name in self.shadows:
            return
        self.shadows.add(name)
        program, activity = self.program, self.activity
        region, made = self.loops.level_of[name], program.definitions.get(name)
        loc = op and op.loc
        if made is None:
            raise NotReversible(f"the constant array {name} depends on x", loc)
        if made.kind == "arg":
            if made.value != 0:
                raise NotReversible(f"{name} depends on x", loc)
        elif made.kind == "copy":
            self.shadow(made.uses[0], op)
        elif made.kind == "phi":
            if self._is_carried(region, made):
                if not activity.is_written(name):
                    self.need(name, op)
                elif self.buffers.are_alone(region, name):
                    self._shape_of_buffer(region, made)
                else:
                    raise NotReversible(f"{name} is another array in the next iteration", made.loc)
            for use in made.uses:
                if activity.is_active(use):
                    self.shadow(use, op)
                elif not self._is_carried(region, made):
                    self.need(use, op)  # data, whose shape is that of a shadow for nothing
        elif made.kind == "out":
            self.shadow(made.uses[0], op)
            if not activity.is_written(name):
                self.need(name, op)
            elif not self.buffers.are_alone(made.value, made.uses[0]):
                raise NotReversible(f"{name} is made in a loop and used behind it", made.loc)
            elif region is not self.loops.root:
                self._shape_of_buffer(region, made)
        elif made.kind == "load" and arrays.is_basic(program.types[made.uses[1]]):
            self.shadow(made.uses[0], op)
            self.need(made.uses[1], op)
        elif made.kind == "expr" or arrays.is_view(program, made):
            self.shadow(made.args[0], op)
            for use in made.args[1:]:
                self.need(use, op)
        elif made.kind == "call" and made.key in CREATIONS:
            for use in made.uses[1:]:
                array = isinstance(program.types[use], types.Array)
                (self.shape if array else self.need)(use, op)
        elif made.kind in ("binop", "unary", "load", "part") or is_fresh(made.key):
            self.shape(name, op)
        else:
            raise NotReversible(said(program, made), made.loc)

    def _is_buffer(self, region, made):
        """Return True for an array with a shadow of its own that a loop begins or ends with."""
        if not self.activity.is_active(made.target):
            return False
        if made.kind == "out":
            return self.buffers.are_alone(made.value, made.uses[0])
        carried = made.kind == "phi" and self._is_carried(region, made)
        return carried and self.buffers.are_alone(region, made.target)

    def _shape_of_buffer(self, region, made):
        """Store the shape alone of an array that a loop changes and passes on, or leaves behind."""
        name, blocks = made.target, self.program.blocks
        labels = [region.header] if made.kind == "phi" else [exit for _, exit in made.value.exits]
        self.sizes[name] = []
        for axis in range(self.program.types[name].ndim):
            length = self.program.new_name(f"{name}.length", types.intp)
            for label in labels:
                op = Op("helper", length, array_helpers.length(axis), [name], made.loc)
                blocks[label].ops.insert(len([o for o in blocks[label].ops if o.kind == "phi"]), op)
                self.program.definitions[length] = op
            self.loops.level_of[length] = region
            self.need(length, op)
            self.sizes[name].append(length)

    def _reads_shape(self, op):
        """Return True for what does not depend on an array's elements."""
        if op.kind == "expr" and op.value.op == "getattr":
            method = isinstance(self.program.types[op.target], types.BoundFunction)
            return method or op.value.attr in ("shape", "size", "ndim")
        return (op.kind == "call" and op.key is len) or (op.kind == "helper" and op.value is len)

    def _is_carried(self, region, op):
        """Return True for a phi in the header of a loop."""
        return region.header is not None and op in self.program.blocks[region.header].ops


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

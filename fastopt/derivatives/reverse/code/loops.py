"""The loops of a program, in a form in which an iteration can be run backwards.

Afterwards each loop has one block before it and one block from which it is repeated. At each exit
it has a block of its own, one for every loop that is left. Within a loop, with inner loops as
single steps, the blocks form no cycle.
"""

from typing import Any

from numba import types

from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.operations import Op, is_number


class Region:
    """A loop, or the function as a whole (`header` is None)."""

    def __init__(self, header, parent):
        self.header, self.parent, self.children = header, parent, []
        self.body: set = set()  # labels, those of inner loops included
        self.before: Any = None  # label of the block before the loop
        self.latch: Any = None  # label of the block that repeats the loop
        self.exits: list = []  # (label inside, label of the block at the exit)
        self.outs: dict = {}  # variables of the loop that are used behind it -> names there
        self.trips: Any = None  # name of the number of iterations of a counted loop
        self.counter: Any = None  # name of the number of iterations that are complete
        self.first: Any = None  # label of the block behind the header of a simple loop
        self.is_simple = False  # counted, and left from the header only

    @property
    def depth(self):
        return 0 if self.parent is None else self.parent.depth + 1

    def holds(self, other):
        """Return True if `other` is this region or inside of it."""
        while other is not None and other is not self:
            other = other.parent
        return other is self

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()


class Loops:
    """The regions of a program; `level` is the innermost region of each block."""

    def __init__(self, program):
        self.program = program
        self.root = Region(None, None)
        self._find()
        self._put_blocks()
        self._levels()
        self.level_of = {}  # variable -> region
        for name in program.constants:
            self.level_of[name] = self.root
        for label, block in program.blocks.items():
            for op in block.ops:
                if op.target:
                    self.level_of[op.target] = self.level[label]

    def _find(self):
        program = self.program
        preds, order = program.predecessors(), _reverse_postorder(program)
        dominators = _dominators(order, preds)
        place = {label: k for k, label in enumerate(order)}
        bodies: dict = {}
        for label in order:
            for target in program.blocks[label].targets:
                if place[target] <= place[label]:
                    if target not in dominators[label]:
                        raise NotReversible("a loop with two entries")
                    bodies.setdefault(target, {target}).update(_natural(label, target, preds))
        if program.entry in bodies:
            raise NotReversible("a loop without a beginning")
        regions = [self.root]
        for header in sorted(bodies, key=lambda h: -len(bodies[h])):
            parent = [r for r in regions if r is self.root or header in r.body][-1]
            region = Region(header, parent)
            region.body = bodies[header]
            parent.children.append(region)
            regions.append(region)
        self.root.body = set(program.blocks)
        self.regions = regions
        for region in regions:  # innermost first would be the same: bodies are nested
            region.children.sort(key=lambda c: place[c.header])

    def _put_blocks(self):
        for region in self.regions[1:]:
            self._put_before(region)
            self._put_latch(region)
        for region in self.regions[1:]:
            self._put_exits(region)
        self._levels()
        self._split_edges()

    def _add(self, region, ops, end):
        """Add a block to a region and to those around it."""
        label = self.program.new_block(ops, end)
        while region is not None:
            region.body.add(label)
            region = region.parent
        return label

    def _put_before(self, region):
        entries = [p for p in self.program.predecessors()[region.header] if p not in region.body]
        label = self._add(region.parent, [], ("jump", region.header))
        self._join(region.header, entries, label)
        region.before = label

    def _put_latch(self, region):
        ends = [p for p in self.program.predecessors()[region.header] if p in region.body]
        label = self._add(region, [], ("jump", region.header))
        self._join(region.header, ends, label)
        region.latch = label

    def _join(self, header, sources, label):
        """Let blocks reach the header through the block `label`."""
        program = self.program
        for source in sources:
            program.blocks[source].retarget(header, label)
        for op in program.blocks[header].ops:
            if op.kind != "phi":
                continue
            given = {s: op.value.pop(s) for s in sources if s in op.value}
            if len(set(given.values())) == 1:
                op.value[label] = next(iter(given.values()))
            elif given:
                name = program.new_name(op.target, program.types[op.target])
                made = Op("phi", name, given, [v for v in given.values() if v], op.loc)
                program.blocks[label].ops.append(made)
                program.definitions[name] = made
                op.value[label] = name
            op.uses = [v for v in op.value.values() if v]

    def _put_exits(self, region):
        """Put a block at each exit; a jump out of several loops gets one for each of them."""
        program = self.program
        for label in sorted(region.body):
            for target in program.blocks[label].targets:
                if target in region.body:
                    continue
                landing = self._add(region.parent, [], ("jump", target))
                program.blocks[label].retarget(target, landing)
                for op in program.blocks[target].ops:
                    if op.kind == "phi" and label in op.value:
                        op.value[landing] = op.value.pop(label)
                region.exits.append((label, landing))
                for outer in self.regions:  # which the same jump leaves from the new block
                    old, new = (label, target), (landing, target)
                    outer.exits = [new if pair == old else pair for pair in outer.exits]

    def _levels(self):
        self.level = {}
        for region in self.root.walk():
            for label in region.body:
                known = self.level.get(label)
                if known is None or known.depth < region.depth:
                    self.level[label] = region

    def _split_edges(self):
        """Put a block on each edge to a join with phis from a block with another way."""
        program = self.program
        for label, sources in program.predecessors().items():
            phis = [op for op in program.blocks[label].ops if op.kind == "phi"]
            if not phis or len(sources) < 2:
                continue
            for source in sources:
                if len(program.blocks[source].targets) > 1:
                    region = self.level[source]
                    middle = self._add(region, [], ("jump", label))
                    self.level[middle] = region
                    program.blocks[source].retarget(label, middle)
                    for op in phis:
                        if source in op.value:
                            op.value[middle] = op.value.pop(source)

    def close(self):
        """Give variables that are used behind a loop a name out there."""
        program = self.program
        for label in list(program.blocks):
            block = program.blocks[label]
            for op in block.ops:
                if op.kind == "phi":
                    for source, name in op.value.items():
                        if name:
                            op.value[source] = self._outside(name, self.level[source])
                    op.uses = [v for v in op.value.values() if v]
                else:
                    for name in dict.fromkeys(op.uses):
                        new = self._outside(name, self.level[label])
                        if new != name:
                            rename(op, name, new)
            if block.end[0] in ("branch", "return"):
                name = self._outside(block.end[1], self.level[label])
                block.end = (block.end[0], name, *block.end[2:])

    def _outside(self, name, user):
        region = self.level_of[name]
        if region.holds(user):
            return name
        if name not in region.outs:
            kind = self.program.type_of(name)
            op = self.program.definitions.get(name)
            array = isinstance(kind, types.Array) and is_number(kind.dtype) and kind.layout != "F"
            if not is_number(kind) and not array:
                raise NotReversible(
                    f"a value of type {kind} made in a loop and used behind it", op.loc
                )
            # Written at every exit: those that the definition does not reach lead to no use.
            out = self.program.new_name(name, kind)
            self.level_of[out] = region.parent
            self.program.definitions[out] = Op("out", out, region, [name], op.loc)
            region.outs[name] = out
        return self._outside(region.outs[name], user)


def rename(op, old, new):
    """Replace a variable in an operation."""
    op.uses = [new if name == old else name for name in op.uses]
    for own, now in op.renamed.items():
        if now == old:
            op.renamed[own] = new
    op.renamed.setdefault(old, new)


def _reverse_postorder(program):
    seen, order = {program.entry}, []
    stack = [(program.entry, iter(program.blocks[program.entry].targets))]
    while stack:
        label, rest = stack[-1]
        following = next((t for t in rest if t not in seen), None)
        if following is None:
            order.append(label)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(program.blocks[following].targets)))
    return order[::-1]


def _dominators(order, preds):
    everything = set(order)
    found = dict.fromkeys(order, everything)
    found[order[0]] = {order[0]}
    changed = True
    while changed:
        changed = False
        for label in order[1:]:
            new = set.intersection(*(found[p] for p in preds[label])) | {label}
            if new != found[label]:
                found[label], changed = new, True
    return found


def _natural(latch, header, preds):
    body, todo = {header}, [latch]
    while todo:
        label = todo.pop()
        if label not in body:
            body.add(label)
            todo += preds[label]
    return body

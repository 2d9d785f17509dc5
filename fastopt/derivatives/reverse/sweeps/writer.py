"""The forward sweep, which computes the value, and the reverse sweep, which adds up the gradient.

The reverse sweep runs each loop backwards. An iteration first computes again what is cheap, along
the way that the forward sweep took ("again"). Then it runs the adjoints of its operations from the
last to the first ("back"). Blocks are labelled by these words and the label they had.
"""

from fastopt.compiling.numba_internals import ir
from fastopt.derivatives.reverse.code.operations import is_float
from fastopt.derivatives.reverse.runtime import array_helpers, store
from fastopt.derivatives.reverse.sweeps import shadows
from fastopt.derivatives.reverse.sweeps.forward import Forward
from fastopt.derivatives.reverse.sweeps.frames import Frames
from fastopt.derivatives.reverse.sweeps.names import ARGS, BLOCK, STORE, USED, F, G, X


class Sweeps(Forward, Frames):
    """Writes both sweeps."""

    def write(self, adds):
        """Return the blocks of a function of x, g, store and args; see `gradient`."""
        b, program = self.builder, self.program
        for k, name in enumerate((X, G, STORE, ARGS)):
            b.assign(name, ir.Arg(name.partition(".")[0], k, b.loc))
        for name in (X, G):
            b.call(array_helpers.borrowed, [name], out=name)
        for name, (node, _) in program.constants.items():
            b.assign(name, node)
        if not adds:
            b.call(store.clear, [X, G])
        b.move(USED, b.constant(0))
        b.move(BLOCK, b.call(store.pointer, [b.constant(0)]))
        for region in self.loops.root.walk():
            for name in {**dict.fromkeys(self.needs.stored[region]), **region.outs}:
                self._zero(name, name)
            for name in region.outs.values():
                self._zero(name, name)
        self._zero_bars(self.loops.root)
        for region in self.thrifty:
            for name in (f"stride.{region.header}", *self._bounds(region)):
                b.move(name, b.constant(0))
        for name in sorted(self.needs.shadows):
            op = program.definitions[name]
            if self.loops.level_of[name] is not self.loops.root and shadows.is_anew(program, op):
                b.empty(program.types[name], out=self.shadow(name))
        b.jump(("fore", program.entry))
        for label in program.blocks:
            self._fore(label)
        if self.loops.root in self.needs.moving:
            for region in self.loops.root.walk():
                if region in self.needs.moving:
                    self._backward(region)
        for region in self.thrifty:
            self._replay(region)
        b.start(("end",))
        for name in self.kept:
            b.call(array_helpers.keep, [name])
        b.result(F)
        b.keep_reused()
        return {b.labels[k]: b.blocks[b.labels[k]] for k in b.labels}

    def _backward(self, region):
        needs = self.needs
        self.region = region
        labels = [
            k for k in self.program.blocks if self.loops.level[k] is region and k in needs.alive
        ]
        if region.header is not None:
            self._frame(region)
            for label in labels:
                if not (region.is_simple and label == region.header):
                    self._again(label, region)
        for label in labels:
            self._back(label, region)

    def _replay(self, region):
        """Write the loop once more, up to the end of a block."""
        for label in self.program.blocks:
            if label in region.body:
                self._fore(label, "replay", region)

    def _again(self, label, region):
        """Write what an iteration computes again in a block."""
        b, block, again = self.builder, self.program.blocks[label], self.needs.again
        b.start(("again", label))
        for op in block.ops:
            if op.kind != "phi" and op.target in again and op not in self.hoisted:
                self.compute(op, self.value(op.target), self.value)
            self._make_shadow(op, self.value)
        self._mark(label, region, region)
        if label == region.latch:
            b.jump(("repeat", region.header))
            return
        if label in self.before:
            self._pass(self.before[label])
            return
        targets = [t for t in block.targets if t in self.needs.alive]
        to = [self._ahead(label, t, region) for t in targets]
        if len(targets) == 1:
            if to[0][0] == "again":
                self._carry(label, targets[0], self.value, lambda name: name in again)
                self._carry_shadows(label, targets[0], self.value)
            b.jump(to[0])
        else:
            table = dict(zip(targets, to, strict=True))
            b.branch(self.value(block.end[1]), *(table[t] for t in block.end[2:]))

    def _ahead(self, label, target, region):
        return ("again", target) if target in region.body else ("exit", target)

    def _pass(self, child):
        """Go on behind an inner loop, at the exit that it took."""
        self._choose(self.value(self.needs.exit[child]), [("again", e) for _, e in child.exits])

    def _choose(self, name, labels):
        """Jump to the label whose place in the list is the value of a variable."""
        b = self.builder
        for k, label in enumerate(labels[:-1]):
            other = labels[-1] if k == len(labels) - 2 else ("choice", name, k, labels[0])
            b.branch(b.binop("==", name, b.constant(k)), label, other)
            if k < len(labels) - 2:
                b.start(other)
        if len(labels) == 1:
            b.jump(labels[0])

    def _back(self, label, region):
        """Write the adjoints of a block."""
        b, block = self.builder, self.program.blocks[label]
        b.start(("back", label))
        for op in reversed(block.ops):
            adjoint = self.needs.adjoints.get(op)
            if adjoint is not None:
                b.loc = op.loc or b.loc
                adjoint.emit(self)
        if label == region.header:
            b.jump(("test", label))
        elif label == self.program.entry:
            b.jump(("end",))
        elif label in self.landing:
            child = self.landing[label][0]
            moves = child in self.needs.moving
            b.jump(("enter", child.header) if moves else ("back", child.before))
        else:
            ways = self.preds[label]
            if len(ways) > 1:
                self._choose(f"way.{label}", [("edge", label, way) for way in ways])
            for way in ways:
                if len(ways) > 1:
                    b.start(("edge", label, way))
                for op in block.ops:
                    source = op.kind == "phi" and op.value.get(way)
                    number = source and is_float(self.program.type_of(op.target))
                    if number and all(map(self.activity.is_active, (op.target, source))):
                        self.add(source, self.bar(op.target))
                b.jump(("back", way))

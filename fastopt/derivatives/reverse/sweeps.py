"""The forward sweep, which computes the value, and the reverse sweep, which adds up the gradient.

The reverse sweep runs each loop backwards. An iteration first computes again what is cheap, along
the way that the forward sweep took ("again"), and then runs the adjoints of its operations from
the last to the first ("back"). Blocks are labelled by these words and the label they had.
"""

from typing import Any

from numba import types

from fastopt.compiling.numba_internals import ir
from fastopt.derivatives.reverse import array_helpers, pullbacks, store
from fastopt.derivatives.reverse.builder import Builder
from fastopt.derivatives.reverse.program import is_float, is_number
from fastopt.derivatives.reverse.shadows import shadow_of

X, G, STORE, ARGS = "x.given", "g.given", "store.given", "args.given"
USED, BLOCK, BACK, F = "words.used", "block.now", "block.back", "f.result"


class Sweeps:
    """Writes both sweeps."""

    def __init__(self, program, loops, activity, needs, fast, loc):
        self.program, self.loops, self.activity, self.needs = program, loops, activity, needs
        self.fast, self.builder = fast, Builder(loc, needs.lasting)
        self.region: Any = loops.root  # the region whose code is written
        self.preds = program.predecessors()
        for label in self.preds:  # the ways to a block within one region
            self.preds[label] = [p for p in self.preds[label] if p in needs.alive]
        self.before = {r.before: r for r in loops.regions[1:]}
        self.landing = {e: (r, k) for r in loops.regions[1:] for k, (_, e) in enumerate(r.exits)}

    def write(self, count):
        """Return the blocks of a function of x, g, store and args."""
        b, program = self.builder, self.program
        for k, name in enumerate((X, G, STORE, ARGS)):
            b.assign(name, ir.Arg(name.partition(".")[0], k, b.loc))
        for name, (node, _) in program.constants.items():
            b.assign(name, node)
        b.call(store.clear, [X, G])
        b.move(USED, b.constant(0))
        b.move(BLOCK, b.call(store.pointer, [b.constant(0)]))
        for region in self.loops.root.walk():
            for name in {**dict.fromkeys(self.needs.stored[region]), **region.outs}:
                self._zero(name, name)
            for name in region.outs.values():
                self._zero(name, name)
        self._zero_bars(self.loops.root)
        b.jump(("fore", program.entry))
        for label in program.blocks:
            self._fore(label)
        if self.loops.root in self.needs.moving:
            for region in self.loops.root.walk():
                if region in self.needs.moving:
                    self._backward(region)
        b.start(("end",))
        b.result(F)
        b.keep_reused()
        return {b.labels[k]: b.blocks[b.labels[k]] for k in b.labels}

    # Names of values, adjoints and shadows.

    def value(self, name):
        """Return the variable with a value in the reverse sweep."""
        region = self.loops.level_of.get(name)
        return name if region is None or region is self.loops.root else f"{name}.again"

    def bar(self, name):
        return f"{name}.bar"

    def shadow(self, name):
        made = self.program.definitions.get(name)
        return G if made is not None and made.kind == "arg" else f"{name}.shadow"

    def add(self, name, contribution):
        """Add a contribution to the adjoint of a number."""
        self.builder.call(pullbacks.plus, [self.bar(name), contribution], out=self.bar(name))

    def subtract(self, name, contribution):
        self.builder.call(pullbacks.minus, [self.bar(name), contribution], out=self.bar(name))

    def _zero(self, out, name):
        b, kind = self.builder, self.program.types[name]
        kind = types.unliteral(kind)
        if isinstance(kind, types.Array):
            b.empty(kind, out=out)
        elif is_float(kind):
            b.move(out, b.number(0.0, kind))
        else:
            b.move(out, b.constant(False if isinstance(kind, types.Boolean) else 0))

    def _bars(self, region, phis):
        """Return the numbers of a region with an adjoint: those of its header's phis, or others."""
        header = self.program.blocks[region.header].ops if region.header is not None else []
        own = {op.target for op in header if op.kind == "phi"}
        names = [n for n, r in self.loops.level_of.items() if r is region]
        names = [n for n in names if is_float(self.program.type_of(n)) and self.activity.is_active(n)]
        return [n for n in names if (n in own) == phis]

    def _zero_bars(self, region):
        for name in self._bars(region, phis=False):
            self._zero(self.bar(name), name)

    # The forward sweep.

    def _fore(self, label):
        b, program = self.builder, self.program
        block, region = program.blocks[label], self.loops.level[label]
        b.start(("fore", label))
        if label in self.landing:
            self._leave(*self.landing[label])
        for op in block.ops:
            self.region = region
            if op.kind == "arg":
                self._argument(op)
            elif op.kind != "phi":
                b.copy_of(op, op.target, lambda name: name)
            if region is self.loops.root:
                self._make_shadow(op, lambda name: name)
        if label in self.before:
            self._enter(self.before[label])
        if region.latch == label:
            self._repeat(region)
        kind, *rest = block.end
        if kind == "return":
            b.call(float, [rest[0]], out=F)
            if self.loops.root not in self.needs.moving:
                b.jump(("end",))
                return
            b.move(BACK, b.call(store.pointer, [b.load(STORE, b.constant(0))]))
            if is_float(program.type_of(rest[0])) and self.activity.is_active(rest[0]):
                b.move(self.bar(rest[0]), b.number(1.0, program.type_of(rest[0])))
            b.jump(("back", label))
        elif kind == "raise":
            b.now.append(rest[0])
        elif kind == "branch":
            self._mark(label, region, self.loops.root)
            b.branch(rest[0], ("fore", rest[1]), ("fore", rest[2]))
        else:
            self._mark(label, region, self.loops.root)
            self._carry(label, rest[0], lambda name: name, lambda _: True)
            if region is self.loops.root and self.loops.level[rest[0]] is region:
                self._carry(label, rest[0], self.shadow, lambda name: name in self.needs.shadows)
            if region.latch == label and region.counter:
                b.binop("+", region.counter, b.constant(1), out=region.counter)
            b.jump(("fore", rest[0]))

    def _argument(self, op):
        given = self.program.arguments[op.value]
        b = self.builder
        if isinstance(given, int):
            b.move(op.target, X if given < 0 else b.item(ARGS, given))
        elif isinstance(given, list):
            b.tuple([b.item(ARGS, k) for k in given], out=op.target)
        else:
            b.move(op.target, b.constant(given[0]))

    def _carry(self, label, target, named, wanted):
        """Give the phis of the next block their values."""
        b, pairs = self.builder, []
        for op in self.program.blocks[target].ops:
            source = op.kind == "phi" and op.value.get(label)
            if source and wanted(op.target):
                pairs.append((named(op.target), named(source)))
        if len(pairs) > 1:
            pairs = [(out, b.move(b.temporary(), source)) for out, source in pairs]
        for out, source in pairs:
            b.move(out, source)

    def _mark(self, label, region, wanted):
        """Note from which block the next one of several ways is reached."""
        if region is not wanted:
            return
        for target in self.program.blocks[label].targets:
            ways = self.preds.get(target, ())
            if len(ways) > 1 and self.loops.level[target] is region and target != region.header:
                self.builder.move(f"way.{target}", self.builder.constant(ways.index(label)))

    def _enter(self, region):
        b, needs = self.builder, self.needs
        if region.counter:
            b.move(region.counter, b.constant(0))
        b.move(needs.rounds[region], b.constant(0))
        if self._is_reserved(region):
            size = b.constant(len(needs.stored[region]))
            words = b.binop("*", region.trips, size)
            b.call(store.reserve, [STORE, USED, words], out=BLOCK)
            b.move(f"base.{region.header}", USED)
            b.binop("+", USED, words, out=USED)

    def _is_reserved(self, region):
        """Return True if the numbers of all iterations get their room when the loop begins."""
        inner = any(child in self.needs.uses_store for child in region.children)
        names = self.needs.stored[region]
        numbers = all(is_number(self.program.type_of(name)) for name in names)
        return bool(names) and region.is_simple and not inner and numbers

    def _repeat(self, region):
        b, names = self.builder, self.needs.stored[region]
        if self._is_reserved(region):
            place = b.binop("+", f"base.{region.header}", region.counter)
            for name in names:
                b.call(store.put, [BLOCK, place, name])
                place = b.binop("+", place, region.trips)
        else:
            self._push(region)

    def _push(self, region):
        b, stored = self.builder, self.needs.stored[region]
        names = [n for n in stored if is_number(self.program.type_of(n))]
        for name in stored:
            if name not in names:
                plain = self.program.types[name].layout == "C"
                given = name if plain else b.call(array_helpers.copy_of, [name])
                b.call(store.put_array, [STORE, USED, given], out=USED)
        if names:
            b.call(store.reserve, [STORE, USED, b.constant(len(names))], out=BLOCK)
        for name in names:
            b.call(store.put, [BLOCK, USED, name])
            b.binop("+", USED, b.constant(1), out=USED)
        rounds = self.needs.rounds[region]
        b.binop("+", rounds, b.constant(1), out=rounds)

    def _leave(self, region, place):
        b = self.builder
        if not region.is_simple:
            self._push(region)
        if len(region.exits) > 1:
            b.move(self.needs.exit[region], b.constant(place))
        for name, out in region.outs.items():
            b.move(out, name)
            if out in self.needs.shadows and region.parent is self.loops.root:
                b.call(array_helpers.zeros_of, [out], out=self.shadow(out))

    # The reverse sweep of one region.

    def _backward(self, region):
        b, needs = self.builder, self.needs
        self.region = region
        labels = [k for k in self.program.blocks if self.loops.level[k] is region and k in needs.alive]
        if region.header is not None:
            self._frame(region)
            for label in labels:
                if not (region.is_simple and label == region.header):
                    self._again(label, region)
        for label in labels:
            self._back(label, region)

    def _frame(self, region):
        """Write the loop around the reverse sweep of an iteration."""
        b, needs, head = self.builder, self.needs, region.header
        left, base, names = f"left.{head}", f"base.{head}.again", needs.stored[region]
        b.start(("enter", head))
        for name in self._bars(region, phis=True):
            self._zero(self.bar(name), name)
        for name in self._arrays(region):
            b.empty(self.program.types[name], out=self.shadow(name))
        b.move(left, self.value(region.trips if region.is_simple else needs.rounds[region]))
        if self._is_reserved(region):
            words = b.binop("*", left, b.constant(len(names)))
            b.binop("-", USED, words, out=USED)
            b.move(base, USED)
        if region.is_simple:
            self._from_outs(region)
        self.hoisted = self._invariant(region)
        if self.hoisted:
            b.branch(b.binop(">", left, b.constant(0)), ("once", head), ("leave", head))
            b.start(("once", head))
            for op in self.hoisted:
                b.copy_of(op, self.value(op.target), self.value)
        b.jump(("test", head))
        b.start(("test", head))
        b.branch(b.binop(">", left, b.constant(0)), ("iterate", head), ("leave", head))
        b.start(("iterate", head))
        b.binop("-", left, b.constant(1), out=left)
        if region.counter:
            b.move(self.value(region.counter), left)
        if self._is_reserved(region):
            place, stride = b.binop("+", base, left), self.value(region.trips)
            for name in names:
                self._restore(name, place)
                place = b.binop("+", place, stride)
        elif names:
            self._pop(names)
        for child in region.children:
            for out in child.outs.values():
                if out in needs.shadows:
                    b.call(array_helpers.zeros_of, [self.value(out)], out=self.shadow(out))
        self._zero_bars(region)
        b.jump(("again", region.first if region.is_simple else head))
        b.start(("leave", head))
        for name, source in self._carried(region, region.before):
            self.add(source, self.bar(name))
        for name, source in self._carried_arrays(region, region.before):
            b.call(array_helpers.pass_on, [self.shadow(source), self.shadow(name)])
        b.jump(("back", region.before))
        b.start(("repeat", head))
        pairs = []
        for name, source in self._carried(region, region.latch):
            pairs.append((source, b.move(b.temporary(), self.bar(name))))
        for name in self._bars(region, phis=True):
            self._zero(self.bar(name), name)
        for source, moved in pairs:
            self.add(source, moved)
        moves = self._carried_arrays(region, region.latch)
        pairs = [(source, b.move(b.temporary(), self.shadow(name))) for name, source in moves]
        self._renew(region)
        for source, moved in pairs:
            b.call(array_helpers.pass_on, [self.shadow(source), moved])
        b.jump(("back", region.latch))
        for inside, landing in region.exits:
            b.start(("exit", landing))
            self._renew(region)
            self._from_outs(region)
            b.jump(("back", inside))

    def _arrays(self, region):
        """Return the arrays with a shadow that are carried from one iteration to the next."""
        header = self.program.blocks[region.header].ops
        return [op.target for op in header if op.kind == "phi" and op.target in self.needs.shadows]

    def _renew(self, region):
        """Begin new shadows of the arrays that an iteration was given."""
        for name in self._arrays(region):
            given = self.value(name)
            self.builder.call(array_helpers.zeros_of, [given], out=self.shadow(name))

    def _carried_arrays(self, region, label):
        found, known = [], self._arrays(region)
        for op in self.program.blocks[region.header].ops:
            source = op.target in known and op.value.get(label)
            if source and source in self.needs.shadows:
                found.append((op.target, source))
        return found

    def _pop(self, stored):
        """Write what takes the values of an iteration from the store, last in first out."""
        b = self.builder
        names = [n for n in stored if is_number(self.program.type_of(n))]
        if names:
            b.binop("-", USED, b.constant(len(names)), out=USED)
            for k, name in enumerate(names):
                self._restore(name, b.binop("+", USED, b.constant(k)))
        for name in reversed(stored):
            if name not in names:
                kind = self.program.type_of(name)
                found = b.call(store.get_array(kind), [BACK, USED])
                b.move(self.value(name), b.item(found, 0))
                b.move(USED, b.item(found, 1))

    def _invariant(self, region):
        """Return what each iteration would compute again in the same way.

        LLVM cannot know that a load is the same in each, since it sees shadows written to.
        """
        found, inside = [], set()
        if region.is_simple:
            inside = {n for n, r in self.loops.level_of.items() if region.holds(r)}
            for op in self.program.blocks[region.first].ops:
                same = op.kind != "phi" and not {*op.uses, *op.args} & inside
                if op.target in self.needs.again and same:
                    found.append(op)
                    inside.discard(op.target)
        return found

    def _from_outs(self, region):
        known = set(self._bars(region, True) + ([] if region.is_simple else self._bars(region, False)))
        for name, out in region.outs.items():
            if name in known:
                self.add(name, self.bar(out))
            elif name in self.needs.shadows and out in self.needs.shadows:
                moved = [self.shadow(name), self.shadow(out)]
                if not region.is_simple:
                    self.builder.call(array_helpers.pass_on, moved)
                elif name in self._arrays(region):
                    self.builder.move(*moved)

    def _carried(self, region, label):
        """Return the active phis of the header, with the variables that they get from a block."""
        known, found = set(self._bars(region, phis=True)), []
        for op in self.program.blocks[region.header].ops:
            if op.kind == "phi" and op.target in known:
                source = op.value.get(label)
                if source and self.activity.is_active(source):
                    found.append((op.target, source))
        return found

    def _restore(self, name, place):
        b, kind = self.builder, self.program.type_of(name)
        word = None if isinstance(kind, types.Boolean) else kind
        b.call(store.get, [BACK, place, b.constant(word)], out=self.value(name))

    def _again(self, label, region):
        """Write what an iteration computes again in a block."""
        b, block, again = self.builder, self.program.blocks[label], self.needs.again
        b.start(("again", label))
        for op in block.ops:
            if op.kind != "phi" and op.target in again and op not in self.hoisted:
                b.copy_of(op, self.value(op.target), self.value)
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
                wanted = again | self.needs.shadows
                self._carry(label, targets[0], self.value, lambda name: name in again)
                self._carry(label, targets[0], self.shadow, lambda name: name in self.needs.shadows)
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
                    if source and is_float(self.program.type_of(op.target)):
                        if self.activity.is_active(op.target) and self.activity.is_active(source):
                            self.add(source, self.bar(op.target))
                b.jump(("back", way))

    def _make_shadow(self, op, named):
        if op.target in self.needs.shadows:
            shadow_of(self, op, named)

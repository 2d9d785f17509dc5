"""The loop around the reverse sweep of an iteration: what it restores, and carries along."""

from numba import types

from fastopt.derivatives.reverse.code.operations import is_number
from fastopt.derivatives.reverse.runtime import array_helpers, store
from fastopt.derivatives.reverse.sweeps.names import BACK, STORE, USED, Names


class Frames(Names):
    """Writes the frames of loops."""

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
        if region in self.thrifty:
            b.move(self._bounds(region)[1], left)  # no block of it has been run again
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
                self.compute(op, self.value(op.target), self.value)
        b.jump(("test", head))
        b.start(("test", head))
        if region in self.thrifty:
            low = self._bounds(region)[1]
            b.branch(b.binop(">", left, low), ("iterate", head), ("block", head))
            self._next_block(region)
        else:
            b.branch(b.binop(">", left, b.constant(0)), ("iterate", head), ("leave", head))
        b.start(("iterate", head))
        b.binop("-", left, b.constant(1), out=left)
        if region.counter:
            b.move(self.value(region.counter), left)
        if self._is_reserved(region):
            place, stride = b.binop("+", base, left), self.value(region.trips)
            for name in names:
                self._restore(name, place, self.value(name))
                place = b.binop("+", place, stride)
        elif names:
            self._pop(names, self.value)
        for child in region.children:
            for out in child.outs.values():
                if out in needs.shadows:
                    self._begin(out)
        self._zero_bars(region)
        given = self._renew(region)
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
        for name, source in self._carried_arrays(region, region.latch):
            b.call(array_helpers.pass_on, [self.shadow(source), given[name]])
        b.jump(("back", region.latch))
        for inside, landing in region.exits:
            b.start(("exit", landing))
            self._from_outs(region)
            b.jump(("back", inside))

    def _next_block(self, region):
        """Write what goes on to the block before, or ends the loop."""
        b, head, left, low = self.builder, region.header, *self._bounds(region)
        b.start(("block", head))
        b.branch(b.binop(">", left, b.constant(0)), ("restore", head), ("leave", head))
        b.start(("restore", head))
        phis, changed = self.thrifty[region]
        kept = {n: f"{n}.kept" for n in (*phis, *changed)}
        self._pop([*phis, *changed], kept.get)
        for name in phis:
            array = isinstance(self.program.types[name], types.Array)
            if array:  # the memory of the store is used again
                b.call(array_helpers.copy_of, [kept[name]], out=name)
            else:
                b.move(name, kept[name])
        for name in changed:
            b.call(array_helpers.restore, [name, kept[name]])
        b.call(store.begin_of_block, [left, f"stride.{head}"], out=low)
        b.move(region.counter, low)
        b.jump(("replay", head))
        b.start(("replayed", head))
        b.move(BACK, b.call(store.pointer, [b.load(STORE, b.constant(0))]))
        b.jump(("test", head))

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

    def _arrays(self, region):
        """Return the arrays with a shadow that are carried from one iteration to the next."""
        header = self.program.blocks[region.header].ops
        return [op.target for op in header if op.kind == "phi" and op.target in self.needs.shadows]

    def _renew(self, region):
        """Begin new shadows of the arrays that an iteration was given; return those before.

        It comes ahead of what the iteration computes again, which makes views of the new ones.
        """
        b, before = self.builder, {}
        for name in self._arrays(region):
            before[name] = b.move(b.temporary(), self.shadow(name))
            self._begin(name)
        return before

    def _begin(self, name):
        """Make a shadow of zeros."""
        b = self.builder
        if name in self.needs.sizes:
            kind, lengths = self.program.types[name], self.needs.sizes[name]
            shape = b.tuple([self.value(length) for length in lengths])
            b.call(array_helpers.zeros_in(kind), [shape], out=self.shadow(name))
            b.move(self.value(name), self.shadow(name))  # of which the shape alone is read
        else:
            b.call(array_helpers.zeros_of, [self.value(name)], out=self.shadow(name))

    def _carried_arrays(self, region, label):
        found, known = [], self._arrays(region)
        for op in self.program.blocks[region.header].ops:
            source = op.target in known and op.value.get(label)
            if source and source in self.needs.shadows:
                found.append((op.target, source))
        return found

    def _pop(self, stored, named):
        """Write what takes values from the store, last in first out."""
        b = self.builder
        names = [n for n in stored if is_number(self.program.type_of(n))]
        if names:
            b.binop("-", USED, b.constant(len(names)), out=USED)
            for k, name in enumerate(names):
                self._restore(name, b.binop("+", USED, b.constant(k)), named(name))
        for name in reversed(stored):
            if name not in names:
                kind = self.program.type_of(name)
                found = b.call(store.get_array(kind), [BACK, USED])
                b.move(named(name), b.item(found, 0))
                b.move(USED, b.item(found, 1))

    def _from_outs(self, region):
        known = set(
            self._bars(region, True) + ([] if region.is_simple else self._bars(region, False))
        )
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

    def _restore(self, name, place, out):
        b, kind = self.builder, self.program.type_of(name)
        word = None if isinstance(kind, types.Boolean) else kind
        b.call(store.get, [BACK, place, b.constant(word)], out=out)

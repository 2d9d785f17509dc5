"""The forward sweep, which computes the value and stores what the reverse sweep needs."""

from numba import types

from fastopt.derivatives.reverse.code.operations import is_float, is_number
from fastopt.derivatives.reverse.runtime import array_helpers, store
from fastopt.derivatives.reverse.sweeps.names import ARGS, BACK, BLOCK, STORE, USED, F, Names, X


class Forward(Names):
    """Writes the forward sweep."""

    def _fore(self, label, sweep="fore", part=None):
        """Write a block of the forward sweep, or of the `replay` of a part of a loop."""
        b, program = self.builder, self.program
        block, region = program.blocks[label], self.loops.level[label]
        b.start((sweep, label))
        self.is_first = sweep == "fore" and any(r.holds(region) for r in self.thrifty)
        if self.is_first and region.first == label and region in self.thrifty:
            self._keep_state(region)
        if label in self.landing:
            self._leave(*self.landing[label])
        for op in block.ops:
            self.region = region
            if op.kind == "arg":
                self._argument(op)
            elif part is not None and label == part.header and op.kind == "more":
                b.binop("<", op.uses[0], self._bounds(part)[0], out=op.target)
            elif op.kind != "phi":
                self.compute(op, op.target, lambda name: name)
            if region is self.loops.root:
                self._make_shadow(op, lambda name: name)
                self.lend(op)
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
            ends = part is not None and label == part.header
            after = ("replayed", label) if ends else (sweep, rest[2])
            b.branch(rest[0], (sweep, rest[1]), after)
        else:
            self._mark(label, region, self.loops.root)
            self._carry(label, rest[0], lambda name: name, lambda _: True)
            if region is self.loops.root and self.loops.level[rest[0]] is region:
                self._carry_shadows(label, rest[0], lambda name: name)
            if region.latch == label and region.counter:
                b.binop("+", region.counter, b.constant(1), out=region.counter)
            b.jump((sweep, rest[0]))

    def _argument(self, op):
        given = self.program.arguments[op.value]
        b = self.builder
        if isinstance(given, int) and given < 0:
            b.move(op.target, X)
        elif isinstance(given, int) and isinstance(self.program.types[op.target], types.Array):
            b.call(array_helpers.borrowed, [b.item(ARGS, given)], out=op.target)
        elif isinstance(given, int):
            b.move(op.target, b.item(ARGS, given))
        elif isinstance(given, list):
            b.tuple([b.item(ARGS, k) for k in given], out=op.target)
        else:
            b.move(op.target, b.constant(given[0]))

    def _enter(self, region):
        b, needs = self.builder, self.needs
        if region.counter:
            b.move(region.counter, b.constant(0))
        b.move(needs.rounds[region], b.constant(0))
        if region in self.thrifty:
            b.call(store.block_length, [region.trips], out=f"stride.{region.header}")
        elif self._is_reserved(region) and not self.is_first:
            size = b.constant(len(needs.stored[region]))
            words = b.binop("*", region.trips, size)
            b.call(store.reserve, [STORE, USED, words], out=BLOCK)
            b.move(f"base.{region.header}", USED)
            b.binop("+", USED, words, out=USED)

    def _repeat(self, region):
        b, names = self.builder, self.needs.stored[region]
        if self.is_first:
            return
        if self._is_reserved(region):
            place = b.binop("+", f"base.{region.header}", region.counter)
            for name in names:
                b.call(store.put, [BLOCK, place, name])
                place = b.binop("+", place, region.trips)
        else:
            self._push(region)

    def _push(self, region):
        b, rounds = self.builder, self.needs.rounds[region]
        self._keep(self.needs.stored[region])
        b.binop("+", rounds, b.constant(1), out=rounds)

    def _keep(self, stored):
        b = self.builder
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

    def _leave(self, region, place):
        b = self.builder
        if not region.is_simple and not self.is_first:
            self._push(region)
        if len(region.exits) > 1:
            b.move(self.needs.exit[region], b.constant(place))
        for name, out in region.outs.items():
            b.move(out, name)
            if out in self.needs.shadows and region.parent is self.loops.root:
                b.call(array_helpers.zeros_of, [out], out=self.shadow(out))

    def _keep_state(self, region):
        """Write what keeps the state in front of an iteration that begins a block."""
        b, head = self.builder, region.header
        due = b.call(store.begins_block, [region.counter, f"stride.{head}"])
        b.branch(due, ("keep", head), ("kept", head))
        b.start(("keep", head))
        phis, changed = self.thrifty[region]
        self._keep([*phis, *changed])
        b.jump(("kept", head))
        b.start(("kept", head))

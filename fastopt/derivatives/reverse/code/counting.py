"""Loops over ranges and arrays as counted loops: their items are computed from the count."""

import numpy as np
from numba import types

from fastopt.compiling.numba_internals import ir
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.operations import Op, is_float
from fastopt.derivatives.reverse.runtime import array_helpers, store


def count(program, loops):
    """Turn the loops that draw from an iterator into counted ones."""
    for region in loops.regions[1:]:
        _count_one(program, loops, region)


def _count_one(program, loops, region):
    header = program.blocks[region.header]
    step = next((op for op in header.ops if _is(op, "iternext")), None)
    if step is None:
        return
    source = program.definitions[program.root(step.uses[0])]
    if not _is(source, "getiter") or loops.level_of[source.target].holds(region) is False:
        raise NotReversible("an iterator that does not begin in front of its loop", step.loc)
    if header.end[0] != "branch" or header.end[3] in region.body:
        raise NotReversible("an iterator that is used twice", step.loc)
    phis = [op for op in header.ops if op.kind == "phi"]
    rest = [op for op in header.ops if op.kind != "phi" and op is not step]
    more = next(op for op in rest if _is(op, "pair_second"))
    if program.root(header.end[1]) != more.target:
        raise NotReversible("an iterator in an unusual loop", step.loc)
    region.counter = program.new_name("count", types.intp)
    loops.level_of[region.counter] = region
    before = program.blocks[region.before]
    items = _Items(program, loops, region)
    region.trips = items.length(source.uses[0])
    program.definitions[region.counter] = Op("count", region.counter, region, [], step.loc)
    # The item is drawn behind the header, since there is none when the loop ends.
    behind = program.blocks[header.end[2]]
    if len(program.predecessors()[header.end[2]]) > 1:
        label = loops._add(region, [], ("jump", header.end[2]))
        loops.level[label] = region
        for op in behind.ops:
            if op.kind == "phi" and region.header in op.value:
                op.value[label] = op.value.pop(region.header)
        header.end = (*header.end[:2], label, header.end[3])
        behind = program.blocks[label]
    first = next(op for op in rest if _is(op, "pair_first"))
    ops = items.item(source.uses[0], first.target)
    others = [op for op in rest if op is not first and op is not more]
    if any(op.kind != "copy" for op in others):
        raise NotReversible("an iterator in an unusual loop", step.loc)
    phis_behind = [op for op in behind.ops if op.kind == "phi"]
    behind.ops[:] = phis_behind + ops + others + behind.ops[len(phis_behind) :]
    more.kind, more.value, more.uses = "more", region, [region.counter, region.trips]
    header.ops[:] = [*phis, more]
    for op in before.ops:
        program.definitions[op.target] = op
    for block in program.blocks.values():
        block.ops[:] = [
            op for op in block.ops if op is not source and not _is_iterator(program, op)
        ]
    region.first = header.end[2]
    region.is_simple = [inside for inside, _ in region.exits] == [region.header]


def _is(op, name):
    return op is not None and op.kind == "expr" and op.value.op == name


def _is_iterator(program, op):
    return op.target in program.types and isinstance(
        program.types[op.target], types.SimpleIteratorType | types.RangeType
    )


class _Items:
    """Makes the operations that compute the number of items, and the item of a count."""

    def __init__(self, program, loops, region):
        self.program, self.loops, self.region = program, loops, region
        self.loc = ir.unknown_loc

    def before(self, kind, like, result, value, uses):
        """Add an operation in front of the loop; return its result."""
        name = self.program.new_name(like, result)
        op = Op(kind, name, value, uses, self.loc)
        self.program.blocks[self.region.before].ops.append(op)
        self.program.definitions[name] = op
        self.loops.level_of[name] = self.region.parent
        return name

    def length(self, name):
        """Return the name of the number of items of what a loop runs over."""
        program = self.program
        op = program.definitions.get(program.root(name))
        self.loc = op.loc if op else self.loc
        kind = program.type_of(name)
        if isinstance(kind, types.RangeType):
            return self.before("helper", "trips", types.intp, store.trips, [*self.range_of(op)])
        if isinstance(kind, types.Array) and kind.ndim >= 1:
            return self.before("helper", "trips", types.intp, len, [name])
        if isinstance(kind, types.UniTuple):
            return self.number(kind.count)
        if self.elements(op, kind) is not None:
            array = self.elements(op, kind)
            return self.before("helper", "trips", types.intp, array_helpers.count_of, [array])
        if isinstance(kind, types.EnumerateType | types.ZipType) and _is_plain_call(op):
            parts = op.args[:1] if isinstance(kind, types.EnumerateType) else op.args
            lengths = [self.length(part) for part in parts]
            while len(lengths) > 1:
                pair = [lengths.pop(), lengths.pop()]
                lengths.append(self.before("helper", "trips", types.intp, store.least, pair))
            if lengths:
                return lengths[0]
        raise NotReversible(f"a loop over {kind}", self.loc)

    def elements(self, op, kind):
        """Return the array that ``a.flat`` and ``np.ndenumerate(a)`` run over, or None."""
        if isinstance(kind, types.NumpyFlatType) and op.kind == "expr":
            return op.uses[0]
        if isinstance(kind, types.NumpyNdEnumerateType) and _is_plain_call(op):
            return op.args[0]
        return None

    def element(self, op, kind, target):
        """Return the operations that read an element, and perhaps make a tuple with its place."""
        array, program = self.elements(op, kind), self.program
        axes = range(program.types[array].ndim)
        place = program.new_name(target, types.UniTuple(types.intp, len(axes)))
        at = [array_helpers.place_along(len(axes), axis) for axis in axes]
        names = [program.new_name(target, types.intp) for _ in axes]
        pairs = zip(names, at, strict=True)
        counter = self.region.counter
        ops = [self.made("helper", name, f, [array, counter]) for name, f in pairs]
        ops.append(self.tuple(place, names))
        if isinstance(kind, types.NumpyFlatType):
            return [*ops, self.made("load", target, None, [array, place])]
        value = program.new_name(target, program.types[array].dtype)
        ops.append(self.made("load", value, None, [array, place]))
        return [*ops, self.tuple(target, [place, value])]

    def range_of(self, op):
        program = self.program
        if not _is_plain_call(op):
            raise NotReversible("a range that is not made where the loop begins", self.loc)
        names = [v.name for v in op.value.args]
        for name in names:
            if (
                not isinstance(program.type_of(name), types.Integer)
                or not program.type_of(name).signed
            ):
                raise NotReversible("a range of numbers without a sign", self.loc)
        if len(names) == 1:
            return self.number(0), names[0], self.number(1)
        return names[0], names[1], names[2] if len(names) == 3 else self.number(1)

    def number(self, value):
        return number(self.program, self.loops, value)

    def item(self, name, target):
        """Return the operations that compute an item and give it to `target`."""
        program, counter = self.program, self.region.counter
        op, kind = program.definitions.get(program.root(name)), program.type_of(name)
        if isinstance(kind, types.RangeType):
            start, _, step = self.range_of(op)
            return [self.made("item", target, None, [start, counter, step])]
        if self.elements(op, kind) is not None:
            return self.element(op, kind, target)
        if isinstance(kind, types.UniTuple) and _is(op, "build_tuple") and is_float(kind.dtype):
            name = self.array_of(name, kind)
        if not isinstance(kind, types.EnumerateType | types.ZipType):
            return [self.made("load", target, None, [name, counter])]
        ops, parts, names = [], program.types[target].types, []
        given = list(op.args)
        if isinstance(kind, types.EnumerateType):
            start = given.pop() if len(given) > 1 else self.number(0)
            names.append(program.new_name(target, types.intp))
            ops.append(self.made("item", names[0], None, [start, counter, self.number(1)]))
        for part, part_kind in zip(given, parts[len(names) :], strict=True):
            names.append(program.new_name(target, part_kind))
            ops += self.item(part, names[-1])
        return [*ops, self.tuple(target, names)]

    def array_of(self, name, kind):
        """Add an array of the numbers in a tuple in front of the loop; return its name."""
        program, scope = self.program, ir.Scope(None, self.loc)
        function = program.new_name("array", types.Opaque("numpy.array"))
        program.constants[function] = ir.Global("array", np.array, self.loc), self.loc
        self.loops.level_of[function] = self.loops.root
        called, given = (scope.define(n, self.loc) for n in (function, name))
        call, result = ir.Expr.call(called, [given], (), self.loc), types.Array(kind.dtype, 1, "C")
        made = self.before("call", "items", result, call, [function, name])
        program.definitions[made].key = np.array
        return made

    def tuple(self, target, names):
        scope = ir.Scope(None, self.loc)
        value = ir.Expr.build_tuple([scope.redefine(n, self.loc, False) for n in names], self.loc)
        return self.made("expr", target, value, names)

    def made(self, kind, target, value, uses):
        op = Op(kind, target, value, uses, self.loc)
        self.program.definitions[target] = op
        self.loops.level_of[target] = self.region
        return op


def _is_plain_call(op):
    return op is not None and op.kind == "call" and not op.value.kws and not op.value.vararg


def number(program, loops, value):
    name = f"number.{value}"
    if name not in program.constants:
        program.constants[name] = ir.Global("number", np.int64(value), ir.unknown_loc), None
        program.types[name] = types.intp
        loops.level_of[name] = loops.root
    return name

"""Names of values, adjoints and shadows in both sweeps, and how they pass along edges."""

from typing import Any

from numba import types

from fastopt.derivatives.reverse.adjoints import pullbacks
from fastopt.derivatives.reverse.adjoints.forward_kernels import ForwardKernel, is_known
from fastopt.derivatives.reverse.adjoints.fusion import axis_of
from fastopt.derivatives.reverse.code.operations import is_float, is_number
from fastopt.derivatives.reverse.runtime import array_helpers
from fastopt.derivatives.reverse.sweeps.builder import Builder
from fastopt.derivatives.reverse.sweeps.shadows import lent, parts_of_lasting, shadow_of

X, G, STORE, ARGS = "x.given", "g.given", "store.given", "args.given"
USED, BLOCK, BACK, F = "words.used", "block.now", "block.back", "f.result"


class Names:
    """The parts that both sweeps share: the program, and the builder of the code."""

    def __init__(self, program, loops, activity, needs, fast, loc, thrifty):
        self.program, self.loops, self.activity, self.needs = program, loops, activity, needs
        self.fast, self.builder = fast, Builder(loc)
        self.thrifty: dict = thrifty  # loops that keep states -> what these consist of
        self.region: Any = loops.root  # the region whose code is written
        self.preds = program.predecessors()
        for label in self.preds:  # the ways to a block within one region
            self.preds[label] = [p for p in self.preds[label] if p in needs.alive]
        self.parts, self.lenders = parts_of_lasting(program, loops)
        self.kept: list = []  # names of arrays that are lent
        self.before = {r.before: r for r in loops.regions[1:]}
        self.landing = {e: (r, k) for r in loops.regions[1:] for k, (_, e) in enumerate(r.exits)}

    def value(self, name):
        """Return the variable with a value in the reverse sweep."""
        region = self.loops.level_of.get(name)
        return name if region is None or region is self.loops.root else f"{name}.again"

    def compute(self, op, target, named):
        """Write what computes an operation, in the loop of its tree if it is in one."""
        fused, program = self.needs.fused, self.program
        if op in self.parts:
            self.builder.load(lent(program.root(op.uses[0])), named(op.uses[1]), out=target)
            return
        if op in fused.inner and self._is_loop(fused.top_of(op)):
            return  # a part of that loop
        tree = fused.trees.get(op)
        if tree is None or not self._is_loop(tree):
            self.builder.copy_of(op, target, named)
            return
        total = op.key if op is not tree.op else None
        axis = axis_of(program, op) if total else None
        kernel = ForwardKernel(program, tree, self.fast, total, axis)
        self.builder.call(kernel.function(), map(named, kernel.leaves), out=target)

    def lend(self, op):
        """Make views, without counted references, of an array and shadow that loops take parts of.

        At the end of the sweeps, `keep` holds the arrays themselves.
        """
        if op.target in self.lenders:
            b, names = self.builder, [op.target]
            names += [self.shadow(op.target)] * (op.target in self.needs.shadows)
            for name in names:
                b.call(array_helpers.borrowed, [name], out=lent(name))
            self.kept += names

    def _is_loop(self, tree):
        """Return True for a tree computed in one loop: no array below its top is stored."""
        stored = [name for names in self.needs.stored.values() for name in names]
        below = (node.op.target for node in tree.nodes() if node is not tree)
        return is_known(self.program, tree) and not any(name in stored for name in below)

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
        names = [
            n for n in names if is_float(self.program.type_of(n)) and self.activity.is_active(n)
        ]
        return [n for n in names if (n in own) == phis]

    def _zero_bars(self, region):
        for name in self._bars(region, phis=False):
            self._zero(self.bar(name), name)

    def _carry(self, label, target, named, wanted, known=None):
        """Give the phis of the next block their values, those from `known` names alone."""
        b, pairs = self.builder, []
        for op in self.program.blocks[target].ops:
            source = op.kind == "phi" and op.value.get(label)
            if source and wanted(op.target) and (known is None or source in known):
                pairs.append((named(op.target), named(source)))
        if len(pairs) > 1:
            pairs = [(out, b.move(b.temporary(), source)) for out, source in pairs]
        for out, source in pairs:
            b.move(out, source)

    def _carry_shadows(self, label, target, named):
        """Give the phis of the next block their shadows; that of data is not looked at later."""
        shadows = self.needs.shadows
        self._carry(label, target, self.shadow, lambda name: name in shadows, shadows)
        for op in self.program.blocks[target].ops:
            source = op.kind == "phi" and op.target in shadows and op.value.get(label)
            if source and source not in shadows:
                zeros = array_helpers.zeros_of
                self.builder.call(zeros, [named(source)], out=self.shadow(op.target))

    def _mark(self, label, region, wanted):
        """Note from which block the next one of several ways is reached."""
        if region is not wanted:
            return
        for target in self.program.blocks[label].targets:
            ways = self.preds.get(target, ())
            if len(ways) > 1 and self.loops.level[target] is region and target != region.header:
                self.builder.move(f"way.{target}", self.builder.constant(ways.index(label)))

    def _is_reserved(self, region):
        """Return True if the numbers of all iterations get their room when the loop begins."""
        inner = any(child in self.needs.uses_store for child in region.children)
        names = self.needs.stored[region]
        numbers = all(is_number(self.program.type_of(name)) for name in names)
        simple = region.is_simple and region not in self.thrifty
        return bool(names) and simple and not inner and numbers

    def _bounds(self, region):
        """Return the names of the first iteration that is undone, and of where its block begins."""
        return f"left.{region.header}", f"low.{region.header}"

    def _make_shadow(self, op, named):
        if op.target in self.needs.shadows:
            shadow_of(self, op, named)

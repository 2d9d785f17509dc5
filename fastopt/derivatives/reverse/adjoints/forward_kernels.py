"""Text of loops that compute trees of elementwise operations, and sums along an axis.

Numba's own loops for array expressions do not vectorise. These compute the same numbers: each
operation is in the type that Numba gives its result.
"""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import operator

import numpy as np
from numba import types

from fastopt.derivatives.reverse.adjoints import fusion
from fastopt.derivatives.reverse.adjoints.element_loops import CHEAP, ElementLoops
from fastopt.derivatives.reverse.adjoints.kernels import compiled
from fastopt.derivatives.reverse.code import steps
from fastopt.derivatives.reverse.runtime import array_helpers

_SIGNS = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/"}
_NAMES = "exp exp2 expm1 log log2 log10 log1p tanh sin cos sqrt maximum minimum abs absolute square"
_FUNCTIONS = {getattr(np, name) for name in _NAMES.split()}
_FUNCTIONS |= {ours for original, ours in steps.stand_ins() if original in _FUNCTIONS}


def is_known(program, tree):
    """Return True for a tree of real operations that are the same for numbers and arrays."""
    kind = program.types[tree.op.target]
    if kind.layout != "C" or kind.dtype not in (types.float32, types.float64):
        return False
    op = tree.op
    if op.kind == "binop":
        known = op.value in _SIGNS
    elif op.kind == "unary":
        known = op.value is operator.neg
    else:
        known = op.kind == "call" and op.owner is None and op.key in _FUNCTIONS
    children = [child for child in tree.children if isinstance(child, fusion.Node)]
    return known and all(is_known(program, child) for child in children)


class ForwardKernel:
    """The function of the `leaves` of a tree that returns its array, or its sums."""

    def __init__(self, program, tree, fast, total=None, axis=None):
        self.program, self.fast, self.total, self.axis = program, fast, total, axis
        self.kind = program.types[tree.op.target]
        self.leaves: list = []
        self.lines: list = []
        self.names: dict = {"work_of": array_helpers.work_of}
        self.rules = fusion.rules(tree)
        self.top = self._value(tree)

    def _value(self, node):
        """Write the value of a node; return its text and its type."""
        if not isinstance(node, fusion.Node):
            if node not in self.leaves:
                self.leaves.append(node)
            kind = self.program.type_of(node)
            kind = kind.dtype if isinstance(kind, types.Array) else kind
            return f"e{self.leaves.index(node)}", kind
        op, own = node.op, self.program.types[node.op.target].dtype
        args = [self._cast(*self._value(child), own) for child in node.children]
        if op.kind == "binop":
            value = f"{args[0]} {_SIGNS[op.value]} {args[1]}"
        elif op.kind == "unary":
            value = f"-{args[0]}"
        else:
            name = f"{op.key.__name__.split()[0]}_{'fast' if self.fast else 'exact'}"
            self.names[name] = op.key
            value = f"{name}({', '.join(args)})"
        text = f"t{len(self.lines)}"
        self.lines.append(f"{text} = {value}")
        return text, own

    def _cast(self, text, kind, wanted):
        if kind == wanted:
            return text
        self.names[str(wanted)] = wanted
        return f"{wanted}({text})"

    def function(self):
        """Return the compiled function."""
        program, axes = self.program, self.kind.ndim
        arrays = [n for n in self.leaves if isinstance(program.types[n], types.Array)]
        named = {n: f"v{k}" for k, n in enumerate(self.leaves)}
        loops = ElementLoops(
            axes, {self.leaves.index(n): (named[n], program.types[n].ndim) for n in arrays}
        )
        out = [f"def kernel({', '.join(named.values())}):", *loops.lengths(), *loops.checks()]
        shape, result = [f"n{axis}" for axis in range(axes)], axes
        if self.total is not None:
            shape = [] if self.axis is None else [n for k, n in enumerate(shape) if k != self.axis]
        zero = f"{self.kind.dtype}(0.0)"
        self.names[str(self.kind.dtype)] = self.kind.dtype
        if shape:
            result = types.Array(self.kind.dtype, len(shape), "C")
            make = array_helpers.empty_in if self.total is None else array_helpers.zeros_in
            self.names["make"] = make(result)
            out.append(f"    out = make(({', '.join(shape)},))")
        else:
            out.append(f"    out = {zero}")
        whole = all(program.types[n].ndim == axes for n in arrays)
        heavy = axes > 1 and not self.rules <= CHEAP
        if heavy and whole:
            out += [*loops.steps(), *self._flat(loops, named, arrays, "    ")]
        else:
            out.append(f"    if {loops.fit()}:")
            if whole and axes > 1 and self.total is None:
                out += self._flat(loops, named, arrays, "        ", fits=True)
            else:
                out += loops.nest(self._body(loops, named, arrays, False), "        ")
            out += ["    else:", *loops.steps("        ")]
            if heavy:
                out += self._flat(loops, named, arrays, "        ")
            else:
                out += loops.nest(self._body(loops, named, arrays, True), "        ")
        share = ""
        if self.total is not None and self.total is np.mean:
            share = f" / ({loops.count() if self.axis is None else f'n{self.axis}'})"
        out.append(f"    return out{share}")
        return compiled(out, self.names)

    def _place(self, loops):
        """Return the element of the result that an element of the tree belongs to."""
        inside = [f"i{k}" for k in range(self.kind.ndim) if self.total is None or k != self.axis]
        number = self.total is not None and self.axis is None
        return "out" if number else f"out[{', '.join(inside)}]"

    def _store(self, loops):
        return f"{self._place(loops)} {'=' if self.total is None else '+='} {self.top[0]}"

    def _body(self, loops, named, arrays, spread):
        out = []
        for k, (name, v) in enumerate(named.items()):
            out.append(f"e{k} = {v}[{loops.at(k, spread)}]" if name in arrays else f"e{k} = {v}")
        return [*out, *self.lines, self._store(loops)]

    def _flat(self, loops, named, arrays, pad, fits=False):
        """Return one loop over all elements, so that it vectorises along short rows, too."""
        first, body, last = [], [], []
        for k, (name, v) in enumerate(named.items()):
            if name not in arrays:
                first.append(f"{pad}e{k} = {v}")
                continue
            plain = fits and self.program.types[name].layout == "C"
            if plain:
                first.append(f"{pad}u{k} = work_of({v}, True, {loops.count()})")
            else:
                copy = f"u{k}[{loops.place()}] = {v}[{loops.at(k, not fits)}]"
                first += loops.work(k, v, f"u{k}", copy, before=True, pad=pad)[0]
            body.append(f"e{k} = u{k}[i]")
        body += self.lines
        if self.total is not None and self.axis is None:
            body.append(self._store(loops))
        elif self.total is None:
            first.append(f"{pad}s = work_of(out, True, {loops.count()})")
            body.append(f"s[i] = {self.top[0]}")
        else:
            made = array_helpers.empty_in(types.Array(self.kind.dtype, 1, "C"))
            self.names["scratch"] = made
            first.append(f"{pad}s = scratch(({loops.count()},))")
            body.append(f"s[i] = {self.top[0]}")
            last = loops.nest([f"{self._place(loops)} += s[{loops.place()}]"], pad)
        loop = f"{pad}for i in range({loops.count()}):"
        return [*first, loop, *(f"{pad}    {line}" for line in body), *last]

"""Loops over the elements that run a tree of elementwise operations backwards, as Python text."""

import hashlib
import operator

import numba
from numba import types

from fastopt.derivatives.reverse.adjoints import fusion, pullbacks
from fastopt.derivatives.reverse.adjoints.element_loops import CHEAP, ElementLoops
from fastopt.derivatives.reverse.adjoints.fusion import Node
from fastopt.derivatives.reverse.runtime import array_helpers
from fastopt.derivatives.reverse.runtime.array_helpers import JIT

_SIGNS = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.mod: "%",
    operator.pow: "**",
    operator.neg: "-",
    operator.pos: "+",
}
_kernels: dict = {}


class Kernel:
    """The function ``(bar, *values, *bars)`` of a tree; it returns what numbers contribute."""

    def __init__(self, program, activity, tree, guarded, fast, total=None, axis=None):
        self.program, self.activity, self.guarded, self.fast = program, activity, guarded, fast
        self.total = total  # np.sum, np.mean, or None if the tree's result is an array
        self.axis = axis  # of the total, or None if it is over all elements
        self.axes = program.types[tree.op.target].ndim
        self.rules = fusion.rules(tree)
        self.leaves: list = []  # names
        self.needed: set = set()  # leaves whose elements are read
        self.lines: list = []
        self.names: dict = {}
        self.count = 0
        top = self._value(tree)
        self.back: list = []
        self._met: set = set()  # leaves with an adjoint already
        self._back(top, "seed")
        self._code = self._reads()
        arrays = self._arrays()
        # The shape of a sum's terms is that of all arrays; those that depend on x have a shadow.
        shaped = [n for n in arrays if total is not None and not self._is_active(n)]
        self.values = [n for n in self.leaves if n in self.needed or n in shaped]
        self.arrays = [n for n in arrays if self._is_active(n)]
        self.numbers = [n for n in self.leaves if n not in arrays and self._is_active(n)]

    def _arrays(self):
        return [n for n in self.leaves if isinstance(self.program.types[n], types.Array)]

    def _is_active(self, name):
        return self.activity.is_active(name)

    def _new(self):
        self.count += 1
        return f"t{self.count}"

    def _leaf(self, name):
        if name not in self.leaves:
            self.leaves.append(name)
        return self.leaves.index(name)

    def _value(self, node):
        """Write the value of a node; return the node or name, its text, if it is active, items."""
        if not isinstance(node, Node):
            return node, f"e{self._leaf(node)}", self._is_active(node), ()
        items = [self._value(child) for child in node.children]
        op, text = node.op, self._new()
        active = any(item[2] for item in items)
        args = [item[1] for item in items]
        if op.kind in ("binop", "unary"):
            sign = _SIGNS[op.value]
            exponent = self._exponent(op)
            if exponent is not None:
                args.append(exponent)
            value = f"{args[0]} {sign} {args[1]}" if len(args) == 2 else f"{sign}{args[0]}"
        elif node.rule is pullbacks.where:
            value = f"{args[1]} if {args[0]} else {args[2]}"
        else:
            value = f"{self._named(op.key)}({', '.join(args)})"
        self.lines.append((text, value, args))
        return node, text, active, items

    def _exponent(self, op):
        if op.value is operator.pow and len(op.uses) == 2:
            kind = self.program.types[op.uses[1]]
            if isinstance(kind, types.IntegerLiteral):
                return f"({kind.literal_value})"
        return None

    def _named(self, function):
        speed = "fast" if self.fast else "exact"
        name = f"{getattr(function, '__name__', 'f').split()[0]}_{speed}"
        self.names[name] = function
        return name

    def _back(self, item, bar):
        """Write the adjoint of a node, whose own adjoint is the variable `bar`."""
        node, _, active, items = item
        if not active:
            return
        if not isinstance(node, Node):
            number = not isinstance(self.program.types[node], types.Array)
            sign = "+=" if number or node in self._met else "="
            self._met.add(node)
            self.back.append(f"a{self._leaf(node)} {sign} {bar}")
            return
        rule, args = node.rule.__name__, [i[1] for i in items]
        wanted = tuple(k for k, i in enumerate(items) if i[2])
        given = {}
        if rule in ("add", "sub", "neg", "pos"):
            for k in wanted:
                minus = rule == "neg" or (rule == "sub" and k == 1)
                given[k] = f"-{bar}" if minus else bar
        elif rule == "mul" and not any(self.guarded):
            for k in wanted:
                given[k] = f"{bar} * {args[1 - k]}"
        else:
            pull = pullbacks.pullback(node.rule, wanted, self.guarded, self.fast)
            places = "_".join(map(str, wanted))
            power = getattr(node.rule, "power", "")
            name = f"pull_{rule}{power}_{places}_{any(self.guarded)}_{self.fast}".replace("-", "m")
            self.names[name] = pull
            out = self._new()
            self.back.append(f"{out} = {name}({bar}, ({', '.join(args)},))")
            for place, k in enumerate(wanted):
                given[k] = out if len(wanted) == 1 else f"{out}[{place}]"
        for k, text in given.items():
            out = self._new()
            self.back.append(f"{out} = {text}")
            self._back(items[k], out)

    def _reads(self):
        """Find which elements the adjoints read; return the lines that compute with them."""
        wanted: set = set()
        for line in self.back:
            wanted |= set(_words(line.partition("=")[2]))
        kept = []
        for text, value, args in reversed(self.lines):
            if text in wanted:
                kept.append(f"{text} = {value}")
                wanted |= set(args)
        self.needed = {n for k, n in enumerate(self.leaves) if f"e{k}" in wanted}
        return kept[::-1]

    def function(self):
        """Return the compiled function."""
        return self._function(self._code)

    def _function(self, lines):
        axes, leaves = range(self.axes), self.leaves
        value = {n: f"v{leaves.index(n)}" for n in self.values}
        bars = {n: f"b{leaves.index(n)}" for n in self.arrays}
        shapes = {n: bars.get(n) or value.get(n) for n in self._arrays()}
        kinds = {n: self.program.types[n].ndim for n, v in shapes.items() if v}
        loops = ElementLoops(
            self.axes, {leaves.index(n): (shapes[n], ndim) for n, ndim in kinds.items()}
        )
        out = [f"def kernel({', '.join(['bar', *value.values(), *bars.values()])}):"]
        if self.total is None:
            out += [f"    n{axis} = bar.shape[{axis}]" for axis in axes]
        else:
            out += loops.lengths()
        over = axes if self.axis is None else [self.axis]
        share = f" / ({' * '.join(f'n{axis}' for axis in over)})"
        self.share = share if self.total is not None and self.total.__name__ == "mean" else ""
        out += [f"    a{leaves.index(n)} = 0.0" for n in self.numbers]
        found = "".join(f"a{leaves.index(n)}, " for n in self.numbers)
        heavy = self.axes > 1 and not self.rules <= CHEAP
        if heavy and all(ndim == self.axes for ndim in kinds.values()):
            out += [*loops.steps(), *self._flat(lines, loops, value, bars, "    ")]
        else:
            out.append(f"    if {loops.fit()}:")
            out += loops.nest(self._body(lines, loops, value, bars, spread=False), "        ")
            out += ["    else:", *loops.steps("        ")]
            if heavy:
                out += self._flat(lines, loops, value, bars, "        ")
            else:
                out += loops.nest(self._body(lines, loops, value, bars, spread=True), "        ")
        out.append(f"    return ({found})")
        return compiled(out, self.names)

    def _seed(self):
        """Return the adjoint of an element of the tree."""
        outside = [f"i{axis}" for axis in range(self.axes) if axis != self.axis]
        number = self.total is not None and self.axis is None
        return f"bar{'' if number else f'[{chr(44).join(outside)}]'}{self.share}"

    def _body(self, lines, loops, value, bars, spread):
        """Return the lines for an element of arrays with as many axes as they have."""
        out, arrays = [f"seed = {self._seed()}"], self._arrays()
        for name in self.values:
            if name in self.needed:
                k = self.leaves.index(name)
                text = f"{value[name]}[{loops.at(k, spread)}]" if name in arrays else value[name]
                out.append(f"e{k} = {text}")
        out += [*lines, *self.back]
        for name in self.arrays:
            # One after the other: shadows may share memory.
            k = self.leaves.index(name)
            out.append(f"{bars[name]}[{loops.at(k, spread)}] += a{k}")
        return out

    def _flat(self, lines, loops, value, bars, pad):
        """Return one loop over all elements, after copies of arrays that are broadcast.

        So it vectorises along short rows, too.
        """
        self.names["work_of"] = array_helpers.work_of
        first, body, last = [], [], []
        if self.total is None or self.axis is not None:
            shape = f"bar.flags.c_contiguous and {self.total is None}"
            first += [f"{pad}is_s = {shape}", f"{pad}s = work_of(bar, is_s, {loops.count()})"]
            first.append(f"{pad}if not is_s:")
            first += loops.nest([f"s[{loops.place()}] = {self._seed()}"], pad + "    ")
            body.append("seed = s[i]")
        else:
            body.append(f"seed = {self._seed()}")
        for name in self.values:
            k = self.leaves.index(name)
            if name in self.needed and name in self._arrays():
                copy = f"u{k}[{loops.place()}] = {value[name]}[{loops.at(k, True)}]"
                first += loops.work(k, value[name], f"u{k}", copy, before=True, pad=pad)[0]
                body.append(f"e{k} = u{k}[i]")
            elif name in self.needed:
                body.append(f"e{k} = {value[name]}")
        body += [*lines, *self.back]
        for name in self.arrays:
            k = self.leaves.index(name)
            copy = f"{bars[name]}[{loops.at(k, True)}] += w{k}[{loops.place()}]"
            before, after = loops.work(k, bars[name], f"w{k}", copy, before=False, pad=pad)
            first, last = first + before, last + after
            body.append(f"w{k}[i] += a{k}")
        loop = f"{pad}for i in range({loops.count()}):"
        return [*first, loop, *(f"{pad}    {line}" for line in body), *last]


def compiled(lines, names):
    """Return the compiled function with a text; it is compiled once."""
    text = "\n".join(lines)
    if text not in _kernels:
        name = f"kernel_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        scope = {**names, "__name__": __name__}
        exec(text.replace("def kernel(", f"def {name}("), scope)
        _kernels[text] = numba.njit(**JIT)(scope[name])
    return _kernels[text]


def _words(text):
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()

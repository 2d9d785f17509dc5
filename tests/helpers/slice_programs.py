"""Random objectives with slices, matrices, views of views, and helpers that return views.

    python tests/helpers/many_programs.py 2000 7 --slices
    python tests/helpers/many_programs.py 2000 7 --arrays

The first are loops as in `loop_programs`, in which more arrays share memory: rows, columns and
diagonals of matrices, parts of any length and step, reversed names, and parts that a helper
returns. Parts are written, element by element and as a whole, while others read what they overlap.
The second are the array expressions of `programs`, compiled in reverse mode.
"""

import math

import numba
import numpy as np
import programs
from loop_programs import HELPERS as LOOPS
from loop_programs import Writer as Loops

HELPERS = (
    LOOPS
    + """
def tail(a):
    return a[1:]

def middle(a, low):
    if low > 0:
        return a[1:-1]
    return a[:-2]

def shift(a, b, s):
    for i in range(min(a.shape[0], b.shape[0])):
        a[i] += s * b[i]
        if a[i] > 2.0:
            break
    return a[0]

def until(a, s):
    i, total = 0, 0.0
    while i < a.shape[0]:
        total += a[i] * s
        i += 1
        if total > 1.5:
            continue
        total *= 0.75
    return total
"""
)


class Writer(Loops):
    """One random program; the parts are arrays of two elements or more."""

    helpers = HELPERS

    def __init__(self, seed, buffers=False):
        super().__init__(seed, buffers)
        self.parts, self.matrices = [], []

    def scope(self):
        return [*super().scope(), list(self.parts), list(self.matrices)]

    def restore(self, known):
        super().restore(known[:4])
        self.parts, self.matrices = (list(v) for v in known[4:])

    def place(self, part):
        """Return an element of an array of any length."""
        return f"{part}[({self.index()}) % {part}.shape[0]]"

    def element(self):
        if self.parts and self.chance(0.4):
            return self.place(self.one(self.parts))
        if self.matrices and self.chance(0.3):
            return f"{self.one(self.matrices)}[{self.index()}, {self.index()}]"
        return super().element()

    def number(self, depth=2):
        if depth > 0 and self.parts and self.chance(0.15):
            a, b = self.one(self.parts), self.one([*self.parts, *self.owned])
            s = self.number(0)
            calls = f"until({a}, {s})", f"shift({a}, {b}, {s})", f"np.sum({a})", f"total({a})"
            return self.one([*calls, f"({a}.sum() * {s})", f"np.max({a})"])
        return super().number(depth)

    def statement(self, indent):
        if self.owned and self.chance(0.4):
            return self.one([self.view, self.write, self.whole])(indent)
        return super().statement(indent)

    def view(self, indent):
        """Write a new name for part of an array, or of a new matrix."""
        own, name = self.one(self.owned), self.name("v")
        if self.chance(0.3):
            matrix = self.name("M")
            made = [f"np.zeros(({self.n}, {self.n}))", "A * x", "A.copy()", "np.outer(x, t)"]
            self.put(f"{matrix} = {self.one(made)}", indent)
            self.matrices.append(matrix)
        if self.matrices and self.chance(0.5):
            matrix, i = self.one(self.matrices), self.index()
            whole = (
                f"{matrix}[{i}]",
                f"{matrix}[:, {i}]",
                f"{matrix}.T[{i}]",
                f"{matrix}[{i}, ::-1]",
            )
            self.put(f"{name} = {self.one(whole)}", indent)
            self.arrays.append(name)
            self.owned.append(name)
            return
        base = self.one([own, own, *self.parts[-1:]]) if self.n > 3 else own
        cut = ["[1:]", "[:-1]", "[::2]", "[::-1]", "[-2:]"]
        if base == own:
            i = self.index()
            cut += [f"[({i}) % {self.n - 1}:]", f"[:2 + ({i}) % {self.n - 1}]"]
            made = [f"tail({own})", f"middle({own}, {i})" if self.n > 3 else f"tail({own})"]
            if self.matrices:
                matrix = self.one(self.matrices)
                made += [f"{matrix}.ravel()", f"{matrix}[1:, 0]", f"{matrix}.reshape({self.n**2})"]
        else:
            cut, made = ["[::-1]", "[:]"], [base]
        self.put(f"{name} = {self.one([*[base + c for c in cut], *made])}", indent)
        self.parts.append(name)

    def write(self, indent):
        """Write to an element."""
        if self.matrices and self.chance(0.4):
            to = f"{self.one(self.matrices)}[{self.index()}, {self.index()}]"
        else:
            to = self.place(self.one(self.parts or self.owned))
        change = f"{to} {self.one('= += -=')} {self.number(1)}"
        self.put(self.one([change, change, f"{to} *= math.cos({self.number(0)})"]), indent)

    def whole(self, indent):
        """Write to part of an array, perhaps from one that overlaps it."""
        a, b, s = self.one(self.owned), self.one(self.arrays), self.number(1)
        m = self.one([1, 2, self.n - 1])
        changes = [
            f"{a}[{m}:] = {b}[:-{m}] * {s}",
            f"{a}[:-{m}] += {b}[{m}:] * {s}",
            f"{a}[{m}:] = {b}[:-{m}]",
            f"{a}[:] = {b}[::-1]",
            f"{a}[:{m}] = {s}",
            f"{a}[::2] *= {self.number(0)}",
            f"{a} += {b} * {s}",
        ]
        if self.parts:
            v = self.one(self.parts)
            changes += [f"{v}[:] = {s}", f"{v} *= {self.number(0)}", f"{v} += {s}", f"twist({v})"]
        if self.matrices:
            c, i = self.one(self.matrices), self.index()
            changes += [f"{c}[{i}] = {b}", f"{c}[:, {i}] += {b} * {s}", f"{c}[{i}] *= {s}"]
            changes += [f"{c} *= {self.number(0)}", f"{c}[1:] = {c}[:-1]", f"{c}[:] = {c}.T"]
        self.put(self.one(changes), indent)


def check_arrays(seed):
    """Return what is wrong with a program of array expressions in compiled reverse mode."""
    from fastopt.derivatives.reverse import compiled_gradient

    fun, text, x, args = programs.program(seed)
    with np.errstate(all="ignore"):
        plain = float(fun(x.copy(), *args))
        if not math.isfinite(plain) or abs(plain) > 1e8:
            return "skipped", text
        wanted = programs.differences(fun, x, args)
    body = numba.njit(programs.defined(text[len(programs.HELPERS) :], programs.helpers().copy()))
    try:
        with programs.quick():
            kinds = tuple(map(numba.typeof, args))
            made = compiled_gradient.check(body, numba.typeof(x), kinds)
            g = np.full(x.shape, math.nan)
            f = made(x, g, compiled_gradient.new_store(), *args)
    except numba.TypingError as error:
        return f"refused: {getattr(error, 'reason', error)}", text
    if abs(f - plain) > 1e-11 * (1.0 + abs(plain)) or not programs.near(g, wanted, 1e-7):
        return f"compiled: {f}, {g}, not {plain}, {wanted}", text
    return "", text

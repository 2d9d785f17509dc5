"""Random objectives in loops, each with its gradients in reverse mode and an exact one.

    python tests/helpers/many_programs.py 2000 7       # two thousand programs from seed 7
    python tests/helpers/many_programs.py 2000 7 --buffers
    python tests/helpers/many_programs.py 2000 7 --states      # loops that run in blocks

A program mixes nested loops, `while`, `break`, `continue`, early returns, branches, scratch arrays
that loops overwrite, views of them, rows of matrices, gathers and scatters by index arrays,
helpers that write to their arguments, and tuples. Its gradient is that of differences in extended
precision, or of the complex step where these disagree. With `--buffers` it also writes by index
arrays and masks, sorts and fills, and swaps and replaces arrays in loops, which the tape does not.
"""

import inspect
import math

import numba
import numpy as np
from derivative_cases import complex_step
from programs import RandomText, defined, differences, near, quick

HELPERS = """
def smooth(a, b):
    return a * b / (1.0 + a * a) + math.sin(b)

def push(a, i, s):
    a[i] = a[i] * 0.5 + s
    return a[i - 1]

def total(a):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * (i + 1)
    return s

def twist(a):
    for i in range(1, a.shape[0]):
        a[i] = a[i] + 0.3 * a[i - 1] * a[i]
    return a

def pair(a, b):
    if a > b:
        return a, b * 2.0
    return math.cos(b), a

def first_above(a, low):
    for i in range(a.shape[0]):
        if a[i] > low:
            return a[i] * a[i]
    return low * a[0]

SCALE = 1.25
TABLE = np.array([0.5, -0.25, 1.5, 0.75, -1.0, 2.0])
"""
ONE = "math.sin({}) math.cos({}) math.tanh({}) math.atan({}) abs({}) -({}) math.exp(-({})**2)"
ONE += " ({})**2 math.sqrt(1.0+({})**2) math.log(2.0+abs({})) ({})*SCALE ({})*TABLE[2] ({})%0.7"
ONE += " math.floor({})*0.25 float({}) math.erf({}) np.tanh({}) 1.0/(1.0+({})**2)"
TWO = "({})+({}) ({})-({}) ({})*({}) ({})/(1.5+({})**2) max({},{}) min({},{}) smooth({},{})"
TWO += " math.hypot({},{}) math.atan2({},2.0+abs({})) (1.5+math.sin({}))**math.cos({})"


class Writer(RandomText):
    """One random program."""

    helpers = HELPERS

    def __init__(self, seed, buffers=False):
        super().__init__(seed)
        self.buffers = buffers
        self.n = self.random.choice((3, 4, 6))
        self.numbers, self.arrays, self.indices = [], ["x"], []
        self.owned, self.loops = [], 0

    def index(self):
        """An index that is inside any array of n elements."""
        if self.indices and self.chance(0.7):
            i = self.one(self.indices)
            return self.one([i, i, f"{i}-1", f"({i}+1)%{self.n}", f"k[{i}]", f"-1-{i}"])
        return self.one(
            [str(self.random.randrange(self.n)), "-1", f"k[{self.random.randrange(3)}]"]
        )

    def element(self):
        return f"{self.one(self.arrays)}[{self.index()}]"

    def number(self, depth=2):
        r = self.random.random()
        if depth <= 0 or r < 0.2:
            leaves = [self.element(), self.element(), *self.numbers, self.constant(), "t[1]"]
            return self.one([*leaves, f"t[{self.index()}]", f"A[{self.index()}, {self.index()}]"])
        if r < 0.55:
            text, inner = self.one(ONE), self.number(depth - 1)
            return text.format(*[inner] * text.count("{}"))
        if r < 0.9:
            text = self.one(TWO)
            return self.filled(text, lambda: self.number(depth - 1))
        if r < 0.95 or not self.owned:
            yes, no = self.number(depth - 1), self.number(depth - 1)
            return f"(({yes}) if {self.condition()} else ({no}))"
        own = self.one(self.owned)
        call = f"push({own}, {self.index()}, {self.number(0)})", f"total({own})"
        return self.one([*call, f"first_above({own}, {self.constant()})", f"twist({own})[1]"])

    def condition(self):
        tests = [f"{self.number(0)} {self.one('> < >= <=')} {self.constant()}"]
        if self.indices:
            tests.append(f"{self.one(self.indices)} % 2 == {self.random.randrange(2)}")
        found = self.one(tests)
        return f"({found} {self.one('and or')} {self.one(tests)})" if self.chance(0.2) else found

    def put(self, line, indent):
        self.lines.append("    " * indent + line)

    def scope(self):
        return [list(v) for v in (self.numbers, self.arrays, self.owned, self.indices)]

    def restore(self, known):
        self.numbers, self.arrays, self.owned, self.indices = (list(v) for v in known)

    def statement(self, indent):
        r = self.random.random()
        if not self.owned and r < 0.5 and indent == 1:
            return self.array(indent)
        if self.buffers and self.owned and self.chance(0.35):
            return self.buffer(indent)
        if r < 0.2:
            name = self.name("s")
            self.put(f"{name} = {self.number()}", indent)
            self.numbers.append(name)
        elif r < 0.35 and self.numbers:
            change = f"{self.one(self.numbers)} {self.one('= += -= *=')} {self.number(1)}"
            self.put(change.replace("*= ", "*= 0.3 * "), indent)
        elif r < 0.6 and self.owned:
            self.store(indent)
        elif r < 0.66:
            self.array(indent)
        elif r < 0.7:
            a, b = self.name("s"), self.name("s")
            self.put(f"{a}, {b} = pair({self.number(1)}, {self.number(1)})", indent)
            self.numbers += [a, b]
        elif r < 0.73 and self.numbers and len(self.numbers) > 1:
            a, b = self.random.sample(self.numbers, 2)
            self.put(f"{a}, {b} = {b}, {a}", indent)
        elif indent < 4:
            self.block(indent)
        return None

    def array(self, indent):
        name, n = self.name("a"), self.n
        own = self.one(self.owned) if self.owned else "x"
        makes = [
            f"np.zeros({n})",
            "np.zeros_like(x)",
            "x.copy()",
            f"np.ones({n})",
            "np.empty_like(x)",
        ]
        if self.owned:
            makes += [f"{own}[::-1]", own, f"{own}[:]"] * 2
        make = self.one(makes)
        self.put(f"{name} = {make}", indent)
        if "empty" in make or self.chance(0.4):
            i = self.name("i")
            self.put(f"for {i} in range({n}):", indent)
            self.indices.append(i)
            self.put(f"    {name}[{i}] = {self.number(1)}", indent)
            self.indices.remove(i)
        self.arrays.append(name)
        self.owned.append(name)

    def store(self, indent):
        a = self.one(self.owned)
        which = self.random.random()
        if which < 0.7:
            change = f"{a}[{self.index()}] {self.one('= += -= =')} {self.number(1)}"
        elif which < 0.8:
            change = f"{a}[{self.index()}] *= math.cos({self.number(0)})"
        elif which < 0.9:
            change = f"{a}[:] = {self.number(1)}"
        else:
            change = f"twist({a})"
        self.put(change, indent)

    def buffer(self, indent):
        """Write a statement on whole arrays, all of which have n elements."""
        a, b, s = self.one(self.owned), self.one(self.arrays), self.number(1)
        changes = [
            f"{a}[k] = {s}",
            f"{a}[k] = {b} * {s}",
            f"{a}[k] += {b}",
            f"{a}[k[:2]] *= {self.number(0)}",
            f"{a}[{b} > {self.constant()}] = {s}",
            f"{a}[{a} < {b}] *= 0.5 * {self.number(0)}",
            f"{a}.fill({s})",
            f"{a}.sort()",
        ]
        c = self.one(self.owned)
        moves = [
            f"{a}, {c} = {c}, {a}",
            f"{a} = {a} * 0.5 + {b} * {self.number(0)}",
            f"{a} = {c}.copy()",
            f"{a} = {c}",
            f"{a} = np.array([{', '.join(self.number(0) for _ in range(self.n))}])",
        ]
        self.put(self.one(self.one([changes, moves])), indent)

    def block(self, indent):
        known, r = self.scope(), self.random.random()
        if r < 0.35:
            self.put(f"if {self.condition()}:", indent)
            for _ in range(self.random.randrange(1, 3)):
                self.body(indent + 1)
            self.restore(known)
            if self.chance(0.5):
                self.put("else:", indent)
                self.body(indent + 1)
        elif r < 0.85 and self.loops < 3:
            i, n = self.name("i"), self.n
            ranges = f"range({n})", f"range(1, {n})", f"range({n} - 1, -1, -1)", f"range(0, {n}, 2)"
            ranges = [*ranges, "range(x.shape[0])", f"range({self.random.randrange(2)})"]
            self.put(f"for {i} in {self.one(ranges)}:", indent)
            self.indices.append(i)
            self.loops += 1
            if self.chance(0.15):
                self.put(f"    if {self.condition()}:", indent)
                self.put(f"        {self.one(['break', 'continue'])}", indent)
            for _ in range(self.random.randrange(1, 4)):
                self.body(indent + 1)
            self.loops -= 1
        else:
            count, a = self.name("w"), self.number(0)
            self.put(f"{count} = 0", indent)
            self.put(f"while {count} < {self.random.randrange(1, 4)} and {a} < 3.0:", indent)
            self.put(f"    {count} += 1", indent)
            self.body(indent + 1)
        self.restore(known)

    def body(self, indent):
        before = len(self.lines)
        self.statement(indent)
        if len(self.lines) == before:
            self.put("pass", indent)

    def text(self):
        self.put("def fun(x, t, A, k):", 0)
        self.put(f"total_ = {self.number(1)}", 1)
        self.numbers.append("total_")
        for _ in range(self.random.randrange(2, 7)):
            self.statement(1)
            if self.chance(0.06):
                self.put(f"if {self.condition()}:", 1)
                self.put(f"    return {self.number(1)} + x[0] * x[-1]", 1)
        self.put(f"for i in range({self.n}):", 1)
        arrays = " + ".join(f"math.sin({a}[i])" for a in self.arrays)
        self.put(f"    total_ += ({arrays}) * x[i]", 1)
        self.put(f"return total_ + {' + '.join(self.numbers)}", 1)
        return self.helpers + "\n" + "\n".join(self.lines) + "\n"


def program(seed, buffers=False, kind=Writer):
    """Return a plain function, its source, a point and its arguments."""
    writer = kind(seed, buffers)
    text, n = writer.text(), writer.n
    fun = defined(text, {"np": np, "math": math})
    numbers = np.random.default_rng(seed)
    k = numbers.integers(0, n, size=n)
    data = numbers.normal(size=n), numbers.normal(size=(n, n)) * 0.4, k
    return fun, text, numbers.normal(size=n), data


def exact(fun, x, args, found):
    """Return the exact gradient: by differences, or the complex step if `found` is not that."""
    *data, k = args
    by_differences = differences(lambda x, *a: fun(x, *a, k), x, data)
    if near(found, by_differences, 1e-8):
        return by_differences
    try:
        return complex_step(fun, x, args)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError):
        return by_differences


def on_tape(fun, x, args):
    """Return value and gradient by the tape of plain Python."""
    from fastopt.derivatives.reverse.python_tape import tape_objective

    done = tape_objective.Objective(fun, False)(tape_objective.Evaluated(x), *args)
    return done.value, done.gradient


def compiled(fun, text, x, args, states=False):
    """Return value and gradient by compiled reverse mode; with `states` loops run in blocks."""
    from fastopt.derivatives.reverse import compiled_gradient

    scope = {"np": np, "math": math}
    defined(text, scope)
    for name in [name for name, value in scope.items() if inspect.isfunction(value)]:
        scope[name] = numba.njit(scope[name])
    body = numba.njit(defined(text[text.index("def fun(") :], scope))
    gradient = compiled_gradient.check(body, numba.typeof(x), tuple(map(numba.typeof, args)))
    if states:
        gradient = compiled_gradient.keeping_states(gradient) or gradient
    g = np.full(x.size, math.nan)
    f = gradient(x, g, compiled_gradient.new_store(), *args)
    return f, g


def check(seed, both=True, buffers=False, states=False, kind=Writer):
    """Return what is wrong with one program: "" for nothing, "refused: ...", or a sentence."""
    from numba import TypingError

    fun, text, x, args = program(seed, buffers, kind)
    with np.errstate(all="ignore"):
        try:
            plain = float(fun(x.copy(), *args))
        except (ValueError, OverflowError, IndexError):  # sin of an infinity, a[-n - 1]
            return "skipped", text
        if not math.isfinite(plain) or abs(plain) > 1e6:
            return "skipped", text
        if buffers:
            g = exact(fun, x, args, np.full(x.size, math.nan))
        else:
            value, g = on_tape(fun, x, args)
            wanted = exact(fun, x, args, g)
            if abs(value - plain) > 1e-12 * (1.0 + abs(plain)) or not near(g, wanted, 1e-7):
                return f"the tape: {value}, {g}, not {plain}, {wanted}", text
    if both:
        try:
            with quick():
                value, other = compiled(fun, text, x, args, states)
        except TypingError as error:
            return f"refused: {getattr(error, 'reason', error)}", text
        except (KeyError, AttributeError, AssertionError, IndexError) as error:
            return f"fault: {error!r}", text
        if abs(value - plain) > 1e-11 * (1.0 + abs(plain)) or not near(
            other, g, 1e-8 if buffers else 1e-11
        ):
            return f"compiled: {value}, {other}, not {plain}, {g}", text
    return "", text

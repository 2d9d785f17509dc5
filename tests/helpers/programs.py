"""Random objectives as source text, each compared with Numba's value and an exact gradient.

    python tests/helpers/programs.py 1000 7        # a thousand programs from seed 7

A program mixes what people write: array expressions with comparisons and masks, slices and views
that are written in place, scratch arrays, loops, branches, helpers that write to their arguments,
closures, tuples, matrices. Its value is Python's, and Numba's to the last bits. Its gradient is
that of differences in extended precision or, where these disagree, of the complex step.
Most are compiled once, without optimisation; one in twenty through the public function.
"""

import contextlib
import functools
import inspect
import math
import random
import sys
import time
import warnings

import numba
import numpy as np
from derivative_cases import complex_step, jit
from numba.core import config

import fastopt
from fastopt.compiling import compiler
from fastopt.compiling.linker import link
from fastopt.derivatives import substitutions, value_and_gradient
from fastopt.derivatives.forward.duals import dual_choice

HIDDEN = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
UNCOMPILED = ("shifter", "fun")

HELPERS = """
def bump(a, s):
    a[0] += s
    return a

def halve(a):
    a[:] = a * 0.5
    return a.sum()

def mirror(a):
    a[1:] = a[:-1] * 0.75
    return a[::-1]

def wave(a):
    return np.sin(a) * 2.0

def ends(a):
    return a[0], a[-1] * 0.5

def fill(out, a):
    for i in range(a.size):
        out[i] = a[i] * (0.5 + 0.1 * i)
    return out

def clear(a, low):
    a[a < low] = low
    return 1.5

def power(s, k):
    r = 1.0
    for _ in range(k):
        r *= s
    return r

def shifter(c):
    def shift(a):
        return a + c
    return shift

shift = shifter(0.3)
SCALE = 1.25
TABLE = np.array([0.5, -0.25, 1.5, 0.75, -1.0, 2.0])
"""
UNARY = "np.sin({}) np.cos({}) np.tanh({}) np.arctan({}) np.abs({}) np.exp(np.sin({})) -({})"
UNARY += " np.log1p(({})**2) np.square({}) np.sqrt(1.0+np.abs({})) np.sinh(np.tanh({})) wave({})"
UNARY += " np.cosh(np.sin({})) np.arcsinh({}) np.expm1(np.cos({})) np.log(2.0+np.sin({})) ({})**2"
UNARY += " np.arcsin(0.9*np.sin({})) np.cumsum({}) ({}).copy() np.reciprocal(2.0+np.abs({}))"
UNARY += " (np.tanh({}))**3 np.clip({},-1.0,1.0) shift({}) np.floor({})*0.5 np.sign({}) ({})//0.4"
UNARY += " ({})%0.7 np.hypot({},1.0) np.power(1.5+np.sin({}),1.5) np.exp2(np.cos({})) np.cbrt({})"
BINARY = "({})+({}) ({})-({}) ({})*({}) ({})/(1.5+({})**2) np.maximum({},{}) np.minimum({},{})"
BINARY += " np.arctan2({},2.0+np.abs({})) np.logaddexp({},{}) np.hypot({},{}) np.fmax({},{})"
BINARY += " np.copysign({},{}) (1.5+np.sin({}))**np.cos({}) np.mod({},1.5+np.abs({}))"
TO_NUMBER = "np.sum({}) np.mean({}) np.max({}) np.min({}) ({}).sum() ({}).mean() np.var({})"
TO_NUMBER += " np.std({}) np.prod(np.tanh({})) np.linalg.norm({}) ({}).max() np.sum(({})[::2])"
OF_NUMBER = "math.sin({}) math.tanh({}) math.exp(math.cos({})) abs({}) -({}) math.atan({}) ({})**2"
OF_NUMBER += " math.sqrt(1.0+abs({})) np.sin({}) float({}) power(math.tanh({}),3) math.erf({})"
OF_NUMBER += " min({},0.5) max(0.1,{}) ({})/(1.0+({})**2) math.log(2.0+abs({}))"


class RandomText:
    """The random choices of a program that is being written."""

    def __init__(self, seed):
        self.random, self.lines, self.serial = random.Random(seed), [], 0

    def one(self, items):
        return self.random.choice(items.split(" ") if isinstance(items, str) else items)

    def chance(self, p):
        return self.random.random() < p

    def name(self, kind):
        self.serial += 1
        return f"{kind}{self.serial}"

    def constant(self):
        return repr(round(self.random.uniform(-1.5, 1.5), 2))

    def filled(self, text, make):
        return text.format(*(make() for _ in range(text.count("{}"))))


class Writer(RandomText):
    """One random program."""

    def __init__(self, seed):
        super().__init__(seed)
        self.n = self.random.choice((4, 4, 4, 6, 10))
        self.flat = self.random.random() < 0.8
        self.vectors, self.owned, self.numbers, self.masks, self.views = ["z"], [], [], [], []

    def vector(self, depth=2):
        """An expression of n elements."""
        r = self.random.random()
        if depth == 0 or r < 0.15:
            leaf = self.one(self.vectors)
            scaled = f"TABLE[0]*{leaf}", f"{self.constant()}*{leaf}"
            return self.one([leaf, leaf, f"{leaf}[::-1]", "t", *scaled])
        if r < 0.4:
            return self.filled(self.one(UNARY), lambda: self.vector(depth - 1))
        if r < 0.62:
            return self.filled(self.one(BINARY), lambda: self.vector(depth - 1))
        if r < 0.72:
            parts = self.mask(depth - 1), self.choice(depth - 1), self.choice(depth - 1)
            return f"np.where({parts[0]}, {parts[1]}, {parts[2]})"
        if r < 0.77:
            return f"({self.mask(depth - 1)})*({self.vector(depth - 1)})"
        if r < 0.82:
            return f"({self.number(depth - 1)})*({self.vector(depth - 1)})"
        if r < 0.92 and self.owned:  # helpers that write to what may have been read before
            own = self.one(self.owned)
            calls = f"bump({own},0.3)", f"halve({own})", f"mirror({own})", f"clear({own},-0.2)"
            fill = f"fill({own},{self.vector(depth - 1)})"
            first = self.vector(depth - 1) if self.chance(0.3) else f"{own}*{self.constant()}"
            return f"({first}){self.one('* + -')}({self.one([*calls, fill])})"
        if r < 0.97:
            k = self.random.randrange(1, self.n)
            left, right = self.vector(depth - 1), self.one(self.vectors)
            return f"np.concatenate((({left} + 0.0 * z)[{k}:], ({right} * 1.0)[:{k}]))"
        return f"(A[:{self.n},:{self.n}]@({self.vector(depth - 1)}))"

    def choice(self, depth):
        return self.constant() if self.chance(0.3) else self.vector(depth)

    def mask(self, depth=2):
        r = self.random.random()
        if self.masks and r < 0.15:
            return self.one(self.masks)
        if depth <= 0 or r < 0.5:
            other = self.constant() if self.chance(0.7) else self.vector(0)
            return f"(({self.vector(max(depth, 0) // 2)}) {self.one('> < >= <=')} {other})"
        if r < 0.65:
            return f"~({self.mask(depth - 1)})"
        if r < 0.95:
            return f"(({self.mask(depth - 1)}) {self.one('& | ^')} ({self.mask(depth - 1)}))"
        return f"np.isnan({self.vector(0)})"

    def number(self, depth=2):
        r = self.random.random()
        if r < 0.15 or (depth <= 0 and r < 0.6):
            leaves = [*self.numbers, f"{self.one(self.vectors)}[{self.random.randrange(self.n)}]"]
            return self.one(leaves)
        if depth <= 0:
            return f"np.sum({self.one(self.vectors)})"
        if r < 0.4:
            return self.filled(self.one(TO_NUMBER), lambda: self.vector(depth - 1))
        if r < 0.5:
            return f"np.dot({self.vector(depth - 1)}, {self.vector(depth - 1)})*0.1"
        if r < 0.56:
            return f"(({self.vector(depth - 1)}) @ ({self.vector(depth - 1)}))*0.1"
        if r < 0.62:
            return f"np.sum({self.mask(depth - 1)})*0.25"
        if r < 0.68:
            return f"np.sum(({self.vector(0)})[{self.mask(depth - 1)}])"
        if r < 0.73 and not self.flat:
            axis = self.one(["np.sum(x, axis=0)", "x.sum(axis=1)", "np.mean(x, axis=1)"])
            return self.one([f"np.sum({axis}**2)", "np.sum(x.T @ x)*0.1", "np.sum(x[0]*x[1])"])
        if r < 0.87:
            inner = self.number(depth - 1)
            text = self.one(OF_NUMBER)
            return text.format(*[inner] * text.count("{}"))
        a, b = self.number(depth - 1), self.number(depth - 1)
        if r < 0.95:
            return f"({a}){self.one('+ - *')}({b})"
        return f"(({a}) if ({self.number(0)}) > {self.constant()} else ({b}))"

    def put(self, line, indent):
        self.lines.append("    " * indent + line)

    def known(self):
        return [list(v) for v in (self.vectors, self.owned, self.numbers, self.masks, self.views)]

    def statement(self, indent=1):
        r = self.random.random()
        if r < 0.22 or not self.owned:
            name = self.name("a")
            self.put(f"{name} = {self.vector()} + 0.1*z", indent)
            self.vectors.append(name)
            self.owned.append(name)
        elif r < 0.32:
            name = self.name("s")
            self.put(f"{name} = {self.number()}", indent)
            self.numbers.append(name)
        elif r < 0.40:
            name = self.name("m")
            self.put(f"{name} = {self.mask()}", indent)
            self.masks.append(name)
        elif r < 0.66:
            self.store(indent)
        elif r < 0.72:
            name, own = self.name("v"), self.one(self.owned)
            self.put(f"{name} = {own}[1:]", indent)
            self.put(f"{name}[{self.random.randrange(self.n - 1)}] = {self.number()}", indent)
            self.put(f"{name} *= 0.5 + {name}[::-1]", indent)
        elif r < 0.78:
            name = self.name("b")
            made = self.one([f"np.zeros({self.n})", "np.empty_like(z)", "np.zeros_like(z)"])
            self.put(f"{name} = {made}", indent)
            self.put(f"for i in range({self.n}):", indent)
            value = f"{self.one(self.vectors)}[i] * t[i] + {self.constant()}"
            self.put(f"    {name}[i] = {value}", indent)
            self.vectors.append(name)
            self.owned.append(name)
        elif r < 0.82:
            first, last = self.name("s"), self.name("s")
            self.put(f"{first}, {last} = ends({self.vector(1)} + 0.1*z)", indent)
            self.numbers += [first, last]
        elif indent < 3:
            self.block(indent)
        else:
            self.store(indent)

    def block(self, indent):
        known = self.known()
        if self.chance(0.5):
            self.put(f"if {self.number(1)} {self.one('> <')} {self.constant()}:", indent)
            for _ in range(self.random.randrange(1, 3)):
                self.statement(indent + 1)
            self.vectors, self.owned, self.numbers, self.masks, self.views = map(list, known)
            if self.chance(0.5):
                self.put("else:", indent)
                self.statement(indent + 1)
        else:
            name = self.name("r")
            self.put(f"{name} = 0.0", indent)
            self.put(f"for i in range({self.random.randrange(2, 4)}):", indent)
            self.put(f"    {name} += {self.one(self.vectors)}[i] * {self.number(1)}", indent)
            for _ in range(self.random.randrange(0, 2)):
                self.statement(indent + 1)
            known[2].append(name)
        self.vectors, self.owned, self.numbers, self.masks, self.views = known

    def store(self, indent):
        a, i = self.one(self.owned), self.random.randrange(self.n)
        e = lambda: self.vector(2)  # noqa: E731
        writes = [
            lambda: f"{a}[{i}] = {self.number()}",
            lambda: f"{a}[{i}] {self.one('+= *= -=')} {self.number(1)}",
            lambda: f"{a}[:] = {e()}",
            lambda: f"{a} {self.one('+= -= *=')} {e()}",
            lambda: f"{a}[1:] -= ({e()})[:-1]",
            lambda: f"{a}[::2] = ({e()})[1::2]",
            lambda: f"{a}[{self.mask()}] = {self.constant()}",
            lambda: f"{a}[{self.mask(1)}] += 0.5",
            lambda: f"{a}[:-1] = {a}[1:] * {self.number(1)}",
            lambda: f"bump({a}, {self.number(1)})",
            lambda: f"fill({a}, {e()})",
            lambda: f"{a} = {e()} + 0.1*z",
        ]
        self.put(self.one(writes)(), indent)

    def text(self):
        self.put("def fun(x, t, A):", 0)
        self.put("z = x * SCALE" if self.flat else "z = x.copy().reshape(x.size)", 1)
        for _ in range(self.random.randrange(1, 6)):
            self.statement()
        total = f"np.sum({self.vector(2)}) + {self.number(2)} + np.sum(z*z)"
        if self.owned:
            total += f" + np.sum(np.tanh({self.one(self.owned)}))"
        self.put(f"return {total}", 1)
        return HELPERS + "\n" + "\n".join(self.lines) + "\n"


def program(seed):
    """A plain function, its source, and its arguments."""
    writer = Writer(seed)
    text, n = writer.text(), writer.n
    fun = defined(text, {"np": np, "math": math})
    numbers = np.random.default_rng(seed)
    x = numbers.normal(size=n if writer.flat else (2, n // 2))
    return fun, text, x, (numbers.normal(size=n), numbers.normal(size=(n, n)) * 0.4)


def defined(text, scope):
    """The function `fun` of a text."""
    scope["__name__"] = "a_program"
    exec(compile(text, "<program>", "exec"), scope)
    return scope["fun"]


def differences(fun, x, args):
    """A gradient by central differences in extended precision, extrapolated."""
    x, g = x.astype(np.longdouble), np.zeros(x.shape)
    args = [a.astype(np.longdouble) for a in args]
    for at in np.ndindex(x.shape):
        slopes = []
        for h in (np.longdouble(2e-5), np.longdouble(1e-5)):
            up, down = x.copy(), x.copy()
            up[at] += h
            down[at] -= h
            slopes.append((fun(up, *args) - fun(down, *args)) / (2 * h))
        g[at] = float((4 * slopes[1] - slopes[0]) / 3)
    return g


def near(a, b, tolerance):
    scale = 1.0 + np.max(np.abs(b))
    return bool(np.all(np.abs(a - b) <= tolerance * scale))


@contextlib.contextmanager
def quick():
    """Compile without optimisation: what a program shows is decided before LLVM sees it."""
    names = "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE"
    before = [getattr(config, name) for name in names]
    config.OPT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE = type(config.OPT)(0), 0, 0
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(config, name, value)


@functools.cache
def helpers():
    """The helpers, each compiled once for all programs."""
    scope = {"np": np, "math": math}
    defined(HELPERS + "\ndef fun():\n    pass\n", scope)
    plain = {k: v for k, v in scope.items() if inspect.isfunction(v) and k not in UNCOMPILED}
    return {**scope, **{k: numba.njit(**HIDDEN)(v) for k, v in plain.items()}}


@functools.cache
def derived_helper(original, _dual):
    """A helper over functions of duals; `link` fills in its globals."""
    return []


def door(compiled, dual):
    """Value and gradient of a compiled function by one compilation, and those of new helpers."""

    def helper(new, original):
        made = derived_helper(original, dual)
        if not made:
            made.append(compiler._recompile(new, original))
        return made[0]

    how = {"top": compiler._recompile, "follow": compiler.is_compiled}
    user = link(compiled, {}, helper, replace=substitutions.meanings(dual, dual.fast), **how)
    bindings = {**dual_choice.SEEDS, "fun": user, "DUAL": dual, "CHUNK": dual.size, "SIZE": 0}
    top = numba.njit(**compiler.REFCOUNTED, no_cfunc_wrapper=True)
    evaluate = link(
        value_and_gradient.evaluate,
        bindings,
        compiler.inline_refcounted,
        top=lambda new, _: top(new),
    )
    return lambda x, *args: evaluate(x, args)


def check(seed, full=False):
    """What is wrong with one program: '' for nothing, 'skipped', or a sentence.

    It is quick unless `full`, which is through the public function, optimised.
    """
    fun, text, x, args = program(seed)
    with np.errstate(all="ignore"):
        plain = float(fun(x.copy(), *args))
        if not math.isfinite(plain) or abs(plain) > 1e8:
            return "skipped", text
        wanted = differences(fun, x, args)
    if full:
        compiled = jit(fun)
        fast = seed % 2 == 0
        derived = fastopt.value_and_grad(compiled, size=x.size, fast_math_functions=fast)
        found = compared(fun, compiled, derived, x, args, plain, wanted)
    else:
        with quick():
            compiled = numba.njit(no_cfunc_wrapper=True)(
                defined(text[len(HELPERS) :], helpers().copy())
            )
            derived = door(compiled, dual_choice.of(numba.float64, 4, True))
            found = compared(fun, compiled, derived, x, args, plain, wanted)
    return found, text


def compared(fun, compiled, derived, x, args, plain, wanted):
    """What is wrong with value or gradient."""
    try:
        f, g = derived(x, *args)
    except (numba.core.errors.NumbaError, TypeError) as error:
        try:
            compiled(x.copy(), *args)
        except numba.core.errors.NumbaError:
            return "skipped"  # not a program that Numba compiles
        return f"cannot be differentiated: {error}"
    if not near(f, plain, 1e-13):
        # Numba's own differs in how sums are added up and in functions.
        own = compiled(x.copy(), *args)
        if not near(f, plain, 1e-12) or (near(own, plain, 1e-12) and not near(f, own, 1e-13)):
            return f"the value is {f}, Python's {plain}, Numba's {own}"
    if not near(g, wanted, 1e-7):
        # The point may be at a kink, or differences may be too coarse.
        wanted = complex_step(fun, x, args)
        if not near(g, wanted, 1e-9):
            return f"the gradient is {g}, not {wanted}"
    if x.size == 6:
        few = [a.astype(np.float32) for a in (x, *args)]
        try:
            value = float(compiled(few[0].copy(), *few[1:]))
        except numba.core.errors.NumbaError:  # Numba has no product of two precisions
            return ""
        with quick():
            f, g = door(compiled, dual_choice.of(numba.float32, 4, True))(*few)
        if near(value, plain, 1e-4) and not near(float(f), value, 1e-4):
            return f"in float32 the value is {f}, Numba's {value}"
        if near(value, plain, 1e-4) and g.dtype != np.float32:
            return f"in float32 the gradient has {g.dtype}"
    return ""


def main(count, seed):
    warnings.simplefilter("ignore", numba.core.errors.NumbaPerformanceWarning)
    done = dict.fromkeys(("right", "wrong", "refused", "skipped"), 0)
    for k in range(seed, seed + count):
        try:
            found, text = check(k, full=k % 20 == 0)
        except (numba.core.errors.NumbaError, TypeError, ValueError, ZeroDivisionError) as error:
            found, text = str(error), program(k)[1]
        refused = "cannot be differentiated" in found
        kind = (
            "refused" if refused else found if found == "skipped" else "wrong" if found else "right"
        )
        done[kind] += 1
        if kind in ("wrong", "refused"):
            said = [line for line in found.splitlines() if not refused or "cannot be" in line]
            print(f"--- {k}: {said[0][:500]}\n{text[len(HELPERS) :]}", flush=True)
        if (k + 1 - seed) % 20 == 0 or k + 1 == seed + count:
            print(f"from {seed}: {done}, {time.process_time():.0f} s of processor time", flush=True)
    return done["wrong"]


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))

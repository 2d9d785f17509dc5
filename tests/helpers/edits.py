"""Random packages, edited: the answer must be that of the code as it is now.

    python tests/helpers/edits.py 500 7            # five hundred edits from seed 7
    python tests/helpers/edits.py 16 7 modules     # with an old fault (`FAULTS`)

A package has four modules, which hold objectives and what these read: constants, helpers, classes,
closures, decorators, overloads, under names that were imported in every way. It is asked, edited,
and asked again, in the same process and in another one over the same cache. Each answer is
compared with that of a twin of the package which is plain Python.
"""

import collections
import contextlib
import faulthandler
import importlib
import multiprocessing
import os
import pathlib
import random
import re
import sys
import tempfile
import time
import traceback
import types
import warnings

if __name__ == "__main__":
    os.environ.setdefault("NUMBA_OPT", "1")  # compiles faster

import numba
import numpy as np

import fastopt
from fastopt import rules
from fastopt.compiling import code_walk, compiler, content_digest
from fastopt.derivatives import gradient_methods
from fastopt.drivers import objective_bindings
from fastopt.inputs import run_options

MODULES = "config", "helpers", "more", "main"
CHAINS = 8  # objectives in a package
OPEN = "<edited>"  # in the text of a module
NAMES = "njit overload register_jitable vectorize jitclass float64 slope".split()
HEAD = f"""
import collections, dataclasses, enum, functools, operator
import numpy as np
from NUMBA import {", ".join(NAMES)}
"""
REAL = """
from numba import float64, njit, vectorize
from numba.experimental import jitclass
from numba.extending import overload, register_jitable
from fastopt import value_and_grad as slope
"""
PLAIN = """
float64 = None
def njit(function=None, **options):
    return function or (lambda inner: inner)
register_jitable = vectorize = njit
def overload(function):
    return lambda implementation: implementation
def jitclass(fields):
    return lambda kind: kind
def slope(function):
    return lambda x: (function(x), None)
"""
X = np.array([0.75, 1.25])

# How what is edited stands in a module: the text, what a function says to read it, and whether
# that is a number or a function; `njit` where only compiled code can use it.
Source = collections.namedtuple("Source", "text use kind jit old new", defaults=("", "", None))
NUMBER, FUNCTION = "number", "function"
P = "collections.namedtuple('P', 'a b')"
NUMBERS = {
    "number": "N = E",
    "sum": "N = 1.0 + 2 * E",
    "alias": ("M = 2.0\nO = 3.5\nN = E", "", "M", "O"),
    "array": ("N = np.array([1.0, E])", "[1]"),
    "large array": ("N = np.full(200_000, E)", "[7]"),
    "tuple": ("N = (1.0, E)", "[1]"),
    "nested tuple": ("N = ((1.0, E), 2.0)", "[0][1]"),
    "named tuple": (f"N = {P}(1.0, E)", ".b"),
    "enum": ("class N(enum.IntEnum):\n    A = int(E)", ".A.value"),
    "record": ("N = np.array([(1.0, E)], [('a', float), ('b', float)])", "[0]['b']"),
    "scalar": "N = np.float64(E)",
    "whole": "N = int(E)",
    "complex": ("N = complex(1.0, E)", ".imag"),
    "dataclass": "@dataclasses.dataclass\nclass M:\n    k: float\nN = M(E).k",
    "class": "class M:\n    k = E\nN = M.k",
    "method": "class M:\n    def k(self):\n        return E\nN = M().k()",
    "partial": "N = functools.partial(operator.mul, E)(2.0)",
    "dict": "N = {'k': E}['k']",
    "lambda": "N = (lambda k: k + E)(1.0)",
    "flag": ("N = E", " * 1.0", "True", "False"),
}
FUNCTIONS = {
    "helper": "@njit\ndef N(v):\n    return v * E",
    "operator": ("@njit\ndef N(v):\n    return v E 2.5", "+", "*"),
    "expression": ("@njit\ndef N(v):\n    return E", "np.sin(v)", "np.exp(v)"),
    "default": "@njit\ndef N(v, k=E):\n    return v * k",
    "loop": (
        "@njit\ndef N(v):\n    s = 0.0\n    for i in range(E):\n        s += v * i\n    return s",
        "3",
        "5",
    ),
    "branch": (
        "M = E\n@njit\ndef N(v):\n    if M == 'one':\n        return v\n    return v + 5.0",
        "'one'",
        "'two'",
    ),
    "closure": (
        "def M(k):\n    @njit\n    def inner(v):\n        return v * k\n    return inner\nN = M(E)"
    ),
    "lambda": "N = njit(lambda v: v * E)",
    "decorator": (
        "def M(k):\n    def decorate(f):\n        @njit\n        def g(v):\n"
        "            return f(v) * k\n        return g\n    return decorate\n"
        "@M(E)\n@njit\ndef N(v):\n    return v + 1.0"
    ),
    "choice": (
        "@njit\ndef M(v):\n    return v * 2.0\n@njit\ndef O(v):\n    return v * 3.0\nN = E",
        "M",
        "O",
    ),
    "fastmath": "@njit(fastmath=True)\ndef N(v):\n    return v * E",
    "array in a closure": (
        "def M(k):\n    @njit\n    def inner(v):\n        return v * k[1]\n    return inner\n"
        "N = M(np.array([0.0, E]))"
    ),
}
# What has no text to link: for compiled code alone.
EXTENSIONS = {
    "overload": "def N(v):\n    return float(str(v * E))\n@overload(N)\ndef M(v):\n"
    "    return lambda v: v * E",
    "overload of a constant": "O = E\ndef N(v):\n    return float(str(v * O))\n@overload(N)\n"
    "def M(v):\n    return lambda v: v * O",
    "jitable": "@register_jitable\ndef N(v):\n    return v * E",
    "jitable of a constant": "O = E\n@register_jitable\ndef N(v):\n    return v * O",
    "slope": "@njit\ndef O(x):\n    return x[0] * E\nM = slope(O)\n"
    "@njit\ndef N(v):\n    return M(np.array([v]))[0]",
    "vectorized": "@vectorize\ndef N(v):\n    return v * E",
    "jitclass": "@jitclass([('k', float64)])\nclass M:\n    def __init__(self):\n"
    "        self.k = 2.0\n    def get(self, v):\n        return self.k * v * E\n"
    "@njit\ndef N(v):\n    return M().get(v)",
}
NOT_DERIVED = {"vectorized", "slope", "jitclass"}
FROZEN = {"vectorized", "jitclass"}  # by Numba, when first compiled: only new objects count


class Symbol(collections.namedtuple("Symbol", "module name use kind jit")):
    """A name at the top of a module; `jit` where it is compiled already."""


class Package:
    """The text of a package, with open places, and what each objective in it is about."""

    def __init__(self, seed, kinds=None):
        self.random, self.count = random.Random(seed), 0
        self.regular = self.random.random() < 0.6
        self.path = {m: self.random.choice(["", "deep."]) + m for m in MODULES[:3]}
        self.path["main"] = "main"
        self.overloaded = set()  # and what is another name of these
        self.lines = {m: [] for m in (*MODULES, "__init__")}
        self.chains = [self.chain(i, kinds) for i in range(CHAINS)]

    def fresh(self, base):
        self.count += 1
        return f"{base}_{self.count}"

    def put(self, module, text):
        if text not in self.lines[module] or "import" not in text:
            self.lines[module].append(text)

    def reach(self, symbol, module):
        """Import a symbol into a module in some way; return the expression for it there."""
        home, name, alias = symbol.module, symbol.name, self.fresh("alias")
        path = f"PACKAGE.{self.path[home]}"
        parent, _, leaf = path.rpartition(".")
        ways = {
            f"from {path} import {name}": name,
            f"from {path} import {name} as {alias}": alias,
            f"from {path} import *": name,
            f"import {path} as {alias}": f"{alias}.{name}",
            f"from {parent} import {leaf}": f"{leaf}.{name}",
            f"from {parent} import {leaf} as {alias}": f"{alias}.{name}",
            f"import {path}": f"{path}.{name}",
        }
        if home == module:
            return name
        if self.regular and home == "config" and self.random.random() < 0.15:
            self.put("__init__", f"from {path} import {name}")
            self.put(module, "import PACKAGE")
            return f"PACKAGE.{name}"
        way, found = self.random.choice([*ways.items()])
        self.put(module, way)
        return found

    def chain(self, index, kinds):
        """Write one objective and what it reads."""
        groups = [(NUMBERS, NUMBER)] * 3 + [(FUNCTIONS, FUNCTION)] * 3 + [(EXTENSIONS, FUNCTION)]
        table, kind = self.random.choice(groups)
        if kinds:
            table, kind = next((t, k) for t, k in groups if kinds[index % len(kinds)] in t)
        what = kinds[index % len(kinds)] if kinds else self.random.choice([*table])
        given = table[what]
        text, *more = given if isinstance(given, tuple) else (given,)
        use = more.pop(0) if kind == NUMBER and more else ""
        old, new = more or self.random.sample(["2.0", "3.0", "5.0", "7.0", "11.0"], 2)
        place = self.random.randrange(3)
        name = self.fresh("n")
        for letter in "NMO":
            own = name if letter == "N" else self.fresh("m")
            text, old, new = (self.renamed(t, letter, own) for t in (text, old, new))
        text = self.renamed(text, "E", OPEN + str(index))
        jit = kind == NUMBER or what in EXTENSIONS or self.random.random() < 0.7
        if not jit:
            text = re.sub(r"(?m)^ *@njit.*\n", "", text).replace("njit(lambda", "(lambda")
        self.put(MODULES[place], text)
        symbol = Symbol(MODULES[place], name, use, kind, jit)
        if what.startswith(("overload", "vectorized")):
            self.overloaded.add(name)
        edited, ways = (symbol.module, name), []
        for _ in range(self.random.randrange(4)):
            place = min(place + self.random.randrange(2), 2)
            symbol, way = self.carried(symbol, MODULES[place])
            ways.append(way)
        plain = self.top(index, symbol)
        return {
            "index": index,
            "what": " > ".join([what, *ways]),
            "old": old,
            "new": new,
            "edited": edited,
            "derived": what not in NOT_DERIVED,
            "frozen": what in FROZEN,
            "plain": plain,
        }

    @staticmethod
    def renamed(text, old, new):
        return re.sub(rf"\b{old}\b", lambda _: new, text)

    def decorator(self, symbol):
        """Return a decorator for a function that calls a symbol, and whether it is compiled."""
        jit = symbol.jit and self.random.random() < 0.7
        options = self.random.choice(["", "", "", "(error_model='numpy')", "(inline='always')"])
        return (f"@njit{options}\n" if jit else ""), jit

    def carried(self, symbol, module):
        """Let something in a module read a symbol; return that, and what it is."""
        call, name, more = self.reach(symbol, module), self.fresh("c"), self.fresh("d")
        decorate, jit = self.decorator(symbol)
        inner = decorate.replace("@", "    @").replace("\n", "\n")
        read = call + symbol.use
        if symbol.kind == NUMBER:
            ways = {
                "another": (f"{name} = {read} + 1.0", NUMBER, ""),
                "in a tuple": (f"{name} = ({read}, 1.0)", NUMBER, "[0]"),
                "in an array": (f"{name} = np.array([{read}, 1.0])", NUMBER, "[0]"),
                "in a named tuple": (f"{name} = {P}({read}, 1.0)", NUMBER, ".a"),
                "read": (f"{decorate}def {name}(v):\n    return v * {read}", FUNCTION, ""),
                "as a default": (
                    f"{decorate}def {name}(v, k={read}):\n    return v * k",
                    FUNCTION,
                    "",
                ),
                "in a closure": (
                    f"def {more}(k):\n{inner}    def inner(v):\n        return v * k\n"
                    f"    return inner\n{name} = {more}({read})",
                    FUNCTION,
                    "",
                ),
            }
        else:
            ways = {
                "called": (f"{decorate}def {name}(v):\n    return {call}(v) + 1.0", FUNCTION, ""),
                "alias": (f"{name} = {call}", FUNCTION, ""),
                "closed over": (
                    f"def {more}(f):\n{inner}    def inner(v):\n        return f(v) * 2.0\n"
                    f"    return inner\n{name} = {more}({call})",
                    FUNCTION,
                    "",
                ),
                "decorated": (
                    f"def {more}(f):\n{inner}    def inner(v):\n        return f(v) + 0.5\n"
                    f"    return inner\n{decorate and '@' + more}\n{decorate}def {name}(v):\n"
                    f"    return {call}(v)",
                    FUNCTION,
                    "",
                ),
                "recursive": (
                    f"{decorate.replace(chr(40) + 'inline=' + repr('always') + ')', '')}"
                    f"def {name}(v, n=1):\n    if n == 0:\n        return {call}(v)\n"
                    f"    return {name}(v, n - 1)",
                    FUNCTION,
                    "",
                ),
            }
            if decorate and symbol.name not in self.overloaded:
                ways["in a tuple of functions"] = (f"{name} = (({call},), 1.0)", FUNCTION, "[0][0]")
        if symbol.use and symbol.kind == FUNCTION:
            ways = {"called": ways["called"]}
            text = f"{decorate}def {name}(v):\n    return {read}(v) + 1.0"
            ways["called"] = (text, FUNCTION, "")
        way = self.random.choice([*ways])
        text, kind, use = ways[way]
        kept = way in ("alias", "in a tuple of functions")
        if kind == NUMBER or kept:
            jit = symbol.jit
        if kept and symbol.name in self.overloaded:
            self.overloaded.add(name)
        self.put(module, text)
        return Symbol(module, name, use, kind, jit), way

    def top(self, index, symbol):
        """Write the objective, and a schedule of rates; return True if they are plain."""
        call = self.reach(symbol, "main") + symbol.use
        decorate, _ = self.decorator(symbol)
        decorate = decorate and "@njit\n"
        for name, value, rest in ((f"f{index}", "x[0]", " + x[1] ** 2"), (f"s{index}", "t", "")):
            term = f"{call} * {value}" if symbol.kind == NUMBER else f"{call}({value})"
            term = f"0.1 + abs({term})" if not rest else term + rest
            arguments = "x, row=0.0" if rest else "t"
            self.put("main", f"{decorate}def {name}({arguments}):\n    return {term}")
        return not decorate

    def files(self, package, shim, new):
        """Return the texts, by path; with the `new` ones of what is edited, or the old."""
        found = {}
        for module in (*MODULES, "__init__"):
            text = HEAD if module != "__init__" else ""
            text += "\n".join(self.lines[module]) + "\n"
            for chain in self.chains:
                text = text.replace(OPEN + str(chain["index"]), chain["new" if new else "old"])
            text = text.replace("PACKAGE", package).replace("NUMBA", shim)
            found[self.path.get(module, module).replace(".", "/") + ".py"] = text
        if self.regular:
            found["deep/__init__.py"] = ""
        else:
            del found["__init__.py"]
        return found


class Side:
    """A package on disk and in this process: the real one, or its plain twin."""

    def __init__(self, package, root, name, shim):
        self.package, self.root, self.name, self.shim = package, pathlib.Path(root), name, shim

    def write(self, new):
        for path, text in self.package.files(self.name, self.shim, new).items():
            file = self.root / self.name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def module(self, name):
        path = self.package.path.get(name)
        return importlib.import_module(f"{self.name}.{path}" if path else self.name)

    def reload(self):
        for name in ("config", "__init__", *MODULES[1:]):
            module = self.module(name)
            if module.__spec__.loader and getattr(module, "__file__", None):
                importlib.reload(module)

    def replace(self, chain, by_code):
        """Put the edited object in the place of the old one, or its code, as IPython does."""
        name, attribute = chain["edited"]
        module = self.module(name)
        fresh = types.ModuleType(module.__name__)
        exec(
            compile(pathlib.Path(module.__file__).read_text(), module.__file__, "exec"), vars(fresh)
        )
        new, old = getattr(fresh, attribute), getattr(module, attribute)
        if by_code:
            old, new = getattr(old, "py_func", old), getattr(new, "py_func", new)
            old.__code__, old.__defaults__ = new.__code__, new.__defaults__
        else:
            setattr(module, attribute, new)

    def can_be_recoded(self, chain):
        name, attribute = chain["edited"]
        value = getattr(self.module(name), attribute)
        value = getattr(value, "py_func", value)
        return isinstance(value, types.FunctionType) and not value.__code__.co_freevars


@numba.njit
def plane(x):
    return x[0] + x[1]


def slope_of(function, x):
    found = []
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = 1e-5
        found.append((function(x + step) - function(x - step)) / 2e-5)
    return np.array(found)


# Doors: each returns pairs (what fastopt says, what it should say).


def light(f, o, _s, _r):
    """The keys and files of a solve, around a text that compiles fast."""
    settings = run_options.parse(rules.get("sgd"), None, None, X.dtype)
    bound = objective_bindings.build(
        compiler.ensure_njit(f, "fun"), "2-point", (), settings, X
    ).bindings
    value = gradient_methods.METHODS["2-point"][0]
    once = compiler.jit(value, {name: bound[name] for name in ("fun", "write")}, refcounted=True)
    return [(float(once(X.copy(), np.empty(2), ((),))), o(X))]


def derived(f, o, _s, _r):
    value, gradient = fastopt.value_and_grad(f)(X)
    return [(value, o(X)), (gradient, slope_of(o, X))]


def solved(**given):
    def door(f, o, _s, _r):
        more = {k: v(o) if callable(v) else v for k, v in given.items()}
        result = fastopt.minimize(f, X, options={"maxiter": 0}, **more)
        return [(result.fun, o(result.x)), (result.jac, slope_of(o, result.x))]

    return door


def batch(f, o, _s, _r):
    starts = np.array([X, X + 0.25])
    result = fastopt.minimize_batch(f, starts, options={"maxiter": 1}, workers=1)
    return [(result.fun, [o(x) for x in result.x])]


def stochastic(f, o, _s, _r):
    result = fastopt.minimize_stochastic(
        f, X, np.zeros(1), method="sgd", epochs=1, options={"learning_rate": 1e-300}
    )
    return [(result.fun, o(X))]


def multistart(f, o, _s, _r):
    result = fastopt.multistart(f, [(0.5, 1.5)] * 2, 2, options={"maxiter": 1})
    return [(result.fun, o(result.x))]


def compared(f, o, _s, _r):
    result = fastopt.compare_grad(f, X)
    return [(result.jac, slope_of(o, X)), (result.differences, slope_of(o, X))]


def rates(_f, _o, s, r):
    options = {"learning_rate": s, "maxiter": 1}
    result = fastopt.minimize(plane, X, method="sgd", options=options)
    return [(X - result.x_last, r(1.0))]


def steps(_f, _o, s, r):
    x = X.copy()
    fastopt.SGD(s).step(x, np.ones(2))
    return [(X - x, r(1.0))]


def gradient_of(o):
    return lambda x: slope_of(o, x)


LIGHT = {"light": light, "value_and_grad": derived}
FULL = {
    "minimize": solved(),
    "minimize_batch": batch,
    "minimize_stochastic": stochastic,
    "multistart": multistart,
    "compare_grad": compared,
    "a schedule": rates,
    "steps of an optimizer": steps,
    "jac='2-point'": solved(jac="2-point"),
    "jac='3-point'": solved(jac="3-point"),
    "jac='cs'": solved(jac="cs"),
    "a jac of Python's": solved(jac=gradient_of),
}
UNDERIVED = {"light", "a schedule", "steps of an optimizer", "jac='2-point'", "jac='3-point'"}
DOORS = {**LIGHT, **FULL}
# Where Python calls what the user compiled, which keeps its globals; of plain functions, too.
PYTHON = {"steps of an optimizer"}
PLAINLY = {"compare_grad", "jac='2-point'", "jac='3-point'", "jac='cs'", "a jac of Python's"}


def ask(chain, door, real, twin):
    """Return an empty text, or what is wrong; and the values that a plain package gives."""
    index = chain["index"]
    functions = [getattr(s.module("main"), f"{f}{index}") for f in "fs" for s in (real, twin)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pairs = DOORS[door](*functions)
        except Exception:
            return "raised " + traceback.format_exc()[-700:], []
    for found, wanted in pairs:
        if not np.allclose(found, wanted, rtol=1e-6, atol=1e-7):
            return f"{found} instead of {wanted}", []
    return "", [np.asarray(w).tolist() for _, w in pairs]


def work(package, root, name, plan, edit, pipe):
    """Ask a package in this process; then edit it, and ask again."""
    faulthandler.enable()
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True
    real, twin = (
        Side(package, root, name, "numba_real"),
        Side(package, root, f"{name}_twin", "numba_plain"),
    )
    if os.environ.get("EDITS_DEBUG"):
        for c, d, h in plan:
            print(d, h, c["what"], c["old"], c["new"], flush=True)
            print(ask(c, d, real, twin), flush=True)
    before = [ask(chain, door, real, twin) for chain, door, _ in plan]
    after = []
    if edit:
        for side in (real, twin):
            side.write(True)
        for chain, _, how in plan:
            if how == "reload":
                continue
            by_code = how == "code" and real.can_be_recoded(chain)
            for side in (real, twin):
                side.replace(chain, by_code)
        after = [ask(chain, door, real, twin) for chain, door, how in plan if how != "reload"]
        for side in (real, twin):
            side.reload()
        after += [ask(chain, door, real, twin) for chain, door, how in plan if how == "reload"]
    pipe.send((before, after))
    pipe.close()


def apart(*job):
    """Do a job in another process."""
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    ours, theirs = context.Pipe(False)
    process = context.Process(target=work, args=(*job, theirs))
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        found = [], []
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the process of {job[2]} ended with {process.exitcode}")
    return found


def check(seed, root, doors=1, kinds=None, names=None):
    """Check a package; return what was wrong, and how many edits changed an answer.

    `doors` is how many of its objectives are asked through a whole solve, which takes seconds.
    """
    package, choose = Package(seed, kinds), random.Random(seed)
    name = f"package{seed}"
    root = pathlib.Path(root)
    for shim, text in (("numba_real", REAL), ("numba_plain", PLAIN)):
        (root / f"{shim}.py").write_text(text)
    for each, shim in ((name, "numba_real"), (f"{name}_twin", "numba_plain")):
        Side(package, root, each, shim).write(False)
    plan = []
    for k, chain in enumerate(package.chains):
        door = [*FULL][(seed + k) % len(FULL)] if k < doors else [*LIGHT][k % 4 == 3]
        door = names[k % len(names)] if names else door
        if not chain["derived"] and door not in UNDERIVED:
            door = "light"
        how = choose.choice(["reload", "set", "code"])
        if how == "code" and "overload" in chain["what"]:
            how = "set"
        if chain["frozen"] or door in PYTHON or (chain["plain"] and door in PLAINLY):
            how = "reload"
        plan.append((chain, door, how))
    before, after = apart(package, root, name, plan, True)
    again, _ = apart(package, root, name, plan, False)
    changed = [p for p in plan if p[2] != "reload"] + [p for p in plan if p[2] == "reload"]
    wrong, edits = [], 0
    first = {id(chain): wanted for (chain, _, _), (_, wanted) in zip(plan, before, strict=True)}
    for when, asked, found in (
        ("at first", plan, before),
        ("here", changed, after),
        ("in another process", plan, again),
    ):
        for (chain, door, how), (said, wanted) in zip(asked, found, strict=True):
            edits += when != "at first" and (bool(said) or wanted != first[id(chain)])
            if said:
                wrong.append(
                    f"{name}, {door}, {when} ({how}): f{chain['index']}, {chain['what']}: {said}"
                )
    return wrong, edits


def library(module, known=code_walk.is_library):
    return getattr(module, "__file__", None) is None or known(module)


# Old faults, which the packages must find.
FAULTS = {
    "modules": lambda: setattr(code_walk, "is_library", library),
    "memory": lambda: setattr(content_digest, "_as_before", lambda reads: True),
}


def main(count, seed, fault=None):
    if fault:
        FAULTS[fault]()
    os.environ["FASTOPT_CACHE_DIR"] = os.path.join(tempfile.mkdtemp(prefix="edits-"), "cache")
    fastopt.value_and_grad(plane)(X)  # what all processes begin with
    total, wrongs, began = 0, 0, time.time()
    root = tempfile.mkdtemp(prefix="edits-")
    while total < count:
        wrong, edits = check(seed, root, doors=0 if fault else 1)
        total, wrongs, seed = total + edits, wrongs + len(wrong), seed + 1
        for text in wrong:
            print("WRONG", text, flush=True)
        took = time.time() - began
        print(f"{total} edits, {wrongs} wrong, seed {seed}, {took:.0f} s", flush=True)
    return wrongs


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(bool(main(*map(int, sys.argv[1:3]), *sys.argv[3:])))

"""Turn plain functions into compiled ones: link them, name them by content, keep them.

`link` rebuilds a plain function over other globals, so that one text serves every target and every
problem; `jit` compiles it with Numba, once per content in this process and once per machine.
"""

import builtins
import dis
import itertools
import types
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import compiler_lock, config, registry, serialize
from numba.core.dispatcher import Dispatcher
from numba.np.ufunc import parallel

from fastopt import _cache, _fingerprint, _narrow

# Divisions and roots follow IEEE instead of raising, which also lets them vectorise; multiply-adds
# may contract. Never nnan or ninf: they delete the checks for divergence.
FLAGS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
# The loop allocates nothing and owns no array (where args are arrays and numbers). Not counting
# references in it leaves two atomic operations out of every evaluation, and takes a fifth off the
# time to compile it.
UNCOUNTED: dict[str, Any] = {**FLAGS, "_nrt": False}
COUNTED: dict[str, Any] = {**FLAGS, "_nrt": True}  # said, since callees inherit it
SEPARATE: dict[str, Any] = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "forceinline": True,
}
_PACKAGE = __name__.partition(".")[0] + "."
_DERIVATIVES = _PACKAGE + "derivatives"
MARK = "__fastopt__"  # the global of user functions linked over our names: `narrow`, or True
_compiled: dict = {}
_ordering: list = []  # one item for each compilation under way that wants ordered reductions
_serial = itertools.count()
numba_config: Any = config  # its names are made at run time


def is_compiled(function):
    """Whether `function` is an @njit function."""
    return isinstance(function, Dispatcher)


def inline(function, original, loop=UNCOUNTED):
    """Decorator of linked inner functions: one with a loop is compiled by itself, others inline.

    Everything inline made the solve loop compile in 4.1 s (half of it in Numba's inliner, which
    rescans the caller each time), a function each in 3.6 s, this in 2.5 s.
    """
    if original.__module__.startswith(_DERIVATIVES):  # these may hold arrays of the user's
        return numba.njit(**SEPARATE, **COUNTED)(function)
    if any("JUMP_BACKWARD" in i.opname for i in dis.get_instructions(function)):
        return numba.njit(**SEPARATE, **loop)(function)
    return numba.njit(inline="always", **loop)(function)


def inline_counted(function, original):
    """`inline` for loops that carry lists, dicts and the like to the objective."""
    return inline(function, original, COUNTED)


def unwrapped(function, _value=None):
    """Decorator for the interpreter and the CUDA simulator."""
    return function


def link(
    function, bindings, wrap, *, top=unwrapped, narrow=None, follow=None, suffix=None, replace=None
):
    """`function` over other globals, and with it the tree of functions that it calls.

    Parameters
    ----------
    bindings : dict
        What names left open shall mean, in the whole tree.
    wrap, top : callable ``(rebuilt, original)``
        The target's decorator, for the functions below the top and for the top itself.
    narrow : callable, optional
        The element type, np.float32: float constants are brought to it, be they literals, defaults
        or what globals, closures and modules hold.
    follow : callable, optional
        Which values are rebuilt as well; by default this package's plain functions.
    suffix : str
        Appended to names. Two functions of one name in one process must differ in it, else
        the second one's cached code silently runs the first (symbols are shared). By default a
        number, which is good for one process.
    replace : dict, optional
        ``id(value) -> another``, for what the code finds in its globals, in NumPy and in math.
    """
    follow, replace = follow or _is_ours, replace or {}
    suffix = f"_{next(_serial)}" if suffix is None else suffix
    built, modules = {}, {}

    def build(value, decorate):
        f = getattr(value, "py_func", value)
        if f in built:
            return built[f]
        code, defaults = small(f.__code__), small(f.__defaults__)
        scope = {"__name__": f.__module__, "__builtins__": f.__globals__["__builtins__"]}
        scope.update({MARK: narrow or True} if replace else {})
        closure = f.__closure__ and tuple(types.CellType() for _ in f.__closure__)
        new = types.FunctionType(code, scope, f.__name__ + suffix, defaults, closure)
        new.__kwdefaults__, new.__qualname__ = small(f.__kwdefaults__), f.__qualname__ + suffix
        new.__module__ = f.__module__
        # Decorated before its globals are filled in: functions may call themselves or each other.
        built[f] = decorate(new, value)
        used = _fingerprint.names(f.__code__)
        for name in used:
            if name in bindings or name in f.__globals__:
                value = bindings[name] if name in bindings else f.__globals__[name]
                scope[name] = inner(value, used)
            elif id(getattr(builtins, name, None)) in replace:
                scope[name] = replace[id(getattr(builtins, name))]
        for cell, old in zip(closure or (), f.__closure__ or (), strict=True):
            cell.cell_contents = inner(old.cell_contents, used)
        return built[f]

    def inner(value, used):
        if id(value) in replace:
            return replace[id(value)]
        if follow(value):
            return build(value, wrap)
        if type(value) is tuple:
            return tuple(inner(item, used) for item in value)
        if isinstance(value, types.ModuleType) and is_open(value):
            return module(value, used)
        return small(value)

    def small(value) -> Any:
        return _narrow.narrowed(value, narrow) if narrow else value

    def is_open(value):
        root = value.__name__.partition(".")[0]
        return (
            bool(replace) and root in ("numpy", "math", "scipy")
        ) or not _fingerprint.is_library(value)

    def module(value, used):
        """A module with what the code takes from it, rebuilt."""
        if value not in modules:
            # Under another name: Numba has rewrites for calls of what it takes for numpy.array.
            modules[value] = types.ModuleType(f"{_PACKAGE}{value.__name__}")
        for name in used:
            if name in vars(value) and name not in vars(modules[value]):
                setattr(modules[value], name, None)  # a module may lead back to itself
                setattr(modules[value], name, inner(vars(value)[name], used))
        return modules[value]

    return build(function, top)


def _is_ours(value):
    return isinstance(value, types.FunctionType) and value.__module__.startswith(_PACKAGE)


def jit(function, bindings, key, lasting=True, counted=False):
    """`function`, linked with `bindings` and compiled for the CPU: once per content.

    `key` says in plain values what decides the content, beside this package's own sources; where
    it is not `lasting`, for this process only. `counted` where arguments are counted references.
    """
    digest = _fingerprint.digest_of(function.__qualname__, key, counted)
    if digest not in _compiled:
        wrap = inline_counted if counted else inline
        linked = link(function, bindings, wrap, suffix=f"_{digest[:16]}")
        loop = COUNTED if counted else UNCOUNTED
        options: dict[str, Any] = {**loop, "no_cfunc_wrapper": True}
        compiled: Any = numba.njit(**options)(linked)
        in_order(compiled)
        if lasting:
            compiled._cache = _cache.DiskCache(digest)
        _compiled[digest] = compiled
    return _compiled[digest]


def in_order(compiled):
    """Let LLVM vectorise the loops around sums while `compiled` is compiled, and what it calls.

    A sum over a loop, `s += r * r`, must be added up in order; by default LLVM then leaves the
    whole loop scalar on x86. With this option it computes the terms in vectors and adds them in
    order: the same bits, four times as fast on the fit of a decay. It is an option of the process,
    so it is taken back; Numba's lock keeps other compilations out meanwhile.
    """
    # LLVM ends the process where it does not know an option: it has had this one since 13.
    if not is_compiled(compiled) or not 13 <= llvm.llvm_version_info[0] <= 22:
        return
    original = compiled._compiler.compile

    def compile(args, return_type):
        with compiler_lock.global_compiler_lock:
            llvm.set_option("", "-force-ordered-reductions=true")
            _ordering.append(None)
            try:
                return original(args, return_type)
            finally:
                _ordering.pop()
                if not _ordering:
                    llvm.set_option("", "-force-ordered-reductions=false")

    compiled._compiler.compile = compile


def as_compiled(function, name):
    """A plain function as an @njit one, and with it the plain functions that it calls."""
    if is_compiled(function):
        return function
    if not isinstance(function, types.FunctionType):
        raise TypeError(
            f"{name} is called from a compiled loop: it must be a plain or an @njit function, "
            f"not {function!r}"
        )

    def decorate(rebuilt, original):
        return original if is_compiled(original) else numba.njit(rebuilt)

    return link(function, {}, decorate, top=decorate, follow=is_plain, suffix="")


def is_plain(value):
    """Whether this is a plain function of the user's."""
    return isinstance(value, types.FunctionType) and not _fingerprint.is_named(value)


def user(function, replace=None, key=None, checked=False):
    """The user's @njit function compiled anew (today's globals, our error model), and its name.

    `replace` is that of `link`, and `key` names it where it is needed for more than speed.
    It keeps the fast-math flags of its own decorator, plus "contract"; never "reassoc" uninvited.
    The name is a digest of the content. A function whose content cannot be named is used as it is,
    under its number in this process. `checked` code raises an IndexError where it indexes outside.
    """
    key, again = ("checked", _checked) if checked else (key, _again)
    try:
        digest = _fingerprint.digest_of(_fingerprint.of(function), key, bool(replace))
        name, suffix = digest, f"_{digest[:16]}"
    except _fingerprint.Unhashable:
        digest, name, suffix = id(function), (id(function), key), None
        if key is None:
            return function, digest
    if name not in _compiled:
        linked = link(
            function,
            {},
            again,
            top=again,
            follow=is_compiled,
            suffix=suffix,
            replace=replace,
        )
        _compiled[name] = linked, function  # alive, so that its number is not used twice
    return _compiled[name][0], digest


def _checked(function, original):
    return _again(function, original, boundscheck=True, parallel=False)  # errors pass no prange


def _again(function, original, **more):
    given = {**getattr(original, "targetoptions", {}), **more}
    math = given.get("fastmath") or set()
    math = {"fast"} if math is True else {*math, "contract"}
    kept = {k: given[k] for k in ("parallel", "boundscheck", "error_model") if k in given}
    options: dict = {**COUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, **kept}
    options["fastmath"] = math
    return numba.njit(**options)(function)


def dumps(value, name):
    """`value` in bytes that another process understands, functions of the user's included."""
    try:
        return serialize.dumps(value)
    except Exception as error:
        raise TypeError(f"{name} cannot be sent to other processes: {error}") from None


loads = serialize.loads


def thread_limit():
    """`numba.get_num_threads`, which would start Numba's thread pool where nobody has done so."""
    started = getattr(parallel, "_is_initialized", True)
    return numba.get_num_threads() if started else numba_config.NUMBA_NUM_THREADS


def processor():
    """What Numba compiles for."""
    context: Any = registry.cpu_target.target_context
    _, name, features = context.codegen().magic_tuple()
    widths = {"+avx512f": "512-bit vectors", "+avx2": "256-bit vectors", "+neon": "128-bit vectors"}
    simd = next((text for flag, text in widths.items() if flag in features.split(",")), "no SIMD")
    return {
        "numba": numba.__version__,
        "name": name,
        "simd": simd,
        "threads": thread_limit(),
    }

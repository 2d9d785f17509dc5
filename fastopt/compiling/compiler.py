"""Compile plain functions: link them, identify them by content, cache the result.

`jit` compiles a linked function with Numba, once per content in this process and once per machine.
"""

import collections
import gc
import os
import time
import types
from typing import Any

import llvmlite.binding as llvm
import numba

from fastopt.algorithms.compile_hints import CALLED, HINT, REORDERED
from fastopt.compiling import code_walk, content_digest, disk_cache, numba_internals, type_keys
from fastopt.compiling.linker import link, undecorated
from fastopt.compiling.numba_internals import COUNTED, UNCOUNTED, Dispatcher, config, serialize
from fastopt.compiling.shortcuts.cpu_shortcuts import shortcuts

# Options of Numba for all code. Divisions and roots follow IEEE instead of raising, which also lets
# them vectorise; multiply-adds may contract. Never nnan or ninf: they remove checks for divergence.
FLAGS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
# Without reference counting, for args that are arrays and numbers: the loop allocates nothing and
# owns no array. This saves two atomic operations per evaluation and a fifth of the time to compile.
NO_REFCOUNT: dict[str, Any] = {**FLAGS, **UNCOUNTED}
REFCOUNTED: dict[str, Any] = {**FLAGS, **COUNTED}  # explicit, since callees inherit it
SEPARATE: dict[str, Any] = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "forceinline": True,
}
# Thresholds of garbage collection during compilation. Compilation creates a million objects, most
# of which survive: with Python's own thresholds, a sixth of the time was spent scanning them.
RARELY = 100_000, 20, 100
_compiled: dict = {}  # digest -> compiled function, and objects that must stay alive
_users: dict = {}  # content of a user's function, and options -> the same
_passing: collections.deque = collections.deque()  # entries valid in this process only, by age
_linked: dict = {}  # identities of a function and its bindings -> compiled function
_ordering: list = []  # start times of the running compilations with ordered reductions
numba_config: Any = config  # untyped, since its names are created at run time

_lock: Any = numba_internals.global_compiler_lock
if hasattr(os, "register_at_fork"):
    # A child forked while another thread compiles could never compile: forking waits for the lock.
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


def is_compiled(function):
    """Return True if `function` is an @njit function."""
    return type(function) is numba_internals.CPUDispatcher or isinstance(function, Dispatcher)


def inline(function, original, loop=NO_REFCOUNT):
    """Decorate a linked inner function: compiled by itself if its hint says so, else inlined.

    Compiling the solve loop took 4.1 s with everything inline, half of it in Numba's inliner, which
    rescans the caller each time. Separate functions took 3.6 s, this takes 2.5 s.
    """
    if not hasattr(original, HINT):
        return numba.njit(inline="always", **loop)(function)
    hint = getattr(original, HINT)
    options = REFCOUNTED if hint is True else loop
    options = {**SEPARATE, **options, "forceinline": hint not in (CALLED, REORDERED)}
    if hint == REORDERED:
        options["fastmath"] = {"contract", "reassoc"}
    return numba.njit(**options)(function)


def inline_refcounted(function, original):
    """Decorate like `inline`, for loops that pass lists, dicts or similar to the objective."""
    return inline(function, original, REFCOUNTED)


def require_compiler(what, instead):
    """Raise a RuntimeError if compilation is disabled in this process."""
    if numba_config.DISABLE_JIT:
        raise RuntimeError(
            f"{what} needs Numba's compiler, which NUMBA_DISABLE_JIT turns off{instead}; "
            "fastopt.minimize, value_and_grad and kernels work without it"
        )


def content_of(function, bindings, *more):
    """Return the content of `function` linked with `bindings`: everything that linking reaches."""
    return content_digest.Linked().content(link(function, bindings, undecorated, suffix=""), *more)


def jit(function, bindings, refcounted=False, atomic=False):
    """Link `function` with `bindings` and compile it for the CPU, once per content.

    `refcounted` says that arguments are counted references; `atomic` says that no other thread may
    run Python during the call.
    """
    require_compiler("this call", "")
    # Identical objects have the same content, since bindings never change; comparing ids is quick.
    key = function, refcounted, atomic, *bindings, *map(id, bindings.values())
    known = _linked.get(key)
    if known is None:
        content = content_of(function, bindings, refcounted, *(["atomic"] if atomic else []))
        known = _once(content, lambda: _jitted(function, bindings, refcounted, atomic, content))
        known = known, tuple(bindings.values())
        _store(_linked, key, known, content)
        for old in [*_linked][:-1000]:
            _linked.pop(old, None)
    return known[0]


def _jitted(function, bindings, refcounted, atomic, content):
    wrap = inline_refcounted if refcounted else inline
    linked = link(function, bindings, wrap, suffix=f"_{content.digest[:16]}")
    loop = REFCOUNTED if refcounted else NO_REFCOUNT
    options: dict[str, Any] = {**loop, "no_cfunc_wrapper": True, "nogil": not atomic}
    compiled: Any = numba.njit(**options)(linked)
    with_ordered_reductions(compiled)
    if content.cacheable:
        numba_internals.set_cache(compiled, disk_cache.DiskCache(content.digest))
    return compiled


def _once(content, make):
    """Return what `make` returns for a content; it is called once per content."""
    known = _compiled.get(content.digest)
    if known is None:
        known = make(), content  # kept alive, since its digest may contain the ids of objects
        _store(_compiled, content.digest, known, content)
    return known[0]


def _store(table, key, value, content):
    """Store a value; of those valid in this process only, keep 200, since they may be large."""
    table[key] = value
    if not content.cacheable:
        _passing.append((table, key))
        if len(_passing) > 200:
            old, key = _passing.popleft()
            old.pop(key, None)


def with_ordered_reductions(compiled):
    """Let LLVM vectorise loops with sums while it compiles `compiled` and its callees.

    A sum over a loop, `s += r * r`, must be added up in order. By default LLVM then leaves the
    entire loop scalar on x86. With this option it computes the terms in vectors and adds them in
    order. The bits are the same, and the fit of a decay is four times as fast. The option is one of
    the process, so it is reset afterwards; Numba's lock keeps other compilations out until then.
    """
    # LLVM ends the process at an option that it does not have; it has had this one since 13.
    if not is_compiled(compiled) or not 13 <= llvm.llvm_version_info[0] <= 22:
        return
    numba_internals.wrap_compilation(compiled, _ordered)


def _ordered(original):
    def compile(args, return_type):
        with _lock, shortcuts():
            llvm.set_option("", "-force-ordered-reductions=true")
            _ordering.append(time.perf_counter())
            often = gc.get_threshold()
            gc.set_threshold(*RARELY)
            try:
                return original(args, return_type)
            finally:
                gc.set_threshold(*often)
                _ordering.pop()
                if not _ordering:
                    llvm.set_option("", "-force-ordered-reductions=false")

    return compile


def seconds():
    """Return the seconds since the current compilation began, or zero."""
    began = _ordering[:1]
    return time.perf_counter() - began[0] if began else 0.0


def ensure_njit(function, name):
    """Return a plain function as an @njit one, together with the plain functions that it calls."""
    if is_compiled(function):
        return function
    if not isinstance(function, types.FunctionType):
        raise TypeError(
            f"{name} is called from a compiled loop: it must be a plain or an @njit function, "
            f"not {function!r}"
        )

    def decorate(rebuilt, original):
        return original if is_compiled(original) else numba.njit(rebuilt)

    def make():
        return link(function, {}, decorate, top=decorate, follow=is_plain, suffix="")

    content = content_digest.of(function, plain=True)
    return _once(content._replace(digest=f"plain {content.digest}"), make)


def is_plain(value):
    """Return True for a plain function of the user's without an `@overload` for it."""
    plain = isinstance(value, types.FunctionType) and not code_walk.is_named(value)
    return plain and id(value) not in type_keys.extensions.functions


def is_linked(value):
    """Return True for a function that Numba may have compiled with globals changed since then."""
    return is_compiled(value) or (callable(value) and id(value) in type_keys.extensions.jitable)


def called(value):
    """Return an @njit function with its current globals, for calls from Python; others as given."""
    if not is_compiled(value):
        return value
    content = content_digest.of(value)
    content = content._replace(digest=f"called {content.digest}")

    def decorate(function, original):
        options: Any = {"nopython": True, **getattr(original, "targetoptions", {})}
        return numba.jit(**options)(function)

    def make():
        suffix = f"_{content.digest[-16:]}"
        compiled = link(value, {}, decorate, top=decorate, follow=is_linked, suffix=suffix)
        if content.cacheable:
            numba_internals.set_cache(compiled, disk_cache.DiskCache(content.digest))
        return compiled

    return _once(content, make)


def user(function, replace=None, checked=False):
    """Recompile the user's @njit function, and return it with its content.

    It gets its current globals and our error model. `replace` is that of `link`, from
    `substitutions.meanings`. The function keeps its own fast-math flags, plus "contract"; "reassoc"
    is never added. `checked` code raises an IndexError if it indexes out of bounds.
    """
    decorate = _recompile_with_boundscheck if checked else _recompile
    content = content_digest.of(function)
    how = {"top": decorate, "follow": is_linked, "replace": replace}
    key = content.digest, checked, id(replace)
    known = _users.get(key)
    if known is None:
        linked, name = link(function, {}, decorate, suffix="", **how), getattr(replace, "name", "")
        whole = content_digest.Linked().content(linked, name)
        suffix = f"_{whole.digest[:16]}"
        linked = _once(whole, lambda: link(function, {}, decorate, suffix=suffix, **how))
        known = linked, whole, content, replace  # kept alive, since keys contain their ids
        _store(_users, key, known, content)
    return known[:2]


def _recompile_with_boundscheck(function, original):
    # Not parallel, since an error raised inside a prange does not leave it.
    return _recompile(function, original, boundscheck=True, parallel=False)


def _recompile(function, original, **more):
    given = {**getattr(original, "targetoptions", {}), **more}
    math = given.get("fastmath") or set()
    math = {"fast"} if math is True else {*math, "contract"}
    kept = {k: given[k] for k in ("parallel", "boundscheck", "error_model") if k in given}
    options: dict = {**REFCOUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, **kept}
    options["fastmath"] = math
    return numba.njit(**options)(function)


def dumps(value, name):
    """Return `value` as bytes that another process can load, functions of the user's included."""
    try:
        return serialize.dumps(value)
    except Exception as error:
        raise TypeError(f"{name} cannot be sent to other processes: {error}") from None


loads = serialize.loads


def thread_limit():
    """Return `numba.get_num_threads()`, without starting Numba's thread pool as that would."""
    started = numba_internals.thread_pool_started()
    return numba.get_num_threads() if started else numba_config.NUMBA_NUM_THREADS


def processor():
    """Return a description of the processor that Numba compiles for."""
    context: Any = numba_internals.cpu_target.target_context
    _, name, features = context.codegen().magic_tuple()
    widths = {"+avx512f": "512-bit vectors", "+avx2": "256-bit vectors", "+neon": "128-bit vectors"}
    simd = next((text for flag, text in widths.items() if flag in features.split(",")), "no SIMD")
    return {"numba": numba.__version__, "name": name, "simd": simd, "threads": thread_limit()}

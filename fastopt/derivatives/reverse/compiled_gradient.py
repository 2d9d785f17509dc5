"""Gradients by reverse mode as compiled functions, which can be called anywhere."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import contextlib
import dis
import functools
import hashlib
import inspect
import warnings
from typing import Any

import numba
from numba import types

from fastopt.compiling import compiler, content_digest, disk_cache, numba_internals, numba_pipelines
from fastopt.compiling.linker import NARROWING_MARK
from fastopt.derivatives.forward.numpy_support import elementwise_functions, linear_algebra
from fastopt.derivatives.reverse.code import counting, lost, tuples
from fastopt.derivatives.reverse.code.activity import Activity
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.loops import Loops
from fastopt.derivatives.reverse.code.program import Program
from fastopt.derivatives.reverse.runtime.store import new_store
from fastopt.derivatives.reverse.sweeps import checkpoints
from fastopt.derivatives.reverse.sweeps.needs import Needs
from fastopt.derivatives.reverse.sweeps.writer import Sweeps

__all__ = ["NotReversible", "check", "gradient", "new_store"]

_gradients: dict = {}  # content of a user's function -> its gradient, and what must stay alive


def gradient(fun, fast=True, adds=False):
    """Return a compiled function ``(x, g, store, *args)`` that writes the gradient, returns f.

    `fun` is an @njit function. `store` is from `new_store`, and belongs to one thread. With `adds`
    the gradient is added to g.
    """
    content = content_digest.of(fun)
    key = content.digest, fast, adds
    if key not in _gradients:
        _gradients[key] = _gradient(fun, fast, adds, content), content
    return _gradients[key][0]


def keeping_states(made):
    """Return a gradient that keeps states of loops, or None if `made` is already such a one.

    It keeps less, and runs the loops twice. From now on `gradient` returns it in place of `made`.
    """
    key, make, content = made.origin
    if _gradients[key][0] is made and not made.keeps_states:
        _gradients[key] = make(content, keeps_states=True), content
    now = _gradients[key][0]
    return None if now is made else now


def check(fun, x, args, fast=True):
    """Return `gradient(fun)`, compiled for these types; raise NotReversible if it has none."""
    made = gradient(fun, fast)
    g, store = types.Array(x.dtype, x.ndim, "C"), types.Array(types.int64, 1, "C")
    kinds = numba_pipelines.folded(made, (x, g, store, *args))[0]
    try:
        with _quietly():
            made.compile(kinds)
    except NotReversible:
        raise
    except Exception as error:
        if not isinstance(error, numba.NumbaError):
            raise
        raise NotReversible(f"its gradient does not compile: {error}") from error
    return made


@contextlib.contextmanager
def _quietly():
    """Leave out Numba's advice on code that is not the user's, such as products of views."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", numba.NumbaPerformanceWarning)
        yield


def _gradient(fun, fast, adds, content, keeps_states=False):
    linked = _linked(fun, fast)

    def gradient(x, g, store, *args):
        return linked(x, *args)

    text = f"gradient {content.digest} {fast} {adds}{' keeps states' * keeps_states}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    gradient.__name__ = gradient.__qualname__ = f"gradient_{digest[:16]}"
    options = {**compiler.REFCOUNTED, **_kept(fun), "nogil": True}
    made: Any = numba.njit(pipeline_class=numba_pipelines.Replacing, **options)(gradient)
    made.keeps_states = keeps_states
    made.origin = (
        (content.digest, fast, adds),
        functools.partial(_gradient, fun, fast, adds),
        content,
    )
    made.blocks_for = functools.cache(
        functools.partial(
            _blocks, linked, fast, adds, keeps_states, options["fastmath"] == {"contract"}
        )
    )
    numba_pipelines.replaced_functions[gradient] = made
    compiler.with_ordered_reductions(made)
    if content.cacheable:
        numba_internals.set_cache(made, disk_cache.DiskCache(digest))
    return made


def _kept(fun):
    given = getattr(fun, "targetoptions", {})
    math = given.get("fastmath") or set()
    math = {"fast"} if math is True else {*math, "contract"}
    kept = {k: given[k] for k in ("boundscheck", "error_model") if k in given}
    return {**kept, "fastmath": math}


def _linked(fun, fast):
    """Return the function with its current globals, and functions that Numba inlines."""
    table = elementwise_functions.FAST if fast else elementwise_functions.EXACT
    table = {**table, **linear_algebra.STAND_INS}  # NaN, and no error, as in forward mode
    replace = {id(original): ours for original, ours in table.items()}

    def inlined(function, original):
        function.__globals__.pop(NARROWING_MARK, None)
        return numba.njit(inline="always", **compiler.REFCOUNTED)(function)

    def top(function, original):
        function.__globals__.pop(NARROWING_MARK, None)
        return numba.njit(**compiler.REFCOUNTED)(function)

    made = compiler.link(fun, {}, inlined, top=top, follow=compiler.is_linked, replace=replace)
    _refuse_recursion(made, ())
    return made


def _refuse_recursion(function, callers):
    plain = function.py_func
    if function in callers:
        code = plain.__code__
        loc = numba_internals.ir.Loc(code.co_filename, code.co_firstlineno)
        raise NotReversible("it calls itself", loc)
    cells = [c.cell_contents for c in plain.__closure__ or ()]
    known = [plain.__globals__.get(name) for name in _globals(plain.__code__)]
    for value in {id(v): v for v in cells + known if compiler.is_compiled(v)}.values():
        _refuse_recursion(value, (*callers, function))


def _globals(code):
    """Yield the names of globals alone: a method may have the name of the function."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _globals(constant)


def _blocks(linked, fast, adds, keeps_states, strict, kinds):
    """Return the blocks of the gradient for these types of x and args."""
    folded, given = numba_pipelines.folded(linked, kinds)
    try:
        with _quietly():
            found = numba_pipelines.typed_code(linked, folded)
    except (NotReversible, MemoryError):
        raise
    except Exception as error:  # of any kind: Numba's own faults in code that it does not know
        raise NotReversible(f"it does not compile: {error}") from error
    func_ir, typemap, calltypes, result = found
    if not isinstance(result, types.Number | types.Boolean) or isinstance(result, types.Complex):
        raise NotReversible(f"it returns {result}", func_ir.loc)
    program = Program(func_ir, typemap, calltypes, given)
    loops = Loops(program)
    counting.count(program, loops)
    tuples.dissolve(program, loops)
    loops.close()
    activity = Activity(program)
    lost.refuse(program, activity)
    needs = Needs(program, loops, activity, strict)
    thrifty = checkpoints.states(program, loops, activity, needs) if keeps_states else {}
    return Sweeps(program, loops, activity, needs, fast, func_ir.loc, thrifty).write(adds)

"""Which functions are compiled by themselves: those with a hint where they are defined."""

import ast
import pathlib
import re

import numba
import numpy as np
import pytest

import fastopt
from fastopt.algorithms import solve_loop
from fastopt.algorithms.compile_hints import HINT, separate, separate_refcounted, separate_reordered
from fastopt.compiling import compiler

ROOT = pathlib.Path(fastopt.__file__).parent
# Code that is linked into a loop. In the last ones every function may get arrays of the user's.
LINKED = [*ROOT.glob("algorithms/*.py"), *ROOT.glob("rules/*.py"), ROOT / "schedules.py"]
LINKED += [ROOT / "targets" / "cpu" / "steps" / "step_by_address.py"]
NAMES = "differences", "gradient_methods", "minibatch_gradients"
OF_USERS = [ROOT / "derivatives" / f"{name}.py" for name in NAMES]


def unmarked(x):
    return 2.0 * x + 1.0


@separate
def marked(x):
    return 2.0 * x + 1.0


@separate_refcounted
def counted(x):
    return 2.0 * x + 1.0


def outer_unmarked(x):
    return unmarked(x[0]) * 3.0


def outer_marked(x):
    return marked(x[0]) * 3.0


def outer_counted(x):
    return counted(x[0]) * 3.0


def linked(function, loop=compiler.NO_REFCOUNT):
    """Compile a function, with what it calls decorated as in a loop; return these, and itself."""
    inner = []

    def wrap(new, original):
        inner.append(compiler.inline(new, original, loop))
        return inner[-1]

    follow = {unmarked, marked, counted}.__contains__
    top = compiler.link(function, {}, wrap, top=lambda new, _: numba.njit(new), follow=follow)
    assert top(np.array([4.0])) == 27.0
    return top, *inner


def calls_in_ir(compiled):
    """Return how many calls are left of Numba's IR, after it has inlined functions."""
    (text,) = (made.type_annotation for made in compiled.overloads.values())
    return len(re.findall(r" = call ", str(text)))


def test_a_function_without_a_hint_is_inlined_by_numba():
    """Nothing is compiled for the function itself; it is the default."""
    top, inner = linked(outer_unmarked)
    assert not inner.overloads
    assert calls_in_ir(top) == 0


@pytest.mark.parametrize("function", [outer_marked, outer_counted], ids=lambda f: f.__name__)
def test_a_function_with_a_hint_is_compiled_by_itself(function):
    top, inner = linked(function)
    assert len(inner.overloads) == 1
    assert calls_in_ir(top) == 1


@pytest.mark.parametrize("loop", [compiler.NO_REFCOUNT, compiler.REFCOUNTED])
def test_references_are_counted_where_a_function_may_hold_arrays(loop):
    _, plain = linked(outer_marked, loop)
    _, holding = linked(outer_counted, loop)
    assert plain.targetoptions["_nrt"] is loop["_nrt"]
    assert holding.targetoptions["_nrt"] is True


def test_sums_are_reordered_only_where_a_hint_says_so():
    for hint, flags in ((separate, {"contract"}), (separate_reordered, {"contract", "reassoc"})):
        original = hint(lambda x: x + 1.0)
        assert compiler.inline(original, original).targetoptions["fastmath"] == flags


def test_hints_change_nothing_for_the_interpreter():
    def plain():
        return 1.0

    assert separate(plain) is plain
    assert separate_refcounted(plain) is plain


def test_linked_functions_keep_their_hints():
    """A function may be linked twice: first with some bindings, then with others."""
    once = compiler.link(marked, {}, compiler.undecorated)
    assert once is not marked
    assert hasattr(once, HINT)
    assert not hasattr(compiler.link(unmarked, {}, compiler.undecorated), HINT)


def test_hints_are_part_of_the_content():
    """Code that was compiled with another hint is not taken from the cache."""

    def plain(x):
        return x + 1.0

    inlined = compiler.content_of(plain, {}).digest
    alone = compiler.content_of(separate(plain), {}).digest
    counting = compiler.content_of(separate_refcounted(plain), {}).digest
    reordered = compiler.content_of(separate_reordered(plain), {}).digest
    assert len({inlined, alone, counting, reordered}) == 4


def test_the_package_s_own_functions_do_as_they_say():
    """Of what a sweep calls, `copy` has a hint and `clip` none."""
    assert hasattr(solve_loop.copy, HINT)
    assert not hasattr(solve_loop.clip, HINT)
    decided = {}
    for function in (solve_loop.copy, solve_loop.clip):
        options = compiler.inline(function, function).targetoptions
        decided[function.__name__] = options.get("inline", "never"), options.get("forceinline")
    assert decided == {"copy": ("never", True), "clip": ("always", None)}


def test_users_functions_are_never_inlined_by_numba():
    """The hints are for the package: a function of the user's is a function of its own."""

    @numba.njit
    def fun(x):
        return x[0] * x[0]

    again, _ = compiler.user(fun)
    assert again.targetoptions.get("inline", "never") == "never"
    assert compiler.ensure_njit(unmarked, "fun").targetoptions.get("inline", "never") == "never"


def functions(file):
    return [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.FunctionDef)]


def hints(function):
    names = {d.id for d in function.decorator_list if isinstance(d, ast.Name)}
    return {name for name in names if name.startswith("separate")}


@pytest.mark.parametrize("file", LINKED, ids=lambda f: f.name)
def test_functions_with_loops_have_a_hint(file):
    """Numba's inliner scans the caller again for each: a loop inlined costs a second to compile."""
    for function in functions(file):
        if any(isinstance(node, ast.For | ast.While) for node in ast.walk(function)):
            assert hints(function), f"{function.name} of {file.name} has a loop: mark it @separate"


@pytest.mark.parametrize("file", OF_USERS, ids=lambda f: f.name)
def test_functions_that_may_hold_arrays_of_users_have_a_hint(file):
    for function in functions(file):
        if function.name != "on_frozen":  # for CUDA only
            assert hints(function) == {"separate_refcounted"}, f"{function.name} of {file.name}"

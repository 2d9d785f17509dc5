"""What fastopt spares Numba changes nothing but the code generator's rewriting before linking."""

import re

import numba
import numpy as np
import pytest
from numba.core import base, codegen, cpu, inline_closurecall, ir, postproc, ssa, targetconfig
from numba.core.typing import npydecl

from fastopt.compiling.shortcuts.cpu_shortcuts import KNOWN, shortcuts


@numba.njit(inline="always")
def inner(a, b):
    s = a
    for k in range(3):
        if s > b:
            s = s - k * b
    return s


@numba.njit(inline="always")
def middle(a, b):
    total = inner(a, b)
    return total + inner(b, total) if a > 0.5 else total


def counted(n):
    for k in range(n):
        yield 0.5 * k


def outer(x):
    s = 0.0
    for i in range(x.size):
        for v in values(3):
            s += middle(x[i], v) * middle(v, s) + np.sum(np.exp(x[:i]))
    return s


values = numba.njit(counted)


def code():
    compiled = numba.njit(outer)
    result = compiled(np.array([0.3, 0.9, 1.4]))
    (text,) = compiled.inspect_llvm().values()
    return result, re.findall(r"^ +(?:%\S+ = )?(\w+)", text, re.MULTILINE)  # but for names


def found():
    inliner = inline_closurecall.InlineWorker
    flags = targetconfig.TargetConfig
    compiled = codegen.CPUCodeLibrary._finalize_final_module, cpu.CPUContext.get_executable
    return (
        *compiled,
        postproc.PostProcessor.run,
        inliner.inline_function,
        flags.__eq__,
        flags.__hash__,
        npydecl.NumpyRulesArrayOperator.generic,
        ir.Assign.list_vars,
        ssa._run_ssa,
        base.BaseContext.get_abi_sizeof,
        base.BaseContext.get_abi_alignment,
        ssa._run_block_rewrite,
    )


def test_this_numba_is_known():
    """The shortcuts are off with a newer one, until somebody has compared its functions."""
    assert numba.version_info.short >= KNOWN[0]
    if numba.version_info.short > KNOWN[1]:
        pytest.skip(f"Numba {numba.__version__} is newer than the last that shortcuts know")


def test_the_same_code():
    """Of functions without whole-number divisions: see `test_linked_code_has_one_form`."""
    with shortcuts():
        ours = code()
    assert ours == code()
    assert len(ours[1]) > 100


def test_numbas_functions_are_put_back():
    numbas, hashed = found(), hash(targetconfig.TargetConfig())
    with shortcuts():
        within = found()
        with shortcuts():
            assert found() == within
        assert found() == within
        assert hash(targetconfig.TargetConfig()) == hashed
    assert not set(within) & set(numbas)
    assert found() == numbas
    assert inline_closurecall.copy.deepcopy([1]) == [1]


@pytest.mark.filterwarnings("ignore:Code running in object mode")
def test_object_mode_and_generators():
    """Its lowering reads what is left out for others."""

    @numba.njit
    def fun(x):
        with numba.objmode(a="float64"):
            a = {"a": 1.5}["a"]
        for v in values(3):
            a += v
        return (x[0] - a) ** 2

    with shortcuts():
        assert fun(np.zeros(1)) == 9.0


def part(a, limit):
    if a > limit:
        raise ValueError("too large", a)
    return 2.0 * a


def linked(function):
    """Return the function as compiled without wrappers, and compiled code that calls it."""
    inside = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    return inside, numba.njit(lambda a: inside(a, 0.75) + 1.0)


def test_machine_code_is_made_where_it_is_asked_for():
    with shortcuts():
        inside, whole = linked(inner.py_func)
        assert whole(2.0) == inner.py_func(2.0, 0.75) + 1.0
    (made,) = inside.overloads.values()
    assert "get_pointer_to_function" in vars(made.library)
    assert made.library.get_pointer_to_function(made.fndesc.llvm_func_name) != 0
    assert "get_pointer_to_function" not in vars(made.library)


def shared(a, b, c, n, m):
    p = a * b
    q = n // (m | np.uint64(1))  # on most processors the code generator splits a division
    return p + c + q


@pytest.mark.parametrize("first", [False, True])
def test_linked_code_has_one_form(first):
    """What is linked is what the optimiser made, even if machine code of it was made before."""
    flags = {"fastmath": {"contract"}, "error_model": "numpy"}
    args = 1.0 + 2.0**-30, 1.0 - 2.0**-30, -1.0, np.uint64(3), np.uint64(7)
    inside = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **flags)(shared)
    whole = numba.njit(**flags)(lambda a, b, c, n, m: inside(a, b, c, n, m))
    with shortcuts():
        inside.compile(tuple(map(numba.typeof, args)))
        (made,) = inside.overloads.values()
        optimised = str(made.library._final_module)
        if first:
            made.library.get_pointer_to_function(made.fndesc.llvm_func_name)
        assert whole(*args) == pytest.approx(0.0, abs=2.0**-59)
    linked = str(made.library._get_module_for_linking())
    assert linked.count("udiv") == optimised.count("udiv") == 1


def test_errors_made_at_run_time_keep_their_numbers():
    with shortcuts():
        _, whole = linked(part)
        assert whole(0.5) == 2.0
    with pytest.raises(ValueError, match="too large") as caught:
        whole(0.875)
    assert caught.value.args == ("too large", 0.875)


def factorial(n):
    return 1.0 if n <= 1 else n * factorial(n - 1)


def odd(n, a):
    return 0.0 if n == 0 else a * even(n - 1, a)


def even(n, a):
    return 1.0 if n == 0 else a + odd(n - 1, a)


def test_functions_that_call_themselves_or_each_other(monkeypatch):
    """The first compiled code that awaits the address of a function may call one left out."""
    with shortcuts():
        for function in (factorial, odd, even):
            inside = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
            monkeypatch.setitem(globals(), function.__name__, inside)
        whole = numba.njit(lambda a: factorial(3) * even(4, a) + odd(3, a))
        assert whole(2.0) == 6.0 * 10.0 + 8.0

"""The scalars and arrays of a run, by name: their order in files, and that code uses it."""

import ast
import inspect

import numba
import numpy as np
import pytest

from fastopt.algorithms import automatic_rate, fixed_rate, problem_arrays, run_state
from fastopt.algorithms.problem_arrays import Iterates, Workspace
from fastopt.algorithms.run_state import FRESH, SCALARS, Run, Search
from fastopt.targets.common import intrinsics

# The order of the scalars in files: a file of an earlier version must not be read in another one.
IN_FILES = """status nit nfev njev f gnorm lowest carry moved least mark mark_gnorm stalled returned
norm reference weight step slope fraction first_pull first_f kept reached tries latest
lowest_at""".split()
TAKEN_APART = {"run": Run, "search": Search, "iterates": Iterates, "workspace": Workspace}


def unpacked(module):
    """Yield (name of the tuple, names of the variables) of each unpacking in a module."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        assigned = isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
        if assigned and isinstance(node.targets[0], ast.Tuple):
            yield node.value.id, [element.id for element in node.targets[0].elts]


@pytest.mark.parametrize("module", [automatic_rate, fixed_rate])
def test_variables_have_the_names_of_their_fields(module):
    found = [(TAKEN_APART[name]._fields, names) for name, names in unpacked(module)]
    assert len(found) >= 3
    for fields, names in found:
        assert len(names) == len(fields)
        assert all(name in ("_", field) for name, field in zip(names, fields, strict=True))


def test_order_of_the_record():
    assert [*SCALARS] == IN_FILES
    run = Run(**{name: float(k) for k, name in enumerate(IN_FILES[:9])}, search=Search(*range(18)))
    assert run_state.flattened(run) == (*range(9), *range(18))
    places = run_state.STATUS, run_state.NIT, run_state.NFEV, run_state.NJEV, run_state.F
    assert places == (0, 1, 2, 3, 4)
    assert len(FRESH) == 27


@numba.njit
def loaded_and_stored(template, record, out):
    run = intrinsics.load_run(template, np.float64, record)
    intrinsics.store_run(run, out)
    return run


@pytest.mark.parametrize("form", [automatic_rate.RUN, fixed_rate.RUN])
@pytest.mark.parametrize("stride", [1, 3])
def test_record_of_compiled_code(form, stride):
    """The scalars are where the interpreter finds them, in arrays of any strides, and in tuples."""
    record = np.arange(27.0 * stride, dtype=np.float32)[::stride]
    out = np.full(27, -1.0, np.float32)
    run = loaded_and_stored(form, record, out)
    assert run == run_state.load_run(form, float, record)
    assert run.nfev == 2.0 * stride
    assert run.search == (() if form.search == () else Search(*(stride * k for k in range(9, 27))))
    count = len(run_state.flattened(form))
    assert count == (9 if form.search == () else 27)
    np.testing.assert_array_equal(out[:count], record[:count])
    np.testing.assert_array_equal(out[count:], -1.0)
    assert loaded_and_stored(form, FRESH, out.copy()) == form


@pytest.mark.parametrize("auto", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
def test_arrays_by_name(auto, bounded):
    names = problem_arrays.vectors(auto, bounded, (True, False, True))
    at = {name: name for name in (*names, "best_f", *(("pairs", "along") if auto else ()))}
    x, iterates, workspace, state = problem_arrays.assembled(at, (True, False, True))
    assert x == ("x" if auto else "new")
    assert state == ("slot 0", x, "slot 2")
    assert [*iterates] == [*iterates._fields]
    assert workspace[:2] == (("low", "high") if bounded else (x, x))
    assert workspace[2:5] == ("best_x", "best_g", "best_f")
    assert workspace[5:] == (("scale", "pairs", "along") if auto else ((), (), ()))
    assert {*names} <= {*iterates, *workspace, *state}

"""Keys of compiled code: each binding that linking reaches counts, and what users can edit."""

import os
import pathlib
import py_compile
import subprocess
import sys
import types
import zipfile

import numba
import numpy as np
import pytest
from numba.core import types as numba_types

import fastopt
from fastopt import rules
from fastopt.algorithms import batch_worker, objective_evaluation, solve_loop
from fastopt.algorithms import minibatch as epochs
from fastopt.algorithms.training import distance_rate, given_rate
from fastopt.compiling import code_walk, compiler, content_digest, type_keys
from fastopt.derivatives import minibatch_gradients
from fastopt.drivers import objective_bindings
from fastopt.inputs import run_options
from fastopt.targets.common import row_access
from fastopt.targets.cpu import batch_threads, calls_by_address
from fastopt.targets.cpu import cpu_target as cpu


@numba.njit
def fun(x):
    return (x[0] - 1.0) ** 2


def objective(size):
    rule = rules.get("adam")
    x = np.zeros(size)
    settings = run_options.parse(rule, None, None, x.dtype)
    return objective_bindings.build(fun, "forward", (np.zeros(100),), settings, x)


def bindings():
    rule = rules.get("adam")
    own = {name: getattr(row_access, name) for name in ("rows", "put", "first_rows", "prefetch")}
    bound = cpu.rule_bindings(rule, rule.S(*(True for _ in rule.S._fields)), np.dtype(float))
    return {
        **bound,
        **batch_threads.BINDINGS,
        **calls_by_address.BINDINGS,
        **own,
        **objective(20).bindings,
        "mean_and_gradient": minibatch_gradients.BY_ROWS["derived"],
        "SIZE": 0,
        "take_step": distance_rate.step,
    }


def another(a, b=1.0):
    return b


def changed(value):
    """Return something else of its kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return 2 * value + 1
    if isinstance(value, numba_types.Type):
        return numba_types.int8
    if isinstance(value, tuple):
        return tuple(not v for v in value)
    return numba.njit(another)


TEXTS = (
    cpu.solve,
    cpu.solve_at_pointer,
    cpu.solve_in_registers,
    solve_loop.sweep,
    objective_evaluation.evaluate,
    batch_worker.worker_loop,
    epochs.through,
    epochs.turn,
    given_rate.step,
)


@pytest.mark.parametrize("text", TEXTS, ids=lambda f: f.__name__)
def test_every_binding_that_is_reached_is_in_the_key(text):
    bound = bindings()
    before = compiler.content_of(text, bound)
    assert before == compiler.content_of(text, dict(bound))
    reached, seen = set(), set()
    linked = [compiler.link(text, bound, compiler.undecorated)]
    while linked:
        f = linked.pop()
        if id(f) in seen:
            continue
        seen.add(id(f))
        for name, value in f.__globals__.items():
            if name in bound:
                reached.add(name)
            if isinstance(value, types.FunctionType):
                linked.append(value)
    assert reached
    for name in bound:
        after = compiler.content_of(text, {**bound, name: changed(bound[name])})
        assert (after.digest != before.digest) == (name in reached), name


def test_one_pass_or_several_are_other_code():
    bound = bindings()
    few, many = ({**bound, **objective(n).bindings, "SIZE": 0} for n in (12, 20))
    assert few["DUAL"] == many["DUAL"]
    assert compiler.content_of(cpu.solve, few) != compiler.content_of(cpu.solve, many)


def test_modules_without_a_file_are_the_users():
    assert not code_walk.is_library(types.ModuleType("fastopt.config"))
    assert not code_walk.is_library(types.ModuleType("config"))
    for name in ("math", "sys", "numpy", "numba"):
        assert code_walk.is_library(__import__(name))


def test_a_borrowed_name_is_no_name():
    def mine(x):
        return x

    mine.__module__, mine.__qualname__ = "numpy", "sum"
    assert not code_walk.is_named(mine)
    assert code_walk.is_named(np.sum)


def test_types_of_classes_do_not_last():
    @numba.experimental.jitclass([("k", numba.float64)])
    class Point:
        def __init__(self):
            self.k = 1.0

    kind = numba.typeof(Point())
    assert not type_keys.is_cacheable(kind)
    assert not type_keys.is_cacheable(numba_types.Tuple([numba_types.int64, kind]))
    assert type_keys.is_cacheable(numba.typeof((np.zeros(3), 1, "a", [1.0])))


ZIPPED = """
import sys
sys.path.insert(0, sys.argv[1])
from fastopt.compiling import content_digest
assert sys.argv[1] in content_digest.__file__
print(content_digest.package_digest())
"""


def test_the_package_in_an_archive_has_a_digest(tmp_path):
    root = pathlib.Path(fastopt.__file__).parent
    found = []
    for more in ("", "# edited"):
        archive = tmp_path / f"fast{len(more)}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for source in root.rglob("*.py"):
                tail = more if source.name == "automatic_rate.py" else ""
                file.writestr(f"fastopt/{source.relative_to(root)}", source.read_text() + tail)
        found.append(digest_in_another_process(archive))
    assert found[0] == content_digest.package_digest()
    assert len(set(found)) == 2


def test_the_package_in_byte_code_alone_has_a_digest(tmp_path):
    root, found = pathlib.Path(fastopt.__file__).parent, []
    for more in ("", "EDITED = 1"):
        folder = tmp_path / f"fast{len(more)}"
        for source in root.rglob("*.py"):
            file = folder / "fastopt" / source.relative_to(root)
            file.parent.mkdir(parents=True, exist_ok=True)
            tail = more if source.name == "automatic_rate.py" else ""
            file.write_text(source.read_text() + tail)
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            name = str(file.relative_to(folder))
            py_compile.compile(file, file.with_suffix(".pyc"), name, invalidation_mode=mode)
            file.unlink()
        found.append(digest_in_another_process(folder))
    assert len({content_digest.package_digest(), *found}) == 3


def digest_in_another_process(path):
    env = {**os.environ, "PYTHONPATH": ""}
    command = [sys.executable, "-c", ZIPPED, str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) == 64
    return done.stdout.strip()


def test_arrays_of_one_function_are_of_x_own_type():
    """The stand-ins for np.zeros differ by the dual alone, which their text does not say."""

    @numba.njit
    def scratch(x):
        r = np.zeros(3)
        for i in range(3):
            r[i] = np.exp(0.3 * x[i]) - 1.0
        return np.sum(r)

    f = fastopt.value_and_grad(scratch)
    for dtype, bound in ((np.float64, 1e-15), (np.float32, 1e-6), (np.float64, 1e-15)):
        value, gradient = f(np.ones(3, dtype))
        assert gradient.dtype == dtype
        assert abs(value - 3 * np.expm1(0.3)) < 10 * bound
        np.testing.assert_allclose(gradient, 0.3 * np.exp(0.3), rtol=10 * bound)

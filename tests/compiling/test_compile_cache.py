"""Compiled code is found again by content: by other processes, and never for other content."""

import shutil
import sys

import numba
import numpy as np
import pytest
import warm
from processes import finish, start

import fastopt

RUN = """
import fastopt

def run():
    options = {"learning_rate": 0.25, "maxiter": 60}
    args = globals().get("ARGS", ())
    return round(fastopt.minimize(fun, [0.0], args, method="sgd", options=options).x_last[0], 3)
"""
SWEEP = """
import numpy as np
from fastopt import rules
from fastopt.targets.cpu import cpu_target as cpu

def run():
    rule = rules.get("sgd")
    x = np.zeros(3, np.float32)
    cpu.sweep(rule, rule.S(False), x, x + 1, np.float32([1, 1, 1, 0, 0, 1]), (x,))
    return x.tolist()
"""
NJIT = "import numpy as np\nfrom numba import njit\n"
# Objectives with their minimum at CENTRE, which is one number first and another one later.
OBJECTIVES = {
    "source": "@njit\ndef fun(x):\n    return (x[0] - CENTRE) ** 2\n",
    "constant": "C = CENTRE\n@njit\ndef fun(x):\n    return (x[0] - C) ** 2\n",
    "frozen_array": "C = np.array([CENTRE])\n@njit\ndef fun(x):\n    return (x[0] - C[0]) ** 2\n",
    "helper": """
@njit
def move(v):
    return v - CENTRE
@njit
def fun(x):
    return move(x[0]) ** 2
""",
    "closure": """
def make(c):
    @njit
    def fun(x):
        return (x[0] - c) ** 2
    return fun
fun = make(CENTRE)
""",
    "closure_over_function": """
def make(move):
    @njit
    def fun(x):
        return move(x[0]) ** 2
    return fun
fun = make(njit(lambda v: v - CENTRE))
""",
    "argument": """
ARGS = (njit(lambda v: v - CENTRE),)
@njit
def fun(x, shift):
    return shift(x[0]) ** 2
""",
    "default": "@njit\ndef fun(x, c=CENTRE):\n    return (x[0] - c) ** 2\n",
    "record": """
from collections import namedtuple
P = namedtuple("P", "a b")(0.0, CENTRE)
@njit
def fun(x):
    return (x[0] - P.b) ** 2
""",
    "module": "import parts\n@njit\ndef fun(x):\n    return (x[0] - parts.C) ** 2\n",
    "module_closure": """
def make():
    import parts
    @njit
    def fun(x):
        return (x[0] - parts.C) ** 2
    return fun
fun = make()
""",
    "module_function": "import parts\n@njit\ndef fun(x):\n    return parts.move(x[0]) ** 2\n",
    "submodule": "import pack.sub\n@njit\ndef fun(x):\n    return (x[0] - pack.sub.C) ** 2\n",
}
PARTS = "from numba import njit\nC = CENTRE\n@njit\ndef move(v):\n    return v - CENTRE\n"
OLD, NEW = 2.0, 5.0


def write(folder, centre):
    """All objectives, each as a module."""
    files = {f"{name}.py": NJIT + text + RUN for name, text in OBJECTIVES.items()}
    files.update({"parts.py": PARTS, "pack/__init__.py": "", "pack/sub.py": PARTS})
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text.replace("CENTRE", str(centre)))
    (folder / "kernel.py").write_text(SWEEP)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """What three processes over one cache answered and compiled, and the files they left."""
    root = tmp_path_factory.mktemp("history")
    cache, work, again = root / "cache", root / "work", root / "again"
    modules = ["kernel", *OBJECTIVES]
    write(work, OLD)
    cold = finish(start(cache, [work], *modules))["results"][0]
    write(work, NEW)
    edited = finish(start(cache, [work], *modules))["results"][0]
    write(again, OLD)
    files = sorted(cache.iterdir())
    both = finish(start(cache, [work, again], *modules))["results"]
    return cold, edited, both, (files, sorted(cache.iterdir()))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_edit_is_compiled_anew(history, name):
    cold, edited, _, _ = history
    (old, compiled), (new, compiled_again) = cold[name], edited[name]
    assert old == pytest.approx(OLD, abs=1e-3)
    assert new == pytest.approx(NEW, abs=1e-3)
    assert min(compiled, compiled_again) > 0


@pytest.mark.parametrize("name", OBJECTIVES)
def test_another_process_does_not_compile_again(history, name):
    """Both contents, under one name, are loaded by one process; each answers for itself."""
    (new, compiled), (old, compiled_again) = (answers[name] for answers in history[2])
    assert new == pytest.approx(NEW, abs=1e-3)
    assert old == pytest.approx(OLD, abs=1e-3)
    if name != "argument":  # Numba keeps no code that calls functions which it is given
        assert compiled == compiled_again == 0


def test_kernels_of_the_library_are_compiled_once(history):
    cold, edited, both, _ = history
    step = 3 * [-1.0]
    assert cold["kernel"][0] == step
    assert cold["kernel"][1] > 0
    assert [r["kernel"] for r in (edited, *both)] == 3 * [[step, 0]]


def test_a_warm_process_writes_nothing(history):
    before, after = history[-1]
    assert before == after
    assert {f.suffix for f in after} == {".nbc"}  # nothing half-written either


def test_two_contents_of_one_name_do_not_meet(tmp_path):
    """Compiled by processes that numbered their functions alike, then loaded by a third."""
    folders, cache = [tmp_path / "old", tmp_path / "new"], tmp_path / "cache"
    caches = [tmp_path / "old cache", tmp_path / "new cache"]
    for folder, own, centre in zip(folders, caches, (OLD, NEW), strict=True):
        write(folder, centre)
        warm.fill(own)
    names = "source", "helper"
    for process in [start(c, [f], *names) for c, f in zip(caches, folders, strict=True)]:
        finish(process)
    for each in caches:
        shutil.copytree(each, cache, dirs_exist_ok=True)
    for name in names:
        done = finish(start(cache, folders, name))["results"]
        expected = [[pytest.approx(centre, abs=1e-3), 0] for centre in (OLD, NEW)]
        assert [result[name] for result in done] == expected


def test_processes_may_share_a_cold_directory(tmp_path):
    work, cache = tmp_path / "work", tmp_path / "cache"
    write(work, OLD)
    processes = [start(cache, [work], "source") for _ in range(2)]
    for done in map(finish, processes):
        assert done["results"][0]["source"][0] == pytest.approx(OLD, abs=1e-3)
        assert done["warnings"] == []
    assert {f.suffix for f in cache.iterdir()} == {".nbc"}
    assert finish(start(cache, [work], "source"))["results"][0]["source"][1] == 0


def test_the_cache_can_be_turned_off(tmp_path):
    work, cache = tmp_path / "work", tmp_path / "cache"
    write(work, OLD)
    for _ in range(2):
        done = finish(start(cache, [work], "kernel", FASTOPT_CACHE="0"))
        assert done["results"][0]["kernel"][1] > 0
        assert done["warnings"] == []
    assert not cache.exists()


def test_an_unwritable_directory_is_one_warning(tmp_path):
    work, file = tmp_path / "work", tmp_path / "file"
    file.write_text("")  # a directory below a file cannot be made, not even by root
    write(work, OLD)
    done = finish(start(file / "cache", [work], "kernel", "source"))
    assert done["results"][0]["kernel"][0] == 3 * [-1.0]
    assert done["results"][0]["source"][0] == pytest.approx(OLD, abs=1e-3)
    (warning,) = done["warnings"]
    assert str(file / "cache") in warning
    assert "FASTOPT_CACHE_DIR" in warning


# Within one process.

CENTRE = OLD
ARRAY = np.array([0.0, OLD])


@numba.njit
def move(v):
    return v - OLD


@numba.njit
def by_constant(x):
    return (x[0] - CENTRE) ** 2


@numba.njit
def by_array(x):
    return (x[0] - ARRAY[1]) ** 2


@numba.njit
def by_helper(x):
    return move(x[0]) ** 2


def answer(fun):
    options = {"learning_rate": 0.25, "maxiter": 60}
    return fastopt.minimize(fun, [0.0], method="sgd", options=options).x_last[0]


def rebind(name, value):
    return lambda patch: patch.setattr(sys.modules[__name__], name, value)


@pytest.mark.parametrize(
    ("fun", "change"),
    [
        (by_constant, rebind("CENTRE", NEW)),
        (by_array, rebind("ARRAY", np.array([0.0, NEW]))),
        (by_helper, rebind("move", numba.njit(lambda v: v - NEW))),
    ],
    ids=["constant", "array", "helper"],
)
def test_a_rebound_global_counts_at_the_next_call(fun, change, monkeypatch):
    assert answer(fun) == pytest.approx(OLD, abs=1e-6)
    change(monkeypatch)
    assert answer(fun) == pytest.approx(NEW, abs=1e-6)
    monkeypatch.undo()
    assert answer(fun) == pytest.approx(OLD, abs=1e-6)


def test_a_rebound_closure_value_counts_at_the_next_call():
    centre = OLD

    @numba.njit
    def fun(x):
        return (x[0] - centre) ** 2

    assert answer(fun) == pytest.approx(OLD, abs=1e-6)
    centre = NEW
    assert answer(fun) == pytest.approx(NEW, abs=1e-6)


def test_an_array_changed_in_place_counts_at_the_next_call():
    point = np.array([0.0, OLD])

    @numba.njit
    def fun(x):
        return (x[0] - point[1]) ** 2

    assert answer(fun) == pytest.approx(OLD, abs=1e-6)
    point[1] = NEW
    assert answer(fun) == pytest.approx(NEW, abs=1e-6)


SLOPES = """
import numpy as np
from numba import njit
import fastopt

@njit
def fun(x, c):
    return (x[0] - c[0]) ** 2 * x[1]

slope = fastopt.value_and_grad(fun, size=2)

def run():
    f, g = slope(np.array([3.0, 2.0]), np.array([CENTRE]))
    single = slope(np.array([3, 2], np.float32), np.array([CENTRE]))[1]
    return f, g.tolist(), single.tolist()
"""


def test_derivatives_alone_are_kept(tmp_path):
    """Another process loads them, also with other data; an edit is compiled."""
    cache, work = tmp_path / "cache", tmp_path / "work"
    work.mkdir()

    def look(text):
        (work / "slopes.py").write_text(text)
        return finish(start(cache, [work], "slopes"))["results"][0]["slopes"]

    answers = [look(SLOPES.replace("CENTRE", "1.0")) for _ in range(2)]
    assert answers[0][0] == answers[1][0] == [8.0, [8.0, 4.0], [8.0, 4.0]]
    assert answers[0][1] > 0
    assert answers[1][1] == 0
    edited = look(SLOPES.replace("CENTRE", "1.0").replace("** 2 *", "** 2 * 3 *"))
    assert edited[0] == [24.0, [24.0, 12.0], [24.0, 12.0]]
    assert edited[1] > 0


FUNCTION_AS_ARGUMENT = """
from numba import njit
import fastopt

after = njit(lambda v: v + 1.0)
fun = njit(lambda x, g: (x[0] - g(2.0)) ** 2)

def run():
    return fastopt.minimize(fun, [3.5], (after,)).x.tolist()
"""


def test_functions_as_arguments_in_a_second_process(tmp_path):
    """What it loads may name a function that no code there has: it once wrote to address zero."""
    cache, work = tmp_path / "cache", tmp_path / "work"
    work.mkdir()
    (work / "given.py").write_text(FUNCTION_AS_ARGUMENT)
    for _ in range(2):
        answer, _ = finish(start(cache, [work], "given"))["results"][0]["given"]
        assert answer == [pytest.approx(3.0)]

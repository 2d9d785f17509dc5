"""What the tests import is in the extra that the README installs for them."""

import ast
import functools
import pathlib
import re
import sys
import tomllib

from each import each

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = "tests", "benchmarks", "examples"
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
OWN = {"fastopt", "benchmarks", "noxfile", *(file.stem for file in FILES)}
OWN |= {file.parent.name for file in FILES}
# Which distribution brings a module, if their names differ or another one brings it along.
BROUGHT = {
    "sklearn": "scikit-learn",
    "PIL": "matplotlib",
    "asv_runner": "asv",
    "llvmlite": "numba",
    "numba_cuda": "numba-cuda",
    "distributed": "dask",
}
# Programs that run in processes of their own where the extra `peers` is installed, and scripts that
# write tests/data.
OF_PEERS = ["benchmarks/contests/programs/*.py", "tests/data/*.py"]


@functools.cache
def distributions():
    """Names of what `pip install '.[test]'` brings, and of the extra for peers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = lambda lines: {re.match(r"[\w.-]+", line)[0] for line in lines}  # noqa: E731
    return named(project["dependencies"] + extras["test"]), named(extras["peers"])


def at_import(nodes):
    """Names of modules that are imported, and of those that importorskip guards.

    Functions are not looked into: what they import is imported when they are called.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0], node
        elif isinstance(node, ast.If | ast.With | ast.Try | ast.ClassDef):
            yield from at_import(ast.iter_child_nodes(node))


def guards(nodes):
    """Calls of importorskip at the top of a module: the module, the keywords."""
    for node in nodes:
        call = getattr(node, "value", None)
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "importorskip":
            yield call.args[0].value.partition(".")[0], {word.arg for word in call.keywords}


@each(FILES, lambda file: str(file.relative_to(ROOT)))
def test_imports_are_in_the_extra(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    test, peers = distributions()
    skipped = dict(guards(tree.body))
    allowed = test | (peers if any(map(file.relative_to(ROOT).match, OF_PEERS)) else set())
    if file.relative_to(ROOT).match("tests/data/*.py"):
        allowed |= {"keras"}
    for name, node in at_import(tree.body):
        if name in OWN or name in sys.stdlib_module_names or name in skipped:
            continue
        where = f"{file.name}, line {node.lineno}"
        assert BROUGHT.get(name, name) in allowed, (
            f"{where} imports {name}: add its distribution to the extra `test` in pyproject.toml, "
            "or guard it by pytest.importorskip with a reason"
        )


def test_skipped_imports_have_a_reason():
    for file in FILES:
        for name, keywords in guards(ast.parse(file.read_text(encoding="utf-8")).body):
            own = name in OWN  # its own sentence says what is missing
            assert own or "reason" in keywords, f"{file.name}: why is {name} not there?"


def test_a_missing_one_is_found(tmp_path):
    tree = ast.parse("import os\nif True:\n    import no_such\ndef f():\n    import later\n")
    assert [name for name, _ in at_import(tree.body)] == ["os", "no_such"]

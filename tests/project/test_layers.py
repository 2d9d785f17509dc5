"""The shape of the package: who may import whom, and how little `import fastopt` does."""

import ast
import functools
import graphlib
import pathlib
import subprocess
import sys
import tokenize

import pytest
from each import each

import fastopt

ROOT = pathlib.Path(fastopt.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Folders from the top of the house to the bottom: a file imports only from floors below its own,
# or from its own folder. Of the files beside fastopt/__init__.py, three stand further down.
FLOORS = [
    ".",
    "kernels",
    "intervals",
    "api",
    "optimizers",
    "drivers/fits",
    "drivers/training",
    "drivers",
    "drivers/certificates",
    "inputs",
    "results",
    "storage",
    "targets",
    "targets/cuda/fits",
    "targets/cuda",
    "targets/cuda/steps",
    "targets/cpu/training",
    "targets/cpu/solvers",
    "targets/cpu",
    "targets/cpu/steps",
    "targets/common",
    "derivatives",
    "derivatives/reverse",
    "derivatives/reverse/sweeps",
    "derivatives/reverse/adjoints",
    "derivatives/reverse/code",
    "derivatives/reverse/runtime",
    "derivatives/reverse/python_tape",
    "derivatives/reverse/array_adjoints",
    "derivatives/forward",
    "derivatives/forward/numpy_support",
    "derivatives/forward/operators",
    "derivatives/forward/lazy",
    "derivatives/forward/duals",
    "derivatives/plain_python",
    "derivatives/rules",
    "elementary",
    "arrays",
    "compiling",
    "compiling/shortcuts",
    "schedules.py",
    "rules",
    "algorithms/fits",
    "algorithms/training",
    "algorithms",
    "concurrency",
    "_sentences.py",
    "_version.py",
]
# Neither target imports the other.
APART = {("targets/cuda", "targets/cpu")}
MAY_IMPORT_NUMBA = {"targets", "derivatives", "elementary", "compiling"}
MATHEMATICS = {"rules", "algorithms"}

each_file = each(FILES, lambda file: str(file.relative_to(ROOT)))


def floor_of(file):
    """The folder of a file, or its name where that has a floor of its own."""
    place = file.relative_to(ROOT)
    found = place.name if place.as_posix() in FLOORS else place.parent.as_posix()
    assert found in FLOORS, f"say in FLOORS where {found} stands"
    return found


@functools.cache
def imports(file):
    """Dotted names that a file imports anywhere, also inside functions."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@functools.cache
def file_of(name):
    """The file of a dotted name: a module, or what stands in one; None outside of the package."""
    parts = name.split(".")[1:] if name.partition(".")[0] == "fastopt" else None
    while parts is not None:
        place = ROOT.joinpath(*parts)
        for found in (place.with_suffix(".py") if parts else place, place / "__init__.py"):
            if found.is_file():
                return found
        parts = parts[:-1] if parts else None
    return None


def imported_files(file):
    return {found for name in imports(file) if (found := file_of(name))}


@each_file
def test_imports_point_one_way(file):
    own = floor_of(file)
    for other in map(floor_of, imported_files(file)):
        below = FLOORS.index(other) > FLOORS.index(own) and (own, other) not in APART
        assert below or other == own, f"{own} imports {other}"


def test_no_files_import_each_other():
    table = {file: imported_files(file) - {file} for file in FILES}
    graphlib.TopologicalSorter(table).prepare()  # raises CycleError, with the circle


@each_file
def test_only_the_engine_room_imports_numba(file):
    heads = {name.partition(".")[0] for name in imports(file)}
    top = floor_of(file).partition("/")[0]
    assert not heads & {"numba", "llvmlite"} or top in MAY_IMPORT_NUMBA


@each_file
def test_only_the_cuda_target_imports_cuda(file):
    if file.relative_to(ROOT).as_posix() == "targets/cuda/cuda_target.py":
        assert "numba.cuda" in imports(file)
    else:
        assert not [n for n in imports(file) if n.startswith(("numba.cuda", "numba_cuda", "cuda"))]


@each_file
def test_the_mathematics_knows_no_target(file):
    if floor_of(file) in MATHEMATICS:
        assert {floor_of(other) for other in imported_files(file)} <= MATHEMATICS
        outside = {name.partition(".")[0] for name in imports(file)} - {"fastopt"}
        assert outside <= {*"math collections typing functools importlib pkgutil numpy".split()}


@each_file
def test_files_are_short(file):
    assert len(file.read_text().splitlines()) <= 300


def test_folders_are_small():
    """A rule is one file of one folder, so that rules do not count."""
    for folder in {file.parent for file in FILES}:
        files = [file for file in folder.glob("*.py") if file.name != "__init__.py"]
        if folder.name == "rules":
            files = [file for file in files if file.stem not in fastopt.methods()]
        assert len(files) <= 15, folder


FRESH = """
import sys
from numba.core import event

class Counter(event.Listener):
    passes = 0
    def on_start(self, event):
        Counter.passes += 1
    def on_end(self, event):
        pass

event.register("numba:run_pass", Counter())
import fastopt
assert fastopt.methods() and fastopt.minimize and fastopt.schedules
unwanted = "scipy.optimize numba.cuda numba_cuda matplotlib tqdm fastopt.targets.cuda.cuda_target"
print(Counter.passes, [name for name in unwanted.split() if name in sys.modules])
"""


def test_import_is_light():
    """It compiles nothing and loads neither CUDA, scipy.optimize, matplotlib nor tqdm."""
    out = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=False)
    assert out.stdout.strip() == "0 []", out.stdout + out.stderr


# Names that were replaced by those of the field, or by what they mean.
GONE = set(
    "BEAT HELD Held LOOK OWN ROOM _held chosen call_on held held_loss hold_at opened solve_held "
    "under_way".split()
)


@each_file
def test_names_that_are_gone_stay_away(file):
    with file.open("rb") as code:
        tokens = list(tokenize.tokenize(code.readline))
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    assert not names & GONE


def test_each_names_what_fails():
    @each(["first", "second"], str.upper)
    def check(item):
        assert item == "first", "it is another"

    with pytest.raises(AssertionError, match="SECOND: it is another") as failure:
        check()
    assert "FIRST" not in str(failure.value)

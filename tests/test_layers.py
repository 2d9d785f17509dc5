"""The shape of the package: who may import whom, and how little `import fastopt` does."""

import ast
import pathlib
import subprocess
import sys

import pytest

import fastopt

ROOT = pathlib.Path(fastopt.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Imports point one way: a module may import only from lower layers, or from its own package.
LAYERS = [
    {"_interrupts", "_shortcuts"},
    {
        "_open",
        "_status",
        "_save",
        "_styles",
        "_tree",
        "_kinds",
        "_folder",
        "_turns",
    },
    {"_run", "rules", "_fingerprint", "_cache", "_narrow", "schedules"},
    {"_link"},
    {"_content"},
    {"_compile"},
    {"_arguments", "_indices"},
    {"_descent", "_evaluate", "_feed", "_fields", "_reads", "_digest"},
    {"_value_content"},
    {"_identity"},
    {"_checkpoint"},
    {"_metric", "_textbook", "_epochs"},
    {"_search"},
    {"elementary"},
    {"derivatives"},
    {"targets"},
    {"kernels"},
    {"_dispatch", "_objective", "_options", "_result", "_progress"},
    {"_inputs", "_keywords", "_problem", "_spare", "_tables", "_batch_result", "_batch_checkpoint"},
    {"_settings", "_arrays"},
    {"_device_problem", "_training", "_works", "_states"},
    {"_rows", "_saved"},
    {"_updates"},
    {"_minimize", "_optimizers", "_config", "_batch_inputs", "_stochastic_inputs"},
    {"_classes"},
    {"_scipy", "_gradients", "_local"},
    {"_spread"},
    {"_batch", "_stochastic"},
    {"_multistart", "_precompile"},
    {"precompile"},
    {""},  # fastopt itself: the public names
]
MAY_IMPORT_NUMBA = {
    *("_compile", "_cache", "_content", "_fingerprint", "_indices", "_kinds", "_shortcuts"),
    *("targets", "derivatives", "elementary"),
}

each_file = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))


def part(file):
    """The layer's name: of fastopt/targets/cpu.py, targets; of fastopt/__init__.py, ''."""
    first = file.relative_to(ROOT).with_suffix("").parts[0]
    return "" if first == "__init__" else first


def level(name):
    found = [i for i, layer in enumerate(LAYERS) if name in layer]
    assert found, f"say in LAYERS where {name} stands"
    return found[0]


def imports(file):
    """Dotted names that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_parts(file):
    """Parts of fastopt that a file imports."""
    for name in imports(file):
        first, _, rest = name.partition(".")
        if first == "fastopt" and rest != "__version__":
            head = rest.partition(".")[0]
            yield head if (ROOT / head).is_dir() or (ROOT / f"{head}.py").exists() else ""


@each_file
def test_imports_point_one_way(file):
    own = part(file)
    for other in imported_parts(file):
        assert level(other) < level(own) or other == own, f"{own} imports {other}"


@each_file
def test_only_the_engine_room_imports_numba(file):
    heads = {name.partition(".")[0] for name in imports(file)}
    assert not heads & {"numba", "llvmlite"} or part(file) in MAY_IMPORT_NUMBA


@each_file
def test_only_the_cuda_target_imports_cuda(file):
    if file.relative_to(ROOT).as_posix() == "targets/cuda.py":
        assert "numba.cuda" in imports(file)
    else:
        assert not [n for n in imports(file) if n.startswith(("numba.cuda", "numba_cuda", "cuda"))]


@each_file
def test_the_mathematics_knows_no_target(file):
    if part(file) in ("rules", "_descent", "_metric", "_textbook", "_search"):
        allowed = {"rules", "_open", "_run", "_status", "_descent", "_metric"}
        assert set(imported_parts(file)) <= allowed
        outside = {name.partition(".")[0] for name in imports(file)} - {"fastopt"}
        assert outside <= {"math", "collections", "typing", "functools", "importlib", "pkgutil"}


@each_file
def test_files_are_short(file):
    assert len(file.read_text().splitlines()) <= 300


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
unwanted = "scipy.optimize numba.cuda numba_cuda matplotlib tqdm fastopt.targets.cuda"
print(Counter.passes, [name for name in unwanted.split() if name in sys.modules])
"""


def test_import_is_light():
    """It compiles nothing and loads neither CUDA, scipy.optimize, matplotlib nor tqdm."""
    out = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=False)
    assert out.stdout.strip() == "0 []", out.stdout + out.stderr

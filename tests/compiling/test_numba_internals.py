"""Everything that the package uses of Numba besides its public interface is there, in this Numba.

A failure names what has moved, and the file that uses it. The package itself is read, not imported,
so that the tests run when it cannot be imported. `tests/cuda_compile/test_kernel_cache.py` has the
same for numba-cuda.
"""

import ast
import functools
import importlib
import pathlib
import types

import numba
import numpy as np
import pytest
from each import each
from numba.core import callconv, cgutils, codegen, compiler, cpu, imputils, ir, ssa, targetconfig
from numba.core.registry import cpu_target
from numba.core.rewrites.registry import rewrite_registry
from numba.core.typing import templates
from numba.np import arrayobj
from numba.np.ufunc import parallel

ROOT = pathlib.Path(__file__).parents[2] / "fastopt"
FILES = sorted(ROOT.rglob("*.py"))
INTERNAL = ["llvm_arrays", "numba_internals", "numba_lowerings", "numba_pipelines"]
INTERNAL = [ROOT / "compiling" / f"{name}.py" for name in INTERNAL]
INTERNAL += sorted((ROOT / "compiling" / "shortcuts").glob("*_shortcuts.py"))
# Modules of Numba that all files may import; `cgutils` is in Numba's guide to extensions.
PUBLIC = {"numba", "numba.types", "numba.extending", "numba.core.cgutils", "numba.cuda"}
# `StructProxy._getvalue` is in that guide, too. The others are Python's, NumPy's and executors'.
PUBLIC_NAMES = {"_getvalue", "_asdict", "_fields", "_field_defaults", "_make", "_replace"}
PUBLIC_NAMES |= {"_rand", "_inst", "_max_workers", "_client"}
each_file = each(FILES, lambda file: str(file.relative_to(ROOT)))
OF_CUDA = {"_Kernel", "_get_kernel_context", "_reduce_states", "_item", "_ary"}
OF_CUDA |= {"_linking_libraries", "_llvm_strs", "_module", "_nvvm_options"}


@functools.cache
def nodes(file):
    return list(ast.walk(ast.parse(file.read_text())))


def numbas(file):
    """Return what a file imports from Numba: its name there -> (module, name or None)."""
    found = {}
    for node in nodes(file):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "numba":
            found |= {a.asname or a.name: (node.module, a.name) for a in node.names}
        elif isinstance(node, ast.Import):
            parts = [a.name for a in node.names if a.name.partition(".")[0] == "numba"]
            found |= {name.partition(".")[0]: (name, None) for name in parts}
    return found


def attributes(file, names):
    """Return pairs (name, attribute) of what a file reads of these names."""
    return {
        (node.value.id, node.attr)
        for node in nodes(file)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in names
    }


INTERNALS = {name: place for file in INTERNAL for name, place in numbas(file).items()}


def passed_on(file):
    """Return the names that a file imports from the internal modules, with their place in Numba."""
    return {
        a.asname or a.name: INTERNALS[a.name]
        for node in nodes(file)
        if isinstance(node, ast.ImportFrom) and node.module in OURS
        for a in node.names
        if a.name in INTERNALS
    }


OURS = {f"fastopt.compiling.{file.stem}" for file in INTERNAL}


def require(module, name, file):
    """Return a name of a module; say who uses it if it is not there."""
    said = f"Numba {numba.__version__} has no {module}.{name}, which {file.name} uses: it has moved"
    try:
        owner = importlib.import_module(module)
    except ImportError:
        pytest.fail(said)
    if hasattr(owner, name):
        return getattr(owner, name)
    try:
        return importlib.import_module(f"{module}.{name}")
    except ImportError:
        pytest.fail(said)


@each_file
def test_names_are_where_they_were(file):
    """Names that are imported, and what is read of the modules among them."""
    if "cuda" in file.parts:
        return
    found = {k: (m, n) for k, (m, n) in {**numbas(file), **passed_on(file)}.items() if n}
    values = {key: require(module, name, file) for key, (module, name) in found.items()}
    for key, attribute in sorted(attributes(file, values)):
        if isinstance(values[key], types.ModuleType):
            require(values[key].__name__, attribute, file)


def add(a, b):
    return a + b


class Cache:
    """A cache that remembers what Numba asks of it."""

    cache_path = ""

    def __init__(self):
        self.asked, self.result = [], None

    def load_overload(self, signature, context):
        self.asked.append("load_overload")

    def save_overload(self, signature, result):
        self.asked.append("save_overload")
        self.result = result

    def flush(self):
        pass

    enable = disable = flush


@pytest.fixture(scope="module")
def compiled():
    """Return a function that was compiled with a cache and a wrapped compiler, and these."""
    function: object = numba.njit(add)
    cache, calls, original = Cache(), [], function._compiler.compile

    def compile(args, return_type):
        calls.append(args)
        return original(args, return_type)

    function._cache, function._compiler.compile = cache, compile
    assert function(1, 2) == 3
    return function, cache, calls


@pytest.fixture(scope="module")
def extensions():
    """Return the templates of an overload, a method and an intrinsic, as Numba registers them."""
    registry, known = templates.builtin_registry, {}

    def own(x):
        """Do nothing; this is a function to overload."""

    def typed(x):
        return lambda x: x

    def doubled(context, x):
        return x(x), lambda context, builder, signature, args: args[0]

    class Kind(numba.types.Type):
        def __init__(self):
            super().__init__("Kind")

    numba.extending.overload(own)(typed)
    known["overload"] = registry.functions[-1], typed
    numba.extending.overload_method(Kind, "method_of_this_test")(typed)
    known["method"] = registry.attributes[-1], typed
    known["intrinsic"] = numba.extending.intrinsic(doubled), doubled
    known["typed"] = registry.functions[-1], doubled
    return known


def cached(compiled, extensions):
    return compiled[1].asked == ["load_overload", "save_overload"]


def wrapped(compiled, extensions):
    return len(compiled[2]) == 1 and len(compiled[2][0]) == 2


def restored(compiled, extensions):
    function, cache, _ = compiled
    again = compiler.CompileResult._rebuild(function.targetctx, *cache.result._reduce())
    return again.signature == cache.result.signature and again.entry_point(2, 3) == 5


def no_address(compiled, extensions):
    engine = compiled[1].result.library.codegen._engine
    return engine.get_global_value_address("no_symbol_of_this_name") == 0


def known_assignments(compiled, extensions):
    known = compiler.run_frontend(add)._definitions
    return all(isinstance(values, list) for values in known.values()) and "a" in known


def counts_references(compiled, extensions):
    """Only code that counts references can make an array."""

    def make():
        return np.zeros(2)

    assert numba.njit(_nrt=True)(make)().size == 2
    with pytest.raises(numba.TypingError):
        numba.njit(_nrt=False)(make)()
    return True


def allocator(compiled, extensions):
    made = [getattr(t, "_attr", None) for t in templates.builtin_registry.attributes]
    return "_allocate" in made and callable(arrayobj.intrin_alloc)


# Private name -> whether it is as the package uses it. Names of modules are above.
TOUCHES = {
    "_cache": cached,
    "_compiler": wrapped,
    "_reduce": restored,
    "_rebuild": restored,
    "_engine": no_address,
    "_replace": lambda c, e: c[1].result._replace(referenced_envs=()).signature is not None,
    "_definitions": known_assignments,
    "_nrt": counts_references,
    "_reset_analysis_variables": lambda c, e: callable(ir.FunctionIR._reset_analysis_variables),
    "_kws": lambda c, e: ir.Expr("cast", ir.unknown_loc)._kws == {},
    "_allocate": allocator,
    "_dispatcher": lambda c, e: numba.vectorize(add)._dispatcher.py_func is add,
    "_numba_type_": lambda c, e: hasattr(numba.typed.List, "_numba_type_"),
    "_is_initialized": lambda c, e: isinstance(parallel._is_initialized, bool),
    "_defn": lambda c, e: e["intrinsic"][0]._defn is e["intrinsic"][1],
    "_definition_func": lambda c, e: e["typed"][0]._definition_func is e["typed"][1],
    "_overload_func": lambda c, e: e["overload"][0]._overload_func is e["overload"][1],
    "_impl_cache": lambda c, e: isinstance(e["overload"][0]._impl_cache, dict),
    "_attr": lambda c, e: e["method"][0]._attr == "method_of_this_test",
    "_get_return_status": lambda c, e: hasattr(callconv.CPUCallConv, "_get_return_status"),
    "_empty_nd_impl": lambda c, e: callable(arrayobj._empty_nd_impl),
    "_dynfunc": lambda c, e: callable(cpu._dynfunc.make_function),
    "_ensure_finalized": lambda c, e: (
        next(iter(c[0].overloads.values())).library._ensure_finalized() is None
    ),
    "_finalize_final_module": lambda c, e: all(
        hasattr(codegen.JITCodeLibrary, name)
        for name in (
            "_finalize_final_module",
            "_finalize_dynamic_globals",
            "_verify_declare_only_symbols",
            "_get_compiled_object",
        )
    ),
    "_get_module_for_linking": lambda c, e: (
        c[0].__name__ in str(next(iter(c[0].overloads.values())).library._get_module_for_linking())
    ),
    "_codegen": lambda c, e: isinstance(
        next(iter(c[0].overloads.values())).library._codegen, codegen.Codegen
    ),
    "_final_module": lambda c, e: (
        c[0].__name__ in str(next(iter(c[0].overloads.values())).library._final_module)
    ),
    "_rtlinker": lambda c, e: hasattr(cpu_target.target_context.codegen(), "_rtlinker"),
    "_unresolved": lambda c, e: isinstance(codegen.RuntimeLinker()._unresolved, dict),
    "_run_ssa": lambda c, e: callable(ssa._run_ssa),
    "_values": lambda c, e: targetconfig.TargetConfig()._values == {},
    "_getvalue": lambda c, e: hasattr(
        cgutils.create_struct_proxy(numba.types.complex128), "_getvalue"
    ),
}
# Others that Numba does not document -> the same.
UNDOCUMENTED = {
    "pipeline_class": lambda c, e: c[0]._compiler.pipeline_class is compiler.Compiler,
    "special_ops": lambda c, e: isinstance(cpu_target.target_context.special_ops, dict),
    "rewrites": lambda c, e: (
        {"before-inference", "after-inference"} <= {*rewrite_registry.rewrites}
    ),
    "typing registry": lambda c, e: all(
        isinstance(getattr(templates.builtin_registry, name), list)
        for name in ("functions", "globals", "attributes")
    ),
    "lowering registry": lambda c, e: all(
        len(entry) == 3 for entry in imputils.builtin_registry.functions
    ),
}


@pytest.mark.parametrize("name", [*TOUCHES, *UNDOCUMENTED])
def test_private_names_are_as_they_were(name, compiled, extensions):
    same = {**TOUCHES, **UNDOCUMENTED}[name](compiled, extensions)
    assert same, f"{name} of Numba {numba.__version__} is not what it was"


def private(file):
    """Return the private names of other objects that a file reads, also as strings for getattr."""
    read = set()
    for node in nodes(file):
        if isinstance(node, ast.Attribute):
            by = node.value.id if isinstance(node.value, ast.Name) else ""
            read |= {node.attr} if by not in ("self", "cls") else set()
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("attr"):
            read |= {getattr(argument, "value", None) for argument in node.args[1:2]}
        elif isinstance(node, ast.Constant) and node.value in [*TOUCHES, *OF_CUDA]:
            read.add(node.value)
    names = filter(None, map(str, read))
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def own(file):
    """Return the private names that a file defines."""
    found = set()
    for node in nodes(file):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= {node.attr} if getattr(node.value, "id", "") == "self" else set()
    return found


OWN = set().union(*map(own, set(FILES) - set(INTERNAL)))


def test_each_private_name_has_a_check():
    used = set().union(*map(private, INTERNAL)) - OF_CUDA
    assert used == set(TOUCHES)


@each_file
def test_only_these_modules_use_what_is_not_public(file):
    if file in INTERNAL:
        return
    for module, name in numbas(file).values():
        whole = f"{module}.{name}"
        public = whole in PUBLIC or (module in PUBLIC and not str(name).startswith("_"))
        assert public, f"{file.name} imports {whole}: use it in compiling/numba_internals.py"
    left = private(file) - OWN - PUBLIC_NAMES
    assert not left, f"{file.name} uses {left}: do it in compiling/numba_internals.py"


def test_what_numba_exports_is_public():
    """Names that files import from `numba` itself are in its `__all__`, or modules of `PUBLIC`."""
    taken = {place for file in FILES for place in numbas(file).values() if place[0] == "numba"}
    for _, name in taken - {("numba", None)}:
        assert name in numba.__all__ or f"numba.{name}" in PUBLIC, f"numba.{name} is not public"

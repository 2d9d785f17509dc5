"""Numba's pipelines: the types of a function's variables, and code in place of a function's.

As `numba_internals`, this uses names outside of Numba's public interface.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportPrivateImportUsage=false

import copy
import weakref
from typing import Any

from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder, Flags
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import FunctionPass, PassManager, register_pass
from numba.core.ir_utils import build_definitions, visit_vars_inner
from numba.core.typed_passes import NopythonTypeInference
from numba.core.types import BaseTuple, Omitted, StarArgTuple, StarArgUniTuple


class _Typed(FunctionPass):
    """The end of a pipeline that only infers types: it keeps what was found."""

    _name = "fastopt_typed"

    def __init__(self):
        super().__init__()

    def run_pass(self, state):
        found = state.func_ir, state.typemap, state.calltypes, state.return_type
        state.cr = found
        return False


class _TypesOnly(CompilerBase):
    def define_pipelines(self):
        passes = DefaultPassBuilder.define_untyped_pipeline(self.state, "fastopt_typed")
        passes.add_pass(NopythonTypeInference, "nopython frontend")
        passes.add_pass(_Typed, "keep the types")
        passes.finalize()
        return [passes]


class _Replace(FunctionPass):
    """The start of a pipeline whose code comes from the dispatcher's `blocks_for`."""

    _name = "fastopt_replace"

    def __init__(self):
        super().__init__()

    def run_pass(self, state):
        x, _, _, *args = state.args
        args = args[0].types if len(args) == 1 and isinstance(args[0], BaseTuple) else args
        made = replaced_functions[state.func_id.func].blocks_for((x, *args))
        state.typingctx.refresh()  # which learns of the intrinsics just made
        found = state.func_ir
        found.blocks = {label: block.copy() for label, block in made.items()}
        found._definitions = build_definitions(found.blocks)
        found._reset_analysis_variables()
        return True


class Replacing(CompilerBase):
    """A compiler of functions whose code is made for the types of their arguments."""

    is_of_fastopt = True

    def define_pipelines(self):
        passes = DefaultPassBuilder.define_untyped_pipeline(self.state, "fastopt_replacing")
        kept = [*passes.passes[:2], (_Replace, "replace the code"), passes.passes[2]]
        passes = PassManager("fastopt_replacing")
        passes.passes.extend(kept)
        typed = DefaultPassBuilder.define_typed_pipeline(self.state)
        lowering = DefaultPassBuilder.define_nopython_lowering_pipeline(self.state)
        passes.passes.extend(typed.passes)
        passes.passes.extend(lowering.passes)
        passes.finalize()
        return [passes]


register_pass(mutates_CFG=False, analysis_only=True)(_Typed)
register_pass(mutates_CFG=True, analysis_only=False)(_Replace)
replaced_functions: Any = weakref.WeakKeyDictionary()  # Python function -> its dispatcher


def typed_code(compiled, kinds):
    """Return IR, types of variables and of calls, and the result type of a function."""
    flags = Flags()
    options = {k: v for k, v in compiled.targetoptions.items() if k != "parallel"}
    compiled.targetdescr.options.parse_as_flags(flags, options)
    context, target = compiled.targetdescr.typing_context, compiled.targetdescr.target_context
    with global_compiler_lock:
        context.refresh()
        made = _TypesOnly(context, target, None, kinds, None, flags, {})
        return made.compile_extra(compiled.py_func)


def folded(compiled, kinds):
    """Return the types of a function's parameters, and where each one's argument is.

    That is -1 for x, the position among the other arguments, a list of such positions, or
    a tuple with a default.
    """
    _, found = compiled._compiler.fold_argument_types(kinds, {})
    places, k = [], -1
    for kind in found:
        if isinstance(kind, StarArgTuple | StarArgUniTuple):
            places.append(list(range(k, k + len(kind.types))))
            k += len(kind.types)
        elif isinstance(kind, Omitted):
            places.append((kind.value,))
        else:
            places.append(k)
            k += 1
    return tuple(found), places


def replace_variables(expression, table):
    """Return a copy of an expression with other variables."""
    expression = copy.copy(expression)
    expression._kws = dict(expression._kws)
    return visit_vars_inner(
        expression, lambda v, table: table.get(v.name, v) if isinstance(v, ir.Var) else v, table
    )

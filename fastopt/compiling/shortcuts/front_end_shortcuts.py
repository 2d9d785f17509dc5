"""Work that nobody reads, of Numba's passes over code and of its lowering.

numba-cuda has a copy of these passes, so that the same is left out there.
"""

import copy
import functools
import importlib
import types


@functools.cache
def front_end(core, typing):
    """Return what to replace: (owner, name, value). `core` and `typing` are names of packages."""
    names = "base", "inline_closurecall", "postproc", "ssa", "targetconfig", "transforms"
    modules = (importlib.import_module(f"{core}.{name}") for name in names)
    base, inliner, postproc, ssa, targetconfig, transforms = modules
    operators = importlib.import_module(f"{typing}.npydecl")
    return (
        (base.BaseContext, "get_abi_sizeof", _once(base.BaseContext.get_abi_sizeof)),
        (base.BaseContext, "get_abi_alignment", _once(base.BaseContext.get_abi_alignment)),
        (postproc.PostProcessor, "run", _run(postproc, transforms)),
        (inliner.InlineWorker, "inline_function", _inline_function(inliner)),
        (targetconfig.TargetConfig, "__eq__", _equal(targetconfig.TargetConfig.__eq__)),
        (targetconfig.TargetConfig, "__hash__", _hash),
        (operators.NumpyRulesArrayOperator, "generic", _operator(operators)),
        (ssa.ir.Assign, "list_vars", _list_vars(ssa.ir)),
        (ssa, "_run_ssa", _run_ssa(ssa)),
        (ssa, "_run_block_rewrite", _rewrite(ssa)),
    )


def _run(postproc, transforms):
    numbas = postproc.PostProcessor.run

    def run(self, emit_dels=False, extend_lifetimes=False):
        """Leave out which variables live at a block's start, which runs with `emit_dels` say."""
        found = self.func_ir
        if emit_dels or found.is_generator:
            return numbas(self, emit_dels, extend_lifetimes)
        found.blocks = transforms.canonicalize_cfg(found.blocks)
        found.variable_lifetime = postproc.VariableLifetime(found.blocks)
        found.generator_info = None
        return None

    return run


def _once(numbas):
    known = {}

    def of_type(self, kind):
        """Ask once for each type: LLVM parses a module for each answer."""
        key = type(self), str(kind)
        if "%" in key[1]:  # a named type, of which the text does not say what it is
            return numbas(self, kind)
        if key not in known:
            known[key] = numbas(self, kind)
        return known[key]

    return of_type


def _inline_function(inliner):
    numbas = inliner.InlineWorker.inline_function

    def inline_function(self, *args, **kwargs):
        """Inline what is made for this call alone, which needs no copies."""
        kept, inliner.copy = inliner.copy, _AS_IT_IS
        try:
            return numbas(self, *args, **kwargs)
        finally:
            inliner.copy = kept

    return inline_function


def _equal(numbas):
    def equal(self, other):
        """Compare what was set; flags are the key of every function that Numba looks up."""
        if type(self) is not type(other):
            return numbas(self, other)
        ours, others = self._values, other._values
        names = () if ours == others else {*ours, *others}
        return all(getattr(self, name) == getattr(other, name) for name in names)

    return equal


def _hash(self):
    """Return what Numba's does, which is made of the names of all flags."""
    return _hash_of(type(self))


@functools.cache
def _hash_of(cls):
    return hash(tuple(sorted(cls.options)))


def _operator(operators):
    numbas, of_arrays = operators.NumpyRulesArrayOperator.generic, operators.types.ArrayCompatible
    optional = operators.types.Optional

    def generic(self, args, kws):
        """Do not look for NumPy's loop over numbers, which would be refused when it is found."""
        kinds = (arg.type if isinstance(arg, optional) else arg for arg in args)
        if not any(isinstance(kind, of_arrays) for kind in kinds):
            return None
        return numbas(self, args, kws)

    return generic


def _list_vars(ir):
    variables = getattr(ir, "var_types", ir.Var)

    def list_vars(self):
        """Look into no other fields than those two that hold variables."""
        value = self.value
        inner = [value] if isinstance(value, variables) else self._rec_list_vars(value)
        return [self.target, *inner]

    return list_vars


_names: dict = {}  # id of a statement, or of a block's list of them -> it, and names that it reads


def _run_ssa(ssa):
    numbas = ssa._run_ssa

    def run_ssa(blocks):
        """Keep which names a statement has while variables get one assignment each."""
        _names.clear()
        try:
            return numbas(blocks)
        finally:
            _names.clear()

    return run_ssa


def _rewrite(ssa):
    """Return a rewrite that visits fewer statements.

    Numba visits each statement for each variable that is assigned more than once.
    """
    ir = ssa.ir
    assignments = getattr(ir, "assign_types", ir.Assign)

    def rewrite(blocks, states, handler):
        """Visit the statements that have the name of the variable."""
        name, made = states["varname"], {}
        for label, block in blocks.items():
            states["label"], states["block"] = label, block
            made[label] = new = ir.Block(scope=block.scope, loc=block.loc)
            if name not in _names_in(block.body):
                new.body = [*block.body]
                _names[id(new.body)] = new.body, _names_in(block.body)
                continue
            for statement in block.body:
                if name in _names_of(statement):
                    kind = "on_assign" if isinstance(statement, assignments) else "on_other"
                    statement = getattr(handler, kind)(states, statement)
                new.body.append(statement)
        return made

    return rewrite


def _names_of(statement):
    known = _names.get(id(statement))
    if known is None:
        names = {variable.name for variable in statement.list_vars()}
        known = _names[id(statement)] = statement, names
    return known[1]


def _names_in(body):
    known = _names.get(id(body))
    if known is None:
        known = _names[id(body)] = body, set().union(*map(_names_of, body))
    return known[1]


_AS_IT_IS = types.SimpleNamespace(deepcopy=lambda value: value, copy=copy.copy)

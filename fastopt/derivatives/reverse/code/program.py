"""A function as blocks of operations: Numba's typed code in single-assignment form, made plainer.

Constants are collected in front, functions of modules are constants, and items of tuples that
the function builds itself are the variables that they are.
"""

import numpy as np
from numba import types

from fastopt.compiling.numba_internals import ir
from fastopt.derivatives.forward.numpy_support import linear_algebra
from fastopt.derivatives.reverse.code import flat, in_place, lists
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.operations import Block, Op

METHODS = {name: getattr(np, name) for name in "sum mean prod min max std var dot trace".split()}
METHODS |= {name: getattr(np, name) for name in "cumsum cumprod argmin argmax any all".split()}
METHODS |= {name: getattr(np, name) for name in "ravel reshape transpose copy repeat take".split()}
METHODS |= {"flatten": np.copy, "astype": np.copy}
_ORIGINALS: dict = {ours: original for original, ours in linear_algebra.STAND_INS.items()}


class Program:
    """The blocks of a function, the types of its variables and where they are defined."""

    def __init__(self, func_ir, typemap, calltypes, arguments):
        self.types, self.calltypes, self.arguments = dict(typemap), calltypes, arguments
        self.constants: dict = {}  # name -> (Numba's value, location)
        self.blocks: dict[int, Block] = {}
        self.entry = min(func_ir.blocks)
        for label, block in func_ir.blocks.items():
            self.blocks[label] = self._block(block)
        self._next = max(self.blocks) + 1
        self.prune()
        self.merge()
        self.definitions = {
            op.target: op for b in self.blocks.values() for op in b.ops if op.target
        }
        for block in self.blocks.values():
            for op in block.ops:
                kind = self.types[op.uses[0]] if op.kind == "call" else None
                if isinstance(kind, types.BoundFunction) and isinstance(kind.this, types.Array):
                    op.owner = self.definitions[self.root(op.uses[0])]
                    op.key = METHODS.get(op.owner.value.attr)
        in_place.rewrite(self)
        lists.rewrite(self)
        flat.rewrite(self)

    def new_block(self, ops=(), end=()):
        label, self._next = self._next, self._next + 1
        self.blocks[label] = Block(ops, end)
        return label

    def new_name(self, like, kind):
        name, k = like, 0
        while name in self.types:
            k += 1
            name = f"{like}.n{k}"
        self.types[name] = kind
        return name

    def prune(self):
        """Remove the blocks that are never reached, and what they give to others."""
        seen, todo = set(), [self.entry]
        while todo:
            label = todo.pop()
            if label not in seen:
                seen.add(label)
                todo += self.blocks[label].targets
        self.blocks = {k: b for k, b in self.blocks.items() if k in seen}
        # Numba removes branches on constants, and leaves what they gave.
        ways = self.predecessors()
        for label, block in self.blocks.items():
            for op in block.ops:
                if op.kind == "phi":
                    op.value = {k: v for k, v in op.value.items() if k in ways[label]}
                    op.uses = [v for v in op.value.values() if v]

    def merge(self):
        """Make one block of two that always follow each other."""
        preds = self.predecessors()
        for label in list(self.blocks):
            block = self.blocks.get(label)
            while block is not None and block.end[0] == "jump":
                following = block.end[1]
                if len(preds[following]) > 1 or following in (self.entry, label):
                    break
                other = self.blocks.pop(following)
                for op in other.ops:
                    if op.kind == "phi":
                        if not op.value.get(label):
                            raise NotReversible(f"{op.target} may not be set", op.loc)
                        op.kind, op.uses = "copy", [op.value[label]]
                block.ops += other.ops
                block.end = other.end
                for target in other.targets:
                    preds[target] = [label if p == following else p for p in preds[target]]
                    for op in self.blocks[target].ops:
                        if op.kind == "phi" and following in op.value:
                            op.value[label] = op.value.pop(following)

    def predecessors(self):
        found: dict = {label: [] for label in self.blocks}
        for label, block in self.blocks.items():
            for target in block.targets:
                found[target].append(label)
        return found

    def type_of(self, name):
        return types.unliteral(self.types[name])

    def key_of(self, name):
        """Return the Python object that a called variable holds, or None."""
        kind = self.types[name]
        if isinstance(kind, types.Function):
            return _ORIGINALS.get(kind.typing_key, kind.typing_key)
        if isinstance(kind, types.NumberClass):
            return kind
        return None

    def constant(self, name):
        """Return the Python value of a constant, or None."""
        found = self.constants.get(name)
        return getattr(found[0], "value", None) if found else None

    def root(self, name):
        """Return the variable that `name` is a copy of."""
        op = self.definitions.get(name)
        while op is not None and op.kind == "copy":
            name = op.uses[0]
            op = self.definitions.get(name)
        return name

    def _block(self, block):
        made = Block()
        for stmt in block.body:
            if isinstance(stmt, ir.Del):
                continue
            if isinstance(stmt, ir.Assign):
                op = self._assign(stmt)
                if op is not None:
                    made.ops += in_place.updated(self, op) if op.kind == "update" else [op]
            elif isinstance(stmt, ir.SetItem):
                uses = [stmt.target.name, stmt.index.name, stmt.value.name]
                made.ops.append(Op("setitem", None, None, uses, stmt.loc))
            elif isinstance(stmt, ir.StaticSetItem):
                uses = [stmt.target.name, stmt.index_var.name, stmt.value.name]
                made.ops.append(Op("setitem", None, None, uses, stmt.loc))
            elif isinstance(stmt, ir.Jump):
                made.end = ("jump", stmt.target)
            elif isinstance(stmt, ir.Branch):
                made.end = ("branch", stmt.cond.name, stmt.truebr, stmt.falsebr)
            elif isinstance(stmt, ir.Return):
                made.end = ("return", stmt.value.name)
            elif isinstance(stmt, ir.StaticRaise | ir.StaticTryRaise | ir.Raise | ir.DynamicRaise):
                if isinstance(stmt, ir.DynamicRaise | ir.Raise):
                    raise NotReversible("an error whose text is made at run time", stmt.loc)
                made.end = ("raise", stmt)
            else:
                raise NotReversible(f"the statement `{stmt}`", stmt.loc)
        return made

    def _assign(self, stmt):
        name, value, loc = stmt.target.name, stmt.value, stmt.loc
        if isinstance(value, ir.Const | ir.Global | ir.FreeVar):
            self.constants[name] = value, loc
            return None
        if isinstance(value, ir.Arg):
            return Op("arg", name, value.index, (), loc)
        if isinstance(value, ir.Var):
            return Op("copy", name, None, [value.name], loc)
        if not isinstance(value, ir.Expr):
            raise NotReversible(f"the statement `{stmt}`", loc)
        if value.op == "phi":
            pairs = zip(value.incoming_blocks, value.incoming_values, strict=True)
            given = {k: v.name if isinstance(v, ir.Var) else None for k, v in pairs}
            return Op("phi", name, given, [v for v in given.values() if v], loc)
        if value.op == "cast" and self.types[value.value.name] == self.types[name]:
            return Op("copy", name, None, [value.value.name], loc)
        if value.op == "getattr" and isinstance(self.types[value.value.name], types.Module):
            owner = self.types[value.value.name].pymod
            self.constants[name] = ir.Global(value.attr, getattr(owner, value.attr), loc), loc
            return None
        return self._expression(name, value, loc)

    def _expression(self, name, value, loc):
        of_array = value.op in ("getitem", "static_getitem") and isinstance(
            self.types[value.value.name], types.Array
        )
        if of_array:
            index = value.index if value.op == "getitem" else value.index_var
            return Op("load", name, None, [value.value.name, index.name], loc)
        if value.op == "binop":
            return Op("binop", name, value.fn, [value.lhs.name, value.rhs.name], loc)
        if value.op == "unary":
            return Op("unary", name, value.fn, [value.value.name], loc)
        uses = [v.name for v in value.list_vars()]
        if value.op == "inplace_binop":
            if isinstance(self.types[value.lhs.name], types.Array):
                return Op("update", name, value, [value.lhs.name, value.rhs.name], loc)
            return Op("binop", name, value.immutable_fn, [value.lhs.name, value.rhs.name], loc)
        if value.op == "call":
            args = [v.name for v in value.args] + [v.name for _, v in value.kws]
            op = Op("call", name, value, [value.func.name, *args], loc)
            op.key = self.key_of(value.func.name)
            return op
        return Op("expr", name, value, uses, loc)

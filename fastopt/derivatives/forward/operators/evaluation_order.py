"""Keep array expressions in place if their operands may change before they are used.

Numba moves an operator of an array expression to the statement that uses it; so does `loop_fusion`.
Between the two there may be a call or a store that writes to an operand, as ``bump(a)`` does in
``np.dot(a * 2.0, bump(a))``. Here the results of such operators get a name before anything is
moved, since only temporaries without a name are moved.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import functools
import math
import operator
from collections import Counter
from typing import Any

import numpy as np
from numba import types

from fastopt.compiling.linker import NARROWING_MARK
from fastopt.compiling.numba_internals import Rewrite, ir, mk_unique_var, put_first
from fastopt.derivatives.forward.duals.dual_number import Dual, DualArray
from fastopt.derivatives.forward.lazy.expressions import Frozen, Lazy

# Substitutes for functions of NumPy that do not write to memory.
PURE: set = set()
_WRITERS = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask", "shuffle"}
_PURE_METHODS = (
    "all any argmax argmin argsort astype conj copy cumprod cumsum diagonal dot flatten item "
    "max mean min nonzero prod ravel reshape std sum take transpose var"
).split()
# Operations of Numba's IR that do not write to memory if their operands are arrays and numbers.
_READING = (
    "arrayexpr binop build_list build_map build_set build_slice build_tuple cast exhaust_iter "
    "fastopt getattr getitem getiter iternext null pair_first pair_second phi static_getitem "
    "typed_getitem unary undef"
).split()
_OWNERS = (types.Array, types.BaseTuple, types.Number, types.Boolean, Dual, Lazy)
DUALS, NUMBERS = "duals", "numbers"  # two arrays of different kinds share no memory
ANY = frozenset((DUALS, NUMBERS))


class Order(Rewrite):
    """A rewrite that names the temporaries that must not be moved."""

    def __init__(self, state):
        self.marked = NARROWING_MARK in getattr(state.func_ir.func_id.func, "__globals__", ())
        self.duals = any(isinstance(kind, DualArray) for kind in state.typemap.values())
        # Counted once: `apply` adds names, but does not change the counts of the temporaries.
        self.uses = functools.cache(lambda: uses_of(state.func_ir))

    def match(self, func_ir, block, typemap, calltypes):
        self.block, self.typemap, self.methods = block, typemap, {}
        if not self.marked and not self.duals:
            return False
        self.fixed = self.found()
        return bool(self.fixed)

    def found(self):
        """Return the names of temporaries that are used after a write to their operands."""
        reads, fixed = {}, set()  # name of a movable temporary -> (memory it reads, stale)
        for statement in self.block.body:
            if isinstance(statement, ir.Del):
                continue
            own, operands = None, [v.name for v in statement.list_vars()]
            if isinstance(statement, ir.Assign):
                own = statement.target.name
                operands.remove(own)
                if isinstance(statement.value, ir.Expr) and statement.value.op == "getattr":
                    self.methods[own] = statement.value.attr
            inside = frozenset().union(*(self.read_through(v, reads) for v in operands))
            changed = {v for v in operands if v in reads and reads[v][1]}
            fixed |= changed
            writes = self.writes(statement)
            for name, (memory, stale) in reads.items():
                reads[name] = memory, stale or bool(memory & writes)
            if own is not None and self.may_move(statement):
                reads[own] = inside, False
                # 2 is one definition and one use. Numba would drop a temporary with more uses.
                if self.uses()[own] != 2:
                    fixed.add(own)
        return fixed

    def read_through(self, name, reads):
        """Return the kinds of memory that an operand of an expression reads."""
        return reads[name][0] if name in reads else memory_of(self.typemap.get(name))

    def may_move(self, statement):
        """Return True if a statement computes a temporary array by an operator or a function."""
        value, target = statement.value, statement.target
        return (
            isinstance(value, ir.Expr)
            and value.op in ("binop", "unary", "call", "arrayexpr")
            and target.is_temp
            and isinstance(self.typemap.get(target.name), types.Array)
        )

    def writes(self, statement):
        """Return the kinds of memory that a statement may write to."""
        if isinstance(statement, ir.SetItem | ir.StaticSetItem):
            kind = self.typemap.get(statement.target.name)
            return memory_of(kind) if isinstance(kind, types.Array) else ANY
        if not isinstance(statement, ir.Assign):
            return frozenset() if isinstance(statement, ir.Print | ir.Terminator) else ANY
        value = statement.value
        if not isinstance(value, ir.Expr):
            return frozenset()
        kinds = [self.typemap.get(v.name) for v in value.list_vars()]
        if value.op == "inplace_binop":
            return writable(kinds[:1])
        if value.op == "call":
            return self.written_by_call(value)
        if value.op == "getattr" or all(isinstance(k, _OWNERS) or harmless(k) for k in kinds):
            return frozenset() if value.op in _READING else ANY
        return ANY

    def written_by_call(self, expr):
        function = self.typemap.get(expr.func.name)
        if expr.vararg is not None or expr.varkwarg is not None:
            return ANY
        kinds = [self.typemap.get(v.name) for v in [*expr.args, *(v for _, v in expr.kws)]]
        if isinstance(function, types.BoundFunction):
            if isinstance(function.this, types.Array):
                pure = self.methods.get(expr.func.name) in _PURE_METHODS
                return frozenset() if pure else writable([function.this, *kinds])
            return writable([function.this, *kinds])
        if isinstance(function, types.Function) and is_pure(function.typing_key, len(kinds)):
            return frozenset()
        known = isinstance(function, types.Function | types.Dispatcher | types.NumberClass)
        return writable(kinds) if known else ANY

    def apply(self):
        """Return the block with names for the temporaries that must not be moved."""
        block = self.block.copy()
        block.clear()
        for statement in self.block.body:
            if isinstance(statement, ir.Assign) and statement.target.name in self.fixed:
                target, loc = statement.target, statement.loc
                if self.may_move(statement):
                    name = mk_unique_var("kept")
                    kept = ir.Var(target.scope, name, loc)
                    self.typemap[name] = self.typemap[target.name]
                    block.append(ir.Assign(statement.value, kept, loc))
                    statement = ir.Assign(kept, target, loc)
            block.append(statement)
        return block


# Inserted first, so that it runs before Numba's own rewrites.
put_first("after-inference", Order)


def uses_of(func_ir):
    """Count the occurrences of each variable in the code."""
    return Counter(
        var.name
        for block in func_ir.blocks.values()
        for statement in block.body
        if not isinstance(statement, ir.Del)
        for var in statement.list_vars()
    )


def is_pure(key: Any, arguments):
    """Return True if a function writes to none of its arguments."""
    if isinstance(key, np.ufunc):
        return arguments <= key.nin  # one more argument is the array for the result
    if key in PURE or getattr(math, getattr(key, "__name__", ""), None) is key:
        return True
    module = getattr(key, "__module__", "") or ""
    if module.partition(".")[0] == "numpy":
        return getattr(key, "__name__", None) not in _WRITERS
    in_place = getattr(key, "__name__", "").startswith("i")
    return key in (abs, bool, float, int, len, max, min, range, enumerate, zip, slice) or (
        getattr(operator, getattr(key, "__name__", ""), None) is key and not in_place
    )


def memory_of(kind):
    """Return the kinds of memory that a value of this type refers to."""
    if isinstance(kind, Frozen) or harmless(kind):
        return frozenset()
    if isinstance(kind, types.Array):
        return frozenset((DUALS if isinstance(kind.dtype, Dual) else NUMBERS,))
    if isinstance(kind, types.BaseTuple):
        return frozenset().union(*map(memory_of, kind.types))
    return ANY


def writable(kinds):
    """Return the kinds of memory that a function with these arguments can write to."""
    changing = [k for k in kinds if not (isinstance(k, types.Array) and not k.mutable)]
    return frozenset().union(*map(memory_of, changing))


def harmless(kind):
    """Return True for types that refer to no writable memory."""
    if isinstance(kind, types.BaseTuple):
        return all(map(harmless, kind.types))
    plain = (types.Number, types.Boolean, Dual, types.Literal, types.NoneType, types.Omitted)
    plain += (types.Callable, types.DType, types.Module, types.SliceType, types.RangeType)
    plain += (types.RangeIteratorType, types.UnicodeType, types.TypeRef, types.Dispatcher)
    return isinstance(kind, plain) or kind is types.ellipsis

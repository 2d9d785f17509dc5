"""Array expressions with duals in them become one loop each, and sums of them need no array.

Numba fuses the operators of an array expression; it knows nothing of duals. Here the same is done
for expressions that hold some, as a rewrite of Numba's typed code: `match` collects the operators
of an expression into a tree, `lower` emits the loop that computes it element by element.
"""

import operator
from collections import Counter
from typing import Any, NamedTuple

from llvmlite import ir as llvm
from numba.core import cgutils, ir, types
from numba.core.rewrites import Rewrite, register_rewrite
from numba.np import arrayobj

from fastopt.derivatives import _dual, _emit
from fastopt.derivatives._dual import Dual, DualArray
from fastopt.derivatives._scalars import COMPARISONS, RULES, dual_in

OPERATORS = {*RULES, *COMPARISONS, operator.floordiv}
UFUNCS: set = set()  # our own
REDUCTIONS: dict = {}  # stand-in for a NumPy function -> "sum", "mean" or "dot"
REORDERED = ("reassoc", "contract", "nsz")  # NumPy itself sums in another order than from the left


@register_rewrite("after-inference")
class Fusion(Rewrite):
    """Find array expressions with duals, and reductions of them."""

    def __init__(self, state):
        state.targetctx.special_ops.setdefault("fastopt", lower)

    def match(self, func_ir, block, typemap, calltypes):
        self.block, self.typemap = block, typemap
        self.uses = Counter(
            var.name
            for b in func_ir.blocks.values()
            for statement in b.body
            if not isinstance(statement, ir.Del)
            for var in statement.list_vars()
        )
        self.constants, self.trees, self.found = {}, {}, {}
        for statement in block.find_insts(ir.Assign):
            name, value = statement.target.name, statement.value
            if isinstance(value, ir.Const):
                self.constants[name] = value
            elif isinstance(value, ir.Expr):
                self.look_at(statement, value)
        return bool(self.found)

    def look_at(self, statement, expr):
        """Remember the tree of an array expression; find it where duals are in it."""
        kind = self.typemap.get(statement.target.name)
        key, args = self.operation(expr)
        if expr.op == "arrayexpr":  # Numba's own: of ufuncs, and of operators without duals
            tree = self.grown(expr.expr)
        elif key in REDUCTIONS and isinstance(kind, Dual):
            self.keep(statement, [self.operand(v) for v in args], REDUCTIONS[key])
            return
        elif key in UFUNCS or key in OPERATORS:
            tree = key, [self.operand(v) for v in args]
        else:
            return
        if isinstance(kind, types.Array):
            self.trees[statement.target.name] = statement, tree
            if expr.op != "arrayexpr" or isinstance(kind, DualArray):
                self.keep(statement, tree, "array")

    def operation(self, expr):
        """The operator or function of an expression, if it has one with a dual, and its arguments."""
        if expr.op in ("binop", "unary"):
            key, args = expr.fn, expr.list_vars()
        elif expr.op == "call" and not expr.kws and not expr.vararg:
            key, args = getattr(self.typemap.get(expr.func.name), "typing_key", None), expr.args
        else:
            return None, []
        return (key if dual_in([self.typemap[v.name] for v in args]) else None), args

    def grown(self, tree):
        """Numba's tree, with ours in the place of leaves."""
        if isinstance(tree, tuple):
            return tree[0], [self.grown(branch) for branch in tree[1]]
        return self.operand(tree) if isinstance(tree, ir.Var) else tree

    def operand(self, var):
        """A constant, the tree of a temporary that is used here only, or the variable."""
        if var.name in self.constants:
            return self.constants[var.name]
        if var.name in self.trees and var.is_temp and self.uses[var.name] == 2:  # made, used
            statement, tree = self.trees.pop(var.name)
            self.found[statement] = None
            return tree
        return var

    def keep(self, statement, tree, form):
        kind = self.typemap[statement.target.name]
        expr = ir.Expr(
            op="fastopt", loc=statement.loc, tree=tree, form=form, kind=kind
        )
        self.found[statement] = ir.Assign(expr, statement.target, statement.loc)

    def apply(self):
        """The block with the expressions found in place of their operators."""
        gone = {s.target.name for s, new in self.found.items() if new is None}
        block = self.block.copy()
        block.clear()
        for statement in self.block.body:
            new = self.found.get(statement, statement)
            if new is not None and not (isinstance(new, ir.Del) and new.value in gone):
                block.append(new)
        return block


class _Array(NamedTuple):
    """An array among the operands of an expression."""

    kind: Any
    data: Any
    shape: list
    strides: list


def lower(lowerer, expr):
    """Code for an expression that `Fusion` found."""
    return _Loop(lowerer, expr.kind).run(expr.tree, expr.form)


class _Loop:
    def __init__(self, lowerer, kind):
        self.lowerer, self.context, self.builder = lowerer, lowerer.context, lowerer.builder
        self.kind = kind
        self.operands = {}

    def run(self, tree, form):
        builder = self.builder
        if form == "dot":
            tree = operator.mul, tree
        elif form != "array":
            (tree,) = tree
        self.load(tree)
        arrays = [v for v in self.operands.values() if isinstance(v, _Array)]
        shape, same = self.broadcast(arrays, strict=form == "dot")
        total = None
        if form == "array":
            result = _dual.new_array(self.context, builder, self.kind, shape)
            target = result.data

            def step(index):
                kind, value = self.element(tree, index)
                value = self.context.cast(builder, value, kind, self.kind.dtype)
                place = builder.gep(target, [index[1]])
                self.context.pack_value(builder, self.kind.dtype, value, place)

        else:
            zero = self.context.get_constant_null(self.kind)
            total = cgutils.alloca_once_value(builder, zero)

            def step(index):
                kind, value = self.element(tree, index)
                value = self.context.cast(builder, value, kind, self.kind)
                builder.store(self.sum(builder.load(total), value), total)

        flat = all(a.kind.layout == "C" for a in arrays)
        if flat:
            with builder.if_else(same) as (equal, other):
                with equal:
                    self.flat(shape, step)
                with other:
                    self.nest(shape, step)
        else:
            self.nest(shape, step)
        if form == "array":
            return result._getvalue()
        total = builder.load(total)
        return self.over(total, shape) if form == "mean" else total

    def load(self, tree):
        """The operands of the tree, loaded once."""
        if isinstance(tree, tuple):
            for branch in tree[1]:
                self.load(branch)
        elif isinstance(tree, ir.Var) and tree.name not in self.operands:
            kind, value = self.lowerer.typeof(tree.name), self.lowerer.loadvar(tree.name)
            if isinstance(kind, types.Array):
                array = arrayobj.make_array(kind)(self.context, self.builder, value)
                shape = cgutils.unpack_tuple(self.builder, array.shape)
                strides = cgutils.unpack_tuple(self.builder, array.strides)
                self.operands[tree.name] = _Array(kind, array.data, shape, strides)
            else:
                self.operands[tree.name] = kind, value

    def broadcast(self, arrays, strict):
        """The common shape, and whether every array has it."""
        builder, one = self.builder, self.context.get_constant(types.intp, 1)
        ndim = max(a.kind.ndim for a in arrays)
        shape, fits, same = [one] * ndim, cgutils.true_bit, cgutils.true_bit
        for array in arrays:
            for d, size in enumerate(array.shape, ndim - array.kind.ndim):
                single = builder.icmp_signed("==", shape[d], one)
                good = builder.icmp_signed("==", size, shape[d])
                good = builder.or_(good, builder.icmp_signed("==", size, one))
                fits = builder.and_(fits, builder.or_(good, single))
                shape[d] = builder.select(single, size, shape[d])
        for array in arrays:
            if array.kind.ndim < ndim:
                same = cgutils.false_bit
            for d, size in enumerate(array.shape, ndim - array.kind.ndim):
                same = builder.and_(same, builder.icmp_signed("==", size, shape[d]))
        with builder.if_then(builder.not_(same if strict else fits), likely=False):
            message = "arrays of these shapes cannot be combined"
            self.context.call_conv.return_user_exc(builder, ValueError, (message,))
        return shape, same

    def flat(self, shape, step):
        """One loop over contiguous arrays of one shape."""
        count = self.size(shape)
        with cgutils.for_range(self.builder, count) as loop:
            step((None, loop.index))

    def nest(self, shape, step):
        """A loop for each axis, for arrays of other layouts and for those that are stretched."""
        with cgutils.loop_nest(self.builder, shape, shape[0].type) as indices:
            place = indices[0]
            for index, size in zip(indices[1:], shape[1:], strict=True):
                place = self.builder.add(self.builder.mul(place, size), index)
            step((indices, place))

    def size(self, shape):
        count = shape[0]
        for size in shape[1:]:
            count = self.builder.mul(count, size)
        return count

    def element(self, tree, index):
        """Type and value of the tree at one place."""
        if isinstance(tree, ir.Const):
            kind = self.context.typing_context.resolve_value_type(tree.value)
            kind = types.literal(tree.value) if isinstance(kind, types.Integer) else kind
            return kind, self.context.get_constant_generic(
                self.builder, types.unliteral(kind), tree.value
            )
        if isinstance(tree, tuple):
            pairs = [self.element(branch, index) for branch in tree[1]]
            kinds, values = [p[0] for p in pairs], [p[1] for p in pairs]
            return _emit.call(self.context, self.builder, tree[0], kinds, values)
        operand = self.operands[tree.name]
        if not isinstance(operand, _Array):
            return operand
        kind = operand.kind
        return kind.dtype, self.context.unpack_value(
            self.builder, kind.dtype, self.place(operand, index)
        )

    def place(self, array, index):
        """Pointer to an array's element."""
        builder, (indices, flat) = self.builder, index
        if indices is None:
            return builder.gep(array.data, [flat])
        one = self.context.get_constant(types.intp, 1)
        offset = one.type(0)
        own = indices[len(indices) - array.kind.ndim :]
        for i, size, stride in zip(own, array.shape, array.strides, strict=True):
            stretched = builder.icmp_signed("==", size, one)
            move = builder.select(stretched, one.type(0), builder.mul(i, stride))
            offset = builder.add(offset, move)
        return cgutils.pointer_add(builder, array.data, offset)

    def sum(self, a, b):
        """a + b, in any order."""
        builder = self.builder
        _, first = _dual.unpack(builder, self.kind, a)
        _, second = _dual.unpack(builder, self.kind, b)
        pairs = [(builder.extract_value(a, 0), builder.extract_value(b, 0)), *zip(first, second)]
        v, *lanes = (builder.fadd(x, y, flags=REORDERED) for x, y in pairs)
        return _dual.pack(self.context, builder, self.kind, v, lanes)

    def over(self, total, shape):
        count = self.size(shape)
        kinds = [self.kind, types.intp]
        return _emit.call(
            self.context, self.builder, operator.truediv, kinds, [total, count]
        )[1]

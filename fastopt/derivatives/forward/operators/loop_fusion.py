"""Fusion of array expressions with duals into one loop each; sums of them need no array.

Numba fuses the operators of array expressions, but not those with duals. This rewrite of Numba's
typed code fuses them. `match` collects the operators of an expression into a tree. `lower` emits
the loop that computes it element by element.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import functools
import operator

from numba import types
from numba.core import cgutils

from fastopt.compiling.llvm_arrays import allocate_array, array_struct
from fastopt.compiling.numba_internals import Rewrite, ir, lower_expressions, register_rewrite
from fastopt.derivatives.forward.duals import dual_number, llvm_emitter
from fastopt.derivatives.forward.duals.dual_number import Dual, DualArray
from fastopt.derivatives.forward.lazy.expressions import Lazy, is_deferred
from fastopt.derivatives.forward.operators import evaluation_order
from fastopt.derivatives.forward.operators.scalar_operators import COMPARISONS, RULES, dual_in

OPERATORS = {*RULES, *COMPARISONS, operator.floordiv}
UFUNCS: set = set()  # our own ufuncs
REDUCTIONS: dict = {}  # substitute for a NumPy function -> "sum", "mean" or "dot"
# Flags that allow sums in any order: NumPy itself does not sum from the left.
REORDERED = ("reassoc", "contract", "nsz")


@register_rewrite("after-inference")
class Fusion(Rewrite):
    """A rewrite that fuses array expressions with duals, and reductions of them."""

    def __init__(self, state):
        lower_expressions(state.targetctx, "fastopt", lower)
        kinds = state.typemap.values()
        self.duals = any(isinstance(kind, Dual | DualArray | Lazy) for kind in kinds)

    def match(self, func_ir, block, typemap, calltypes):
        if not self.duals:
            return False
        self.block, self.typemap = block, typemap
        # Count only if needed: counting for every block was a fifth of all compile time.
        self.uses = functools.cache(lambda: evaluation_order.uses_of(func_ir))
        # Nothing is removed before all candidates are collected: an operation that stays with Numba
        # reads its operands as variables.
        self.constants, self.trees, self.found, candidates = {}, {}, {}, []
        for statement in block.find_insts(ir.Assign):
            name, value = statement.target.name, statement.value
            self.constants.pop(name, None)
            if isinstance(value, ir.Const):
                self.constants[name] = value
            elif isinstance(value, ir.Expr):
                candidates += self.look_at(statement, value)
        for statement, tree, form in reversed(candidates):  # users come first
            if statement not in self.found:
                self.keep(statement, self.grown(tree), form)
        return bool(self.found)

    def look_at(self, statement, expr):
        """Record the tree of an array expression; return it as a candidate if it has duals."""
        kind = self.typemap.get(statement.target.name)
        key, args = self.operation(expr)
        if expr.op == "arrayexpr":  # fused by Numba: ufuncs, and operators without duals
            tree = expr.expr
        elif key in REDUCTIONS and isinstance(kind, Dual):
            return [(statement, (REDUCTIONS[key], args), REDUCTIONS[key])]
        elif key in UFUNCS or key in OPERATORS:
            tree = key, args
        else:
            return []
        if not isinstance(kind, types.Array):
            return []
        self.trees[statement.target.name] = statement, tree
        ours = expr.op != "arrayexpr" or isinstance(kind, DualArray)
        return [(statement, tree, "array")] if ours else []

    def operation(self, expr):
        """Return the operator or function of an expression with a dual, or None; its arguments."""
        if expr.op in ("binop", "unary"):
            key, args = expr.fn, expr.list_vars()
        elif expr.op == "call" and not expr.kws and not expr.vararg:
            key, args = getattr(self.typemap.get(expr.func.name), "typing_key", None), expr.args
        else:
            return None, []
        kinds = [self.typemap[v.name] for v in args]
        return (key if dual_in(kinds) and not is_deferred(kinds) else None), args

    def grown(self, tree):
        """Return the tree with its temporaries replaced by their trees."""
        if isinstance(tree, tuple):
            return tree[0], [self.grown(branch) for branch in tree[1]]
        return self.operand(tree) if isinstance(tree, ir.Var) else tree

    def operand(self, var):
        """Return a constant, the tree of a temporary that is used only here, or the variable."""
        if var.name in self.constants:
            return self.constants[var.name]
        # 2 is one definition and one use.
        if var.name in self.trees and var.is_temp and self.uses()[var.name] == 2:
            statement, tree = self.trees[var.name]
            self.found[statement] = None
            return self.grown(tree)
        return var

    def keep(self, statement, tree, form):
        kind = self.typemap[statement.target.name]
        expr = ir.Expr(op="fastopt", loc=statement.loc, tree=tree, form=form, kind=kind)
        self.found[statement] = ir.Assign(expr, statement.target, statement.loc)

    def apply(self):
        """Return the block with the fused expressions in place of their operators."""
        gone = {s.target.name for s, new in self.found.items() if new is None}
        block = self.block.copy()
        block.clear()
        for statement in self.block.body:
            new = self.found.get(statement, statement)
            if new is not None and not (isinstance(new, ir.Del) and new.value in gone):
                block.append(new)
        return block


def broadcast_copy(a, out):
    """Fill `out`, contiguous, with `a` broadcast to its shape."""
    for k in range(out.size):
        rest, place, step = k, 0, 1
        for d in range(out.ndim - 1, -1, -1):
            i, rest = rest % out.shape[d], rest // out.shape[d]
            own = d - out.ndim + a.ndim
            if own >= 0:
                if a.shape[own] > 1:
                    place += i * step
                step *= a.shape[own]
        out.flat[k] = a.flat[place]


def lower(lowerer, expr):
    """Emit code for an expression that `Fusion` found."""
    return _Loop(lowerer, expr.kind).run(expr.tree, expr.form)


class _Loop:
    """A loop over contiguous arrays of one shape; other arrays are broadcast to copies first."""

    def __init__(self, lowerer, kind):
        self.lowerer, self.context, self.builder = lowerer, lowerer.context, lowerer.builder
        self.kind = kind  # type of the result: an array, or one dual
        self.scalars, self.arrays = {}, {}  # name -> (type, value)

    def run(self, tree, form):
        builder, context = self.builder, self.context
        if form != "array":  # a reduction: the product of its arguments, or its only argument
            tree = (operator.mul, tree[1]) if form == "dot" else tree[1][0]
        self.load(tree)
        shape = self.shape(strict=form == "dot")
        pointers, copies = self.aligned(shape)
        count = functools.reduce(builder.mul, shape)
        if form == "array":
            result = allocate_array(context, builder, self.kind, shape)
            with cgutils.for_range(builder, count) as loop:
                kind, value = self.element(tree, pointers, loop.index)
                value = context.cast(builder, value, kind, self.kind.dtype)
                place = builder.gep(result.data, [loop.index])
                context.pack_value(builder, self.kind.dtype, value, place)
            value = result._getvalue()
        else:
            total = cgutils.alloca_once_value(builder, context.get_constant_null(self.kind))
            with cgutils.for_range(builder, count) as loop:
                kind, value = self.element(tree, pointers, loop.index)
                value = context.cast(builder, value, kind, self.kind)
                builder.store(self.sum(builder.load(total), value), total)
            value = builder.load(total)
            if form == "mean":
                kinds = [self.kind, types.intp]
                value = llvm_emitter.call(
                    context, builder, operator.truediv, kinds, [value, count]
                )[1]
        for kind, copy in copies:
            context.nrt.decref(builder, kind, builder.load(copy))
        return value

    def load(self, tree):
        """Load the operands of the tree, each once."""
        if isinstance(tree, tuple):
            for branch in tree[1]:
                self.load(branch)
        elif isinstance(tree, ir.Var):
            kind, value = self.lowerer.typeof(tree.name), self.lowerer.loadvar(tree.name)
            group = self.arrays if isinstance(kind, types.Array) else self.scalars
            group.setdefault(tree.name, (kind, value))

    def fields(self, kind, value):
        return array_struct(self.context, self.builder, kind, value)

    def sizes(self, kind, value):
        return cgutils.unpack_tuple(self.builder, self.fields(kind, value).shape)

    def shape(self, strict):
        """Return the common shape of the arrays; compiled code raises an error if there is none."""
        builder, one = self.builder, self.context.get_constant(types.intp, 1)
        ndim = max(kind.ndim for kind, _ in self.arrays.values())
        shape, fits = [None] * ndim, cgutils.true_bit
        for kind, value in self.arrays.values():
            for d, size in enumerate(self.sizes(kind, value), ndim - kind.ndim):
                if shape[d] is None:
                    shape[d] = size
                    continue
                good, known = builder.icmp_signed("==", size, shape[d]), shape[d]
                if not strict:
                    single = builder.icmp_signed("==", known, one)
                    good = builder.or_(good, builder.icmp_signed("==", size, one))
                    good = builder.or_(good, single)
                    shape[d] = builder.select(single, size, known)
                fits = builder.and_(fits, good)
        with builder.if_then(builder.not_(fits), likely=False):
            message = "arrays of these shapes cannot be combined"
            self.context.call_conv.return_user_exc(builder, ValueError, (message,))
        return shape

    def aligned(self, shape):
        """Return pointers to elements in the order of the loop, and the copies made for this."""
        context, builder, pointers, copies = self.context, self.builder, {}, []
        for name, (kind, value) in self.arrays.items():
            full = kind.copy(ndim=len(shape), layout="C", readonly=False)
            same = cgutils.true_bit if kind.layout == "C" and kind.ndim == full.ndim else None
            for size, wanted in zip(self.sizes(kind, value), shape, strict=False):
                same = same and builder.and_(same, builder.icmp_signed("==", size, wanted))
            copy = cgutils.alloca_once_value(builder, context.get_constant_null(full))
            pointer = cgutils.alloca_once_value(builder, self.fields(kind, value).data)
            with builder.if_then(builder.not_(same or cgutils.false_bit), likely=False):
                made = allocate_array(context, builder, full, shape)
                signature = types.void(kind, full)
                context.compile_internal(
                    builder, broadcast_copy, signature, [value, made._getvalue()]
                )
                builder.store(made._getvalue(), copy)
                builder.store(made.data, pointer)
            pointers[name] = kind.dtype, builder.load(pointer)
            copies.append((full, copy))
        return pointers, copies

    def element(self, tree, pointers, index):
        """Return type and value of the tree at one index."""
        context, builder = self.context, self.builder
        if isinstance(tree, ir.Const):
            kind = context.typing_context.resolve_value_type(tree.value)
            value = context.get_constant_generic(builder, types.unliteral(kind), tree.value)
            whole = isinstance(kind, types.Integer)
            return types.literal(tree.value) if whole else kind, value
        if isinstance(tree, tuple):
            pairs = [self.element(branch, pointers, index) for branch in tree[1]]
            kinds, values = [p[0] for p in pairs], [p[1] for p in pairs]
            return llvm_emitter.call(context, builder, tree[0], kinds, values)
        if tree.name in self.scalars:
            return self.scalars[tree.name]
        kind, pointer = pointers[tree.name]
        return kind, context.unpack_value(builder, kind, builder.gep(pointer, [index]))

    def sum(self, a, b):
        """Add b to a; the order of such additions may change."""
        builder = self.builder
        (x, first), (y, second) = (dual_number.unpack(builder, self.kind, dual) for dual in (a, b))
        pairs = zip([x, *first], [y, *second], strict=True)
        v, *lanes = (builder.fadd(*pair, flags=REORDERED) for pair in pairs)
        return dual_number.make_dual(self.context, builder, self.kind, v, lanes)

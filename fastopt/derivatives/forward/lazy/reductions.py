"""``np.sum``, ``mean``, ``dot`` and single elements of `Lazy` expressions, as loops.

Arrays are broadcast as in NumPy. If that is impossible, which is decided only at run time, the
result is NaN: code on a GPU cannot raise errors.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import contextlib
import functools
import math
import operator
from collections import ChainMap

from numba import types
from numba.core import cgutils

from fastopt.compiling.llvm_arrays import array_struct
from fastopt.compiling.numba_internals import signature
from fastopt.derivatives.forward.duals import llvm_emitter
from fastopt.derivatives.forward.duals.dual_number import Dual
from fastopt.derivatives.forward.lazy import expressions
from fastopt.derivatives.forward.lazy.expressions import Lazy

PRODUCT = "product"  # the `function` of a Lazy that is a matrix product
# Substitute for a NumPy function -> (function of two numbers, start, whether it is a mean).
FOLDS: dict = {}


class ExpressionEvaluator:
    """The evaluation of expressions' elements in one piece of code."""

    def __init__(self, context, builder):
        self.context, self.builder = context, builder
        # Elements computed so far, in this loop or one around it.
        self.computed_elements = ChainMap()
        self.views: dict = {}
        self.parts: dict = {}
        self.shapes_match = cgutils.true_bit

    def number(self, value):
        return self.context.get_constant(types.intp, value)

    def view(self, kind, value):
        """Return an array, its sizes, and its strides with 0 for sizes of 1."""
        if id(value) not in self.views:
            builder = self.builder
            array = array_struct(self.context, builder, kind, value)
            sizes = cgutils.unpack_tuple(builder, array.shape)
            strides = cgutils.unpack_tuple(builder, array.strides)
            single = [builder.icmp_signed("==", size, self.number(1)) for size in sizes]
            pairs = zip(single, strides, strict=True)
            steps = [builder.select(one, self.number(0), stride) for one, stride in pairs]
            self.views[id(value)] = array, sizes, steps, value
        return self.views[id(value)]

    def operands(self, kind, value):
        if id(value) not in self.parts:
            self.parts[id(value)] = expressions.operands(self.builder, kind, value), value
        return self.parts[id(value)][0]

    def shape(self, kind, value):
        """Return the sizes of an array or expression; record in `shapes_match` if they match."""
        if isinstance(kind, types.Array):
            return self.view(kind, value)[1]
        if not isinstance(kind, Lazy):
            return []
        pairs = zip(kind.operands, self.operands(kind, value), strict=True)
        shapes = [self.shape(*pair) for pair in pairs]
        if kind.function == PRODUCT:
            left, right = shapes
            self.same(left[-1], right[0])
            return left[:-1] + right[1:]
        return self.broadcast(shapes)

    def same(self, a, b):
        self.shapes_match = self.builder.and_(
            self.shapes_match, self.builder.icmp_signed("==", a, b)
        )

    def broadcast(self, shapes):
        builder, one = self.builder, self.number(1)
        shape: list = [None] * max(map(len, shapes))
        for sizes in shapes:
            for d, size in enumerate(sizes, len(shape) - len(sizes)):
                known = shape[d]
                if known is None:
                    shape[d] = size
                    continue
                single = builder.icmp_signed("==", known, one)
                good = builder.or_(single, builder.icmp_signed("==", size, one))
                good = builder.or_(good, builder.icmp_signed("==", size, known))
                self.shapes_match = builder.and_(self.shapes_match, good)
                shape[d] = builder.select(single, size, known)
        return shape

    def element(self, kind, value, index):
        """Return type and value of an element; a scalar has the same value at every index."""
        if isinstance(kind, types.IntegerLiteral):
            plain = types.unliteral(kind)
            return kind, self.context.get_constant(plain, kind.literal_value)
        if not isinstance(kind, types.Array | Lazy):
            return kind, value
        index = index[len(index) - kind.ndim :]
        key = (id(value), *map(id, index))
        if key not in self.computed_elements:
            found = self.loaded if isinstance(kind, types.Array) else self.computed
            # References are kept, so that no `id` is reused.
            self.computed_elements[key] = kind.dtype, found(kind, value, index), value, index
        return self.computed_elements[key][:2]

    def loaded(self, kind, value, index):
        builder = self.builder
        array, _, steps, _ = self.view(kind, value)
        place = self.number(0)
        for i, step in zip(index, steps, strict=True):
            place = builder.add(place, builder.mul(i, step))
        address = builder.gep(builder.bitcast(array.data, cgutils.voidptr_t), [place])
        pointer = builder.bitcast(address, array.data.type)
        return self.context.unpack_value(builder, kind.dtype, pointer)

    def computed(self, kind, value, index):
        values = self.operands(kind, value)
        if kind.function == PRODUCT:
            return self.product(kind, values, index)
        # An operand with one element is broadcast by strides of 0.
        pairs = zip(kind.operands, values, strict=True)
        kinds, values = zip(*(self.element(*pair, index) for pair in pairs), strict=True)
        found, value = llvm_emitter.call(self.context, self.builder, kind.function, kinds, values)
        return self.context.cast(self.builder, value, found, kind.dtype)

    def product(self, kind, values, index):
        """Return the sum over the last axis of the left operand and the first of the right."""
        (left, right), (a, b) = kind.operands, values
        rows, columns = index[: left.ndim - 1], index[left.ndim - 1 :]

        def term(k):
            pairs = [self.element(left, a, [*rows, *k]), self.element(right, b, [*k, *columns])]
            return llvm_emitter.call(
                self.context, self.builder, operator.mul, *zip(*pairs, strict=True)
            )

        fits = self.shapes_match  # restored below: the value computed before all loops
        shape = self.shape(left, a)
        self.shapes_match = fits
        return self.total(kind.dtype, operator.add, 0, shape[-1:], term)

    def total(self, kind, function, start, shape, term):
        """Apply ``total = function(total, term(index))`` for all indices of a shape, in order."""
        context, builder = self.context, self.builder
        total = cgutils.alloca_once(builder, context.get_value_type(kind))
        builder.store(start_of(context, builder, kind, start), total)
        with self.loops(shape) as index:
            own, value = term(index)
            value = context.cast(builder, value, own, kind)
            pair = [builder.load(total), value]
            found, value = llvm_emitter.call(context, builder, function, [kind, kind], pair)
            builder.store(context.cast(builder, value, found, kind), total)
        return builder.load(total)

    @contextlib.contextmanager
    def loops(self, shape):
        """Open a loop for every axis; elements computed inside are forgotten outside."""
        self.computed_elements = self.computed_elements.new_child()
        with contextlib.ExitStack() as stack:
            # No iterations if shapes do not match, so that nothing is read out of bounds.
            counts = [self.builder.select(self.shapes_match, n, self.number(0)) for n in shape]
            yield [stack.enter_context(cgutils.for_range(self.builder, n)).index for n in counts]
        self.computed_elements = self.computed_elements.parents


def start_of(context, builder, kind, start):
    real = kind.real if isinstance(kind, Dual) else kind
    value = context.get_constant(real, start)
    return context.cast(builder, value, real, kind)


def checked(evaluator, kind, value, good):
    """Return `value` if the shapes match, else NaN."""
    if not isinstance(kind, Dual | types.Float):
        return value
    return evaluator.builder.select(
        good, value, start_of(evaluator.context, evaluator.builder, kind, math.nan)
    )


def signature_of(context, how, args):
    """Return the signature of a reduction of one array or expression, or None."""
    function, start, mean = how
    item = expressions.element(args[0])
    if isinstance(item, types.Integer | types.Boolean) and (mean or abs(start) == math.inf):
        return signature(types.float64, *args) if mean else None
    found = context.resolve_value_type(function).get_call_type(context, [item, item], {})
    return found and signature(found.return_type, *args)


def lower(how, context, builder, sig, args):
    """Emit code for a reduction of one array or expression."""
    function, start, mean = how
    evaluator, (source,), kind = ExpressionEvaluator(context, builder), sig.args, sig.return_type
    shape = evaluator.shape(source, args[0])

    def term(index):
        return evaluator.element(source, args[0], index)

    value = evaluator.total(kind, function, start, shape, term)
    count, good = functools.reduce(builder.mul, shape, evaluator.number(1)), evaluator.shapes_match
    if mean:
        real = kind.real if isinstance(kind, Dual) else kind
        pair = [value, context.cast(builder, count, types.intp, real)]
        value = llvm_emitter.call(context, builder, operator.truediv, [kind, real], pair)[1]
    elif abs(start) == math.inf:  # an empty array has no largest element
        good = builder.and_(good, builder.icmp_signed(">", count, evaluator.number(0)))
    return checked(evaluator, kind, value, good)


def product_of(context, kinds):
    """Return the signature of a product of vectors and matrices; for two vectors, a number."""
    items = [expressions.element(k) for k in kinds]
    if any(getattr(k, "ndim", 0) not in (1, 2) for k in kinds):
        return None
    call = context.resolve_value_type(operator.mul).get_call_type(context, items, {})
    ndim = sum(k.ndim for k in kinds) - 2
    lazy = (
        call and expressions.all_immutable(kinds) and Lazy(PRODUCT, kinds, call.return_type, ndim)
    )
    return lazy and signature(lazy if ndim else call.return_type, *kinds)


def dot(context, builder, sig, args):
    """Lower the product of two vectors."""
    evaluator, kind = ExpressionEvaluator(context, builder), sig.return_type
    sizes = [evaluator.shape(k, v)[0] for k, v in zip(sig.args, args, strict=True)]
    evaluator.same(*sizes)

    def term(index):
        pairs = [evaluator.element(k, v, index) for k, v in zip(sig.args, args, strict=True)]
        return llvm_emitter.call(context, builder, operator.mul, *zip(*pairs, strict=True))

    return checked(
        evaluator,
        kind,
        evaluator.total(kind, operator.add, 0, sizes[:1], term),
        evaluator.shapes_match,
    )


def item(context, builder, sig, args):
    """Lower ``a[i]`` for a vector."""
    evaluator, (kind, place), value = ExpressionEvaluator(context, builder), sig.args, args[0]
    (size,) = evaluator.shape(kind, value)
    i = context.cast(builder, args[1], place, types.intp)
    negative = builder.icmp_signed("<", i, evaluator.number(0))
    i = builder.select(negative, builder.add(i, size), i)
    i = builder.select(evaluator.shapes_match, i, evaluator.number(0))
    return checked(
        evaluator, kind.dtype, evaluator.element(kind, value, [i])[1], evaluator.shapes_match
    )


def sizes(context, builder, kind, value):
    """Return the shape of an expression."""
    return ExpressionEvaluator(context, builder).shape(kind, value)

"""The adjoint of each operation: what it needs, and the code that adds its contributions."""

from numba import types

from fastopt.derivatives.reverse import pullbacks
from fastopt.derivatives.reverse.activity import CREATIONS
from fastopt.derivatives.reverse.errors import NotReversible
from fastopt.derivatives.reverse.program import is_float


class Adjoint:
    """What the adjoint of an operation needs: `values` of variables, and `shadows` of arrays."""

    values: tuple = ()
    shadows: tuple = ()
    is_calm = True  # whether its derivatives are finite

    def __init__(self, program, activity, op):
        self.program, self.activity, self.op = program, activity, op

    def emit(self, sweep):
        """Write the code; `sweep` knows the builder and the names of values and adjoints."""


class Nothing(Adjoint):
    """Of operations that pass nothing on, or whose contributions go along the edges."""


class Copy(Adjoint):
    def emit(self, sweep):
        sweep.add(self.op.uses[0], sweep.bar(self.op.target))


class Rule(Adjoint):
    """Of an operation on numbers, by its rule."""

    def __init__(self, program, activity, op, rule, args):
        super().__init__(program, activity, op)
        self.rule, self.args = rule, args
        self.wanted = tuple(k for k, name in enumerate(args) if activity.is_active(name))
        self.is_calm = rule.__name__ in pullbacks.CALM
        self.values = tuple(args)
        if rule.__name__ in ("add", "sub", "neg", "pos"):
            self.values = ()
        elif rule.__name__ == "mul" and len(self.wanted) == 1:
            self.values = (args[1 - self.wanted[0]],)

    def emit(self, sweep):
        bar = sweep.bar(self.op.target)
        if self.values or self.rule.__name__ not in ("add", "sub", "neg", "pos"):
            if self.rule.__name__ == "mul" and not sweep.guarded:
                for k in self.wanted:
                    other = sweep.value(self.args[1 - k])
                    sweep.add(self.args[k], sweep.builder.binop("*", bar, other))
                return
            values = [sweep.value(name) if name in self.values else bar for name in self.args]
            pull = pullbacks.pullback(self.rule, self.wanted, sweep.guarded, sweep.fast)
            found = sweep.builder.call(pull, [bar, sweep.builder.tuple(values)])
            for place, k in enumerate(self.wanted):
                one = found if len(self.wanted) == 1 else sweep.builder.item(found, place)
                sweep.add(self.args[k], one)
            return
        for k in self.wanted:
            minus = self.rule.__name__ == "neg" or (self.rule.__name__ == "sub" and k == 1)
            (sweep.subtract if minus else sweep.add)(self.args[k], bar)


class Load(Adjoint):
    """Of reading an element of an array."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        self.values, self.shadows = (op.uses[1],), (op.uses[0],)

    def emit(self, sweep):
        shadow, index = sweep.shadow(self.op.uses[0]), sweep.value(self.op.uses[1])
        before = sweep.builder.load(shadow, index)
        after = sweep.builder.binop("+", before, sweep.bar(self.op.target))
        sweep.builder.store(shadow, index, after)


class View(Adjoint):
    """Of an array that shares the memory of another: its shadow does so, too."""


class Store(Adjoint):
    """Of writing an element of an array."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        self.values, self.shadows = (op.uses[1],), (op.uses[0],)

    def emit(self, sweep):
        array, index, value = self.op.uses
        shadow, index = sweep.shadow(array), sweep.value(index)
        if self.activity.is_active(value):
            sweep.add(value, sweep.builder.load(shadow, index))
        sweep.builder.store(shadow, index, sweep.builder.number(0.0))


def adjoint_of(program, activity, op):
    """Return the adjoint of an operation that depends on x, or raise."""
    if op.kind == "setitem":
        return _of_store(program, activity, op)
    kind = program.type_of(op.target)
    if op.kind in ("phi", "arg", "out"):
        return Nothing(program, activity, op)
    if isinstance(kind, types.BaseTuple):
        return Nothing(program, activity, op)  # what takes it apart decides
    if isinstance(kind, types.Array):
        return _of_array(program, activity, op)
    if not is_float(kind):
        raise NotReversible(said(program, op), op.loc)
    if op.kind == "copy":
        return Copy(program, activity, op)
    if op.kind == "expr" and op.value.op == "cast" and is_float(program.type_of(op.uses[0])):
        return Copy(program, activity, op)
    if op.kind == "load":
        return Load(program, activity, op)
    found = pullbacks.rule_of(program, op)
    if found is None or not all(_is_number(program, name) for name in found[1]):
        raise NotReversible(said(program, op), op.loc)
    return Rule(program, activity, op, *found)


def _of_array(program, activity, op):
    if op.kind == "copy":
        return View(program, activity, op)
    if op.kind == "load" and _is_basic(program.types[op.uses[1]]):
        return View(program, activity, op)
    if op.kind == "call" and op.key in CREATIONS and not op.value.kws:
        if not any(activity.is_active(name) for name in op.uses[1:]) or _is_like(op):
            return View(program, activity, op)
    raise NotReversible(said(program, op), op.loc)


def _is_like(op):
    return op.key.__name__ in ("zeros_like", "empty_like", "ones_like")


def _of_store(program, activity, op):
    array, index, value = (program.type_of(name) for name in op.uses)
    if not activity.is_active(op.uses[0]):
        return Nothing(program, activity, op)
    if not isinstance(value, types.Number | types.Boolean) or not _is_element(array, index):
        raise NotReversible(said(program, op), op.loc)
    return Store(program, activity, op)


def _is_element(array, index):
    parts = index.types if isinstance(index, types.BaseTuple) else [index]
    return len(parts) == array.ndim and all(isinstance(p, types.Integer) for p in parts)


def _is_basic(index):
    parts = index.types if isinstance(index, types.BaseTuple) else [index]
    allowed = types.Integer | types.SliceType | types.EllipsisType | types.NoneType
    return all(isinstance(types.unliteral(p), allowed) for p in parts)


def _is_number(program, name):
    return isinstance(program.type_of(name), types.Float | types.Integer | types.Boolean)


def said(program, op):
    """Return a description of an operation that is refused."""
    kinds = ", ".join(str(program.type_of(name)) for name in op.uses[op.kind == "call" :])
    if op.kind == "call":
        name = getattr(op.key, "__name__", None) or str(program.types[op.uses[0]])
        return f"a call of {name}({kinds})"
    if op.kind in ("binop", "unary"):
        return f"{op.value.__name__}({kinds})"
    if op.kind == "setitem":
        return f"a write of array parts ({kinds})"
    what = op.value.op if op.kind == "expr" else op.kind
    return f"{what} of {kinds}"

"""The Numba type of a prepared solver: what a call of it is in a user's compiled code.

The value has the address of the solver's plan. So solvers of one type are called by the same code,
and nothing of them is compiled into it.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

import inspect
import math
from typing import Any

from llvmlite import ir
from numba import TypingError, types
from numba.core import cgutils
from numba.extending import NativeValue, box, models, register_model, unbox

from fastopt._sentences import counted
from fastopt.compiling.llvm_arrays import allocate_array, array_struct
from fastopt.compiling.numba_internals import insert_code, lower_constant, signature
from fastopt.targets.cpu.calls_by_address import WORD, call_code
from fastopt.targets.cpu.solvers import solver_call
from fastopt.targets.cpu.solvers.argument_types import conversion, fits, is_tuple, mismatch, shown

_constants: list = []  # solvers whose addresses are in compiled code: kept alive


class SolverType(types.Callable):
    """The type of solvers for a shape and type of x0, and for types of arguments."""

    def __init__(self, real, shape, kinds, result, label):
        self.real, self.shape, self.kinds = real, shape, kinds
        self.result, self.label = result, label
        self.types = kinds  # `type_keys.describe` reads this attribute
        given = ", ".join(map(str, (real, shape, *kinds)))
        super().__init__(f"{label}[{result.__name__}]({given})")

    @property
    def key(self):
        """Return what identifies the type: names of named tuples leave out their fields."""
        return self.label, self.result, self.real, self.shape, self.kinds

    @property
    def point(self):
        """Return the type of x."""
        return types.Array(self.real, len(self.shape), "C")

    @property
    def numbers(self):
        """Return the type of the result."""
        kinds = self.point, types.float64, types.intp, types.intp, types.intp, types.boolean
        return types.NamedTuple(kinds, self.result)

    def get_call_type(self, context, args, kws):
        """Return the signature of a call; raise a TypingError that says what is wrong with it."""
        wrong = [name for name in kws if name != "out"]
        if wrong:
            raise TypingError(f"{self.label} takes no argument {wrong[0]!r}; out=array is accepted")
        if len(args) != 1 + len(self.kinds):
            raise TypingError(
                f"{self.label} takes {self.expected()}; given are "
                + (f"x0 and {len(args) - 1} of them" if args else "none of them")
            )
        x0, *given = map(types.unliteral, args)
        self.require_start(x0)
        for k, (kind, wanted) in enumerate(zip(given, self.kinds, strict=True)):
            if not fits(context, kind, wanted):
                raise TypingError(mismatch(f"args[{k}] of {self.label}", kind, wanted))
        names = ["x0", *(f"args{k}" for k in range(len(given)))]
        kinds = [x0, *self.kinds]  # Numba converts what is given
        if "out" in kws:
            out = kws["out"]
            if out != self.point:
                raise TypingError(
                    f"out of {self.label} is {out}; it must be {self.point}, such as a new array "
                    f"np.empty({self.shape}, np.{self.real})"
                )
            names.append("out")
            kinds.append(out)
        plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(name, plain) for name in names]
        found = signature(self.numbers, *kinds, recvr=self)
        return found.replace(pysig=inspect.Signature(parameters))

    def expected(self):
        """Return the arguments of a call in words."""
        kinds = ", ".join(map(shown, self.kinds)) or "no others"
        return f"x0 of shape {self.shape} and {counted(len(self.kinds), 'argument')} ({kinds})"

    def require_start(self, x0: Any):
        """Raise a TypingError if x0 cannot be a start."""
        alike = isinstance(x0, types.Array) and x0.ndim == len(self.shape)
        alike = alike and (x0.dtype == self.real or isinstance(x0.dtype, types.Integer))
        if is_tuple(x0):
            numbers = types.Float, types.Integer
            alike = self.shape == (len(x0),) and all(isinstance(k, numbers) for k in list(x0))
        if not alike:
            raise TypingError(
                f"x0 of {self.label} is {x0}; it was prepared for an array of {self.real} "
                f"and shape {self.shape}"
                + (", or a tuple of as many numbers" if len(self.shape) == 1 else "")
                + conversion(x0, self.point)
            )

    def get_call_signatures(self):
        return [], True

    def get_impl_key(self, sig):
        """Return the key of the code of a call; Numba gets that code when it first asks."""
        insert_code(self, _code_of)
        return self


@register_model(SolverType)
class _SolverModel(models.StructModel):
    """The address of a plan, and a counted reference to the solver, which keeps the plan alive."""

    def __init__(self, manager, kind):
        members = [("owner", types.MemInfoPointer(types.intp)), ("plan", types.intp)]
        super().__init__(manager, kind, members)


@unbox(SolverType)
def _unbox(kind, value, c):
    address = c.pyapi.object_getattr_string(value, "plan_address")
    found = cgutils.create_struct_proxy(kind)(c.context, c.builder)
    found.plan = c.pyapi.long_as_longlong(address)
    c.pyapi.decref(address)
    data = c.builder.inttoptr(found.plan, cgutils.voidptr_t)
    found.owner = c.pyapi.nrt_meminfo_new_from_pyobject(data, value)
    failed = cgutils.is_not_null(c.builder, c.pyapi.err_occurred())
    return NativeValue(found._getvalue(), is_error=failed)


@box(SolverType)
def _box(kind, value, c):
    plan = cgutils.create_struct_proxy(kind)(c.context, c.builder, value).plan
    place = c.builder.inttoptr(plan, WORD.as_pointer())
    word = c.builder.load(c.builder.gep(place, [WORD(solver_call.OBJECT)]))
    found = c.builder.inttoptr(word, c.pyapi.pyobj)
    c.pyapi.incref(found)
    if c.context.enable_nrt:
        c.context.nrt.decref(c.builder, kind, value)
    return found


@lower_constant(SolverType)
def _constant(context, builder, kind, solver):
    _constants.append(solver)
    found = cgutils.create_struct_proxy(kind)(context, builder)
    # Numba keeps no code on disk that has such an address in it.
    address = context.add_dynamic_addr(builder, solver.plan_address, info=kind.label)
    found.plan = builder.ptrtoint(address, WORD)
    found.owner = cgutils.get_null_value(found.owner.type)
    return found._getvalue()


def _code_of(kind):
    """Return the function that emits the code of a call."""

    def call(context, builder, sig, values):
        solver, x0, *given = values
        plan = cgutils.create_struct_proxy(kind)(context, builder, solver).plan
        point = kind.point
        if len(given) > len(kind.kinds):
            x = array_struct(context, builder, point, given.pop())
            _require_shape(context, builder, kind, x, "out")
            context.nrt.incref(builder, point, x._getvalue())
        else:
            x = allocate_array(context, builder, point, [WORD(size) for size in kind.shape])
        start, temporary = _start(context, builder, kind, sig.args[1], x0)
        tuple_kind = types.Tuple(kind.kinds)
        args = cgutils.alloca_once_value(builder, context.make_tuple(builder, tuple_kind, given))
        found = cgutils.alloca_once(builder, ir.DoubleType(), size=solver_call.NUMBERS)
        request = cgutils.alloca_once(builder, WORD, size=solver_call.REQUEST)
        words = {
            solver_call.PLAN: plan,
            solver_call.MEMORY: WORD(0),
            solver_call.BUDGET: WORD(solver_call.UNLIMITED),
            solver_call.TASK: WORD(solver_call.BEGIN),
            solver_call.START_AT: builder.ptrtoint(start, WORD),
            solver_call.X_AT: builder.ptrtoint(x.data, WORD),
            solver_call.ARGS_AT: builder.ptrtoint(args, WORD),
            solver_call.FOUND: builder.ptrtoint(found, WORD),
        }
        for k, word in words.items():
            builder.store(word, builder.gep(request, [WORD(k)]))
        place = builder.inttoptr(plan, WORD.as_pointer())
        core = builder.load(builder.gep(place, [WORD(solver_call.CORE)]))
        at = builder.ptrtoint(request, WORD)
        call_code(context, builder, types.none, (types.intp,), core, at)
        if temporary is not None:
            context.nrt.decref(builder, point, temporary)
        f, *counts = (
            builder.load(builder.gep(found, [WORD(k)])) for k in range(solver_call.NUMBERS)
        )
        result = kind.numbers
        status, nit, nfev = (builder.fptosi(number, WORD) for number in counts[:3])
        success = builder.fcmp_ordered("!=", counts[3], ir.DoubleType()(0.0))
        items = x._getvalue(), f, status, nit, nfev, success
        return context.make_tuple(builder, result, items)

    return call


def _require_shape(context, builder, kind, array, name):
    """Raise a ValueError if an array does not have the shape of x."""
    same = ir.IntType(1)(1)
    for length, wanted in zip(cgutils.unpack_tuple(builder, array.shape), kind.shape, strict=True):
        same = builder.and_(same, builder.icmp_signed("==", length, WORD(wanted)))
    with cgutils.if_unlikely(builder, builder.not_(same)):
        said = f"{name} of {kind.label} must have shape {kind.shape}, for which it was prepared"
        context.call_conv.return_user_exc(builder, ValueError, (said,))


def _start(context, builder, kind, given, value):
    """Return the address of a start in the type of x, and its array if that was made for it.

    The result may overlap the given start, so it is no place for it.
    """
    if not is_tuple(given):
        array = array_struct(context, builder, given, value)
        _require_shape(context, builder, kind, array, "x0")
        if given.dtype == kind.real and given.layout == "C":
            return array.data, None
    size, real = math.prod(kind.shape), context.get_data_type(kind.real)
    if size * kind.real.bitwidth // 8 <= solver_call.LOCAL:
        data, temporary = cgutils.alloca_once(builder, real, size=max(size, 1)), None
    else:
        x = allocate_array(context, builder, kind.point, [WORD(size) for size in kind.shape])
        data, temporary = x.data, x._getvalue()
    if is_tuple(given):
        for k, item in enumerate(given):
            number = context.cast(builder, builder.extract_value(value, k), item, kind.real)
            builder.store(number, builder.gep(data, [WORD(k)]))
        return data, temporary
    shape, strides = (cgutils.unpack_tuple(builder, part) for part in (array.shape, array.strides))
    done = cgutils.alloca_once(builder, WORD)
    builder.store(WORD(0), done)
    with cgutils.loop_nest(builder, shape, WORD) as at:
        place = cgutils.get_item_pointer2(context, builder, array.data, shape, strides, "A", at)
        number = context.cast(builder, builder.load(place), given.dtype, kind.real)
        k = builder.load(done)
        builder.store(number, builder.gep(data, [k]))
        builder.store(builder.add(k, WORD(1)), done)
    return data, temporary

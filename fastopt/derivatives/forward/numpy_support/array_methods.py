"""Methods and attributes of arrays of duals."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import numpy as np
from numba import TypingError, types
from numba.extending import overload_method

from fastopt.compiling.llvm_arrays import allocate_as_numba_does
from fastopt.compiling.numba_internals import AttributeTemplate, infer_getattr
from fastopt.derivatives.forward.duals.dual_number import DualArray
from fastopt.derivatives.forward.duals.seeding import value_of
from fastopt.derivatives.forward.numpy_support.array_constructors import floats_wanted
from fastopt.derivatives.forward.numpy_support.array_joining import STAND_INS as JOINING
from fastopt.derivatives.forward.numpy_support.sums_products_extremes import STAND_INS
from fastopt.derivatives.forward.operators.stand_ins import is_none

REPEAT = JOINING[np.repeat]


def _method(name):
    function = STAND_INS[getattr(np, name)]
    if name in ("sum", "mean"):
        overload_method(DualArray, name)(
            lambda a, axis=None: (
                (lambda a, axis=None: function(a))
                if is_none(axis)
                else (lambda a, axis=None: function(a, axis))
            )
        )
    elif name == "dot":
        overload_method(DualArray, name)(lambda a, b: lambda a, b: function(a, b))
    else:
        overload_method(DualArray, name)(lambda a: lambda a: function(a))


_METHODS = "sum mean prod cumsum cumprod max min argmax argmin var std copy dot".split()
for _name in _METHODS:
    _method(_name)


@overload_method(DualArray, "repeat")
def _repeat(a, repeats):
    function = REPEAT
    return lambda a, repeats: function(a, repeats)


@overload_method(DualArray, "astype")
def _astype(a, dtype):
    dual = a.dtype
    if floats_wanted([dtype], dual):
        return lambda a, dtype: a * 1.0
    item = getattr(dtype, "dtype", None)
    if not isinstance(item, types.Integer | types.Boolean):
        raise TypingError(f"astype of an array that depends on x is known for {dual.real} only")

    def steps(a, dtype):
        made = np.empty(a.shape, dtype)
        for i in range(a.size):
            made.flat[i] = value_of(a.flat[i])
        return made

    return steps


_KEPT = "shape size ndim T flat reshape ravel flatten transpose dtype sort argsort fill".split()
_KEPT += ["astype", "repeat"]


allocate_as_numba_does(DualArray)


@infer_getattr
class _Attributes(AttributeTemplate):
    """A filter of attributes: some others, such as `view`, would treat partials as values."""

    key = DualArray

    def generic_resolve(self, typ, attr):
        if attr not in (*_METHODS, *_KEPT):
            raise TypingError(f"Unknown attribute '{attr}' of an array that depends on x")

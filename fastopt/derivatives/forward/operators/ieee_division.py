"""Division and powers by IEEE, in code with NumPy's error model, for cases in which Numba raises.

Numba compiles the bodies of these operators under Python's error model, whatever their caller has:
``1 / 0j``, ``0.0 ** -1`` and ``1e-200 ** -2`` raise a ZeroDivisionError. Here they return
infinities and NaN with ``error_model="numpy"``, as in NumPy. Other values are the same.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import math
import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import lower_builtin

from fastopt.compiling import numba_lowerings

_LARGEST = 0x10000  # exponent beyond which math.pow is called, as in Numba


def _lower(original, ieee):
    """Return a lowering: `ieee` under NumPy's error model, else `original`."""

    def lower(context, builder, sig, args):
        raises = context.error_model.raise_on_fp_zero_division
        return (original if raises else ieee)(context, builder, sig, args)

    return lower


def _divide(context, builder, sig, args):
    """Divide; if the divisor is zero, divide by another number and replace the quotient."""
    a, b = (context.make_complex(builder, sig.return_type, value=v) for v in args)
    zero = ir.Constant(b.real.type, 0.0)
    here = builder.and_(*(builder.fcmp_ordered("==", part, zero) for part in (b.real, b.imag)))
    a_real, a_imag = a.real, a.imag
    b.real = builder.select(here, ir.Constant(zero.type, 1.0), b.real)
    given = args[0], b._getvalue()
    found = numba_lowerings.complex_div_impl(context, builder, sig, given)
    found = context.make_complex(builder, sig.return_type, value=found)
    found.real = builder.select(here, builder.fdiv(a_real, zero), found.real)
    found.imag = builder.select(here, builder.fdiv(a_imag, zero), found.imag)
    return found._getvalue()


def _power(context, builder, sig, args):
    """Raise a number to an integer power, by repeated squaring."""
    kind = sig.return_type
    whole = isinstance(kind, types.Integer)
    least = -1 << (kind.bitwidth - 1) if whole else 0

    def int_power(a, b):
        r, a = kind(1), kind(a)
        exponent = -b if b < 0 else b
        if whole:
            if b < 0 and a == 0:
                return kind(least)
            if b < 0 and a != 1 and a != -1:
                return kind(0)
            exponent = 0 if exponent < 0 else exponent  # the lowest integer is even
        if exponent > _LARGEST or exponent < 0:
            return kind(math.pow(a, float(b)))
        while exponent != 0:
            if exponent & 1:
                r *= a
            exponent >>= 1
            a *= a
        return kind(np.divide(1.0, r)) if b < 0 else r

    return context.compile_internal(builder, int_power, sig, args)


def _literal_power(context, builder, sig, args):
    """Raise a float to a literal integer power, by the same multiplications."""
    power, kind = sig.args[1].literal_value, sig.return_type
    if power >= 0 or abs(power) > _LARGEST or not isinstance(kind, types.Float):
        return numba_lowerings.static_power_impl(context, builder, sig, args)
    value = context.cast(builder, args[0], sig.args[0], kind)
    exponent, result = -power, ir.Constant(value.type, 1.0)
    one = result
    while exponent:
        if exponent & 1:
            result = builder.fmul(result, value)
        exponent >>= 1
        value = builder.fmul(value, value)
    return builder.fdiv(one, result)


for _key in (operator.truediv, operator.itruediv):
    for _kind in (types.complex64, types.complex128):
        lower_builtin(_key, _kind, _kind)(_lower(numba_lowerings.complex_div_impl, _divide))
for _key in (operator.pow, operator.ipow, pow):
    _lowering = _lower(numba_lowerings.int_power_impl, _power)
    for _kind in (types.int64, types.uint64):
        lower_builtin(_key, _kind, _kind)(_lowering)
    for _kind in types.signed_domain | types.unsigned_domain:
        lower_builtin(_key, types.Float, _kind)(_lowering)
for _key in (operator.pow, operator.ipow):
    _lowering = _lower(numba_lowerings.static_power_impl, _literal_power)
    for _kind in (types.Integer, types.Float):
        lower_builtin(_key, _kind, types.IntegerLiteral)(_lowering)

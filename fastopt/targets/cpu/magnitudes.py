"""Magnitudes of floating-point numbers as integers, whose largest one is found in vectors.

Without its sign, the pattern of bits of a number is an integer in the same order. That of NaN is
above all others. A largest number that may be NaN cannot be found in vectors, an integer can.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def magnitude(context, number):
    """Return the bits of |number| as an integer."""
    signed: Any = types.int32 if number == types.float32 else types.int64

    def codegen(context, builder, signature, args):
        kind = context.get_value_type(signed)
        bits = builder.bitcast(args[0], kind)
        return builder.and_(bits, ir.Constant(kind, 2 ** (signed.bitwidth - 1) - 1))

    return signed(number), codegen


@intrinsic
def of_magnitude(context, bits):
    """Return the number with these bits."""
    number: Any = types.float32 if bits == types.int32 else types.float64

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(number))

    return number(bits), codegen


def plain_magnitude(number):
    """Return `magnitude` in the interpreter."""
    number = np.asarray(number)
    return abs(number).view(f"i{number.itemsize}")[()]


def plain_of_magnitude(bits):
    return float(np.asarray(bits).view(f"f{bits.itemsize}"))


BINDINGS = {"magnitude": magnitude, "of_magnitude": of_magnitude}
PLAIN = {"magnitude": plain_magnitude, "of_magnitude": plain_of_magnitude}

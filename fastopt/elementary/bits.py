"""Single instructions that Python has no operator for, and floats seen as their bits.

An intrinsic costs the compiler far less than a function, and a select less than a branch. Each
intrinsic accepts floats of one width only: a stray float64 in a float32 function fails to compile.
"""

from typing import Any

from llvmlite import ir
from numba import extending, types

intrinsic: Any = extending.intrinsic  # its type is that of what it decorates, one argument more

FRACTION = {32: 23, 64: 52}  # bits of the fraction
BIAS = {32: 127, 64: 1023}
SQRT_HALF = {32: 0x3F3504F3, 64: 0x3FE6A09E667F3BCD}  # the bits of sqrt(1/2)


def same_floats(*kinds):
    return isinstance(kinds[0], types.Float) and all(kind == kinds[0] for kind in kinds)


def _call(name, kind, count):
    """Return signature and code generator of the LLVM intrinsic `name` of `count` arguments."""

    def codegen(context, builder, signature, args):
        real = args[0].type
        function = builder.module.declare_intrinsic(
            f"llvm.{name}", [real], ir.FunctionType(real, [real] * count)
        )
        return builder.call(function, args)

    return kind(*[kind] * count), codegen


@intrinsic
def fma(context, a, b, c):
    """Compute a·b + c with one rounding on every machine: error-free transformations need it."""
    return _call("fma", a, 3) if same_floats(a, b, c) else None


@intrinsic
def nearest(context, x):
    """Round to the nearest integer, ties to even."""
    return _call("rint", x, 1) if same_floats(x) else None


@intrinsic
def magnitude(context, x):
    """Compute |x|."""
    return _call("fabs", x, 1) if same_floats(x) else None


@intrinsic
def with_sign(context, x, sign):
    """Give x the sign bit of `sign`."""
    return _call("copysign", x, 2) if same_floats(x, sign) else None


@intrinsic
def where(context, condition, x, y):
    """Select x or y, both of which are computed."""
    if not (same_floats(x, y) and condition == types.boolean):
        return None
    return x(condition, x, y), lambda context, builder, signature, args: builder.select(*args)


@intrinsic
def polynomial(context, x, coefficients):
    """Evaluate a polynomial by Horner's rule, lowest coefficient first.

    On machines without a native fma, each step is a multiplication and an addition.
    """
    if not (isinstance(coefficients, types.UniTuple) and same_floats(x, coefficients.dtype)):
        return None

    def codegen(context, builder, signature, args):
        real = args[0].type
        name, shape = "llvm.fmuladd", ir.FunctionType(real, [real] * 3)
        fmuladd = builder.module.declare_intrinsic(name, [real], shape)
        terms = [builder.extract_value(args[1], i) for i in range(coefficients.count)]
        value = terms.pop()
        while terms:
            value = builder.call(fmuladd, [value, args[0], terms.pop()])
        return value

    return x(x, coefficients), codegen


class _Word:
    """Builder of integer arithmetic on the bits of floats of one width."""

    def __init__(self, builder, real, width):
        self.builder, self.real, self.integer = builder, real, ir.IntType(width)
        self.fraction, self.bias, self.sqrt_half = FRACTION[width], BIAS[width], SQRT_HALF[width]
        self.sign = self.integer(1 << (width - 1))

    def bits(self, x):
        return self.builder.bitcast(x, self.integer)

    def float(self, bits):
        return self.builder.bitcast(bits, self.real)

    def aligned(self, n, plus=0):
        """Return bits that end in those of n + plus, for integral n.

        Adding 1.5·2^fraction aligns them.
        """
        return self.bits(self.builder.fadd(n, self.real(1.5 * 2.0**self.fraction + plus)))

    def stepped(self, x):
        """Return the bits of x > 0, shifted such that the exponent changes at sqrt(1/2)·2^k."""
        moved = (self.bias << self.fraction) - self.sqrt_half
        return self.builder.add(self.bits(x), self.integer(moved))


def _of_bits(build):
    """Make the intrinsic of one float from `build(word, builder, x)`."""

    def typer(context, x):
        if not same_floats(x):
            return None

        def codegen(context, builder, signature, args):
            return build(_Word(builder, args[0].type, x.bitwidth), builder, args[0])

        return x(x), codegen

    typer.__name__, typer.__doc__ = build.__name__, build.__doc__
    return intrinsic(typer)


@_of_bits
def power_of_two(word, builder, n):
    """Build 2^n for an integral n from the smallest normal exponent to the largest."""
    biased = word.aligned(n, plus=word.bias)
    return word.float(builder.shl(biased, word.integer(word.fraction)))


@_of_bits
def exponent(word, builder, x):
    """Find the integral k for which sqrt(1/2) <= x/2^k < sqrt(2), of a normal x > 0."""
    biased = builder.lshr(word.stepped(x), word.integer(word.fraction))
    # The bits of 2^fraction, ending in those of k, are the float 2^fraction + k. This avoids a slow
    # conversion.
    unit = 2.0**word.fraction
    whole = builder.or_(biased, word.bits(word.real(unit)))
    return builder.fsub(word.float(whole), word.real(unit + word.bias))


@_of_bits
def significand(word, builder, x):
    """Compute x/2^k with k = exponent(x)."""
    fraction = builder.and_(word.stepped(x), word.integer((1 << word.fraction) - 1))
    return word.float(builder.add(fraction, word.integer(word.sqrt_half)))


@intrinsic
def has_bit(context, n, mask):
    """Return True if n & mask is not 0, for an integral n and a small mask."""
    if not (same_floats(n) and isinstance(mask, types.Integer)):
        return None

    def codegen(context, builder, signature, args):
        word = _Word(builder, args[0].type, n.bitwidth)
        mask = builder.trunc(args[1], word.integer) if n.bitwidth == 32 else args[1]
        return builder.icmp_unsigned(
            "!=", builder.and_(word.aligned(args[0]), mask), word.integer(0)
        )

    return types.boolean(n, types.int64), codegen

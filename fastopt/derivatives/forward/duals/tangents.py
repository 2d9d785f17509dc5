"""Second derivatives: the rules of `derivative_rules` applied to numbers with a tangent.

A rule computes the derivatives of a function. Run on numbers that have a derivative in one
direction themselves, it gives the derivatives of those: duals of duals, from the same rules.
"""

import operator

from fastopt.derivatives.forward.duals import partials
from fastopt.derivatives.rules import derivative_rules
from fastopt.derivatives.rules.infinite_slopes import Chosen, ZeroIfInactive

RULES = {**derivative_rules.MATH, "mod": derivative_rules.mod}


def combined(m, rule, parts, count):
    """Return the value and the lanes of a `SecondDual` by a rule.

    `parts` are the values and the lanes of the arguments, as symbols of `m`. A constant has no
    lanes.
    """
    own = Tangents(m)
    found = rule(own, *(Tangent(own, v, lanes[count] if lanes else None) for v, lanes in parts))
    v, *derivatives = found
    pairs = zip(parts, derivatives, strict=True)
    moving = [([lane.value for lane in lanes], d) for (_, lanes), d in pairs if lanes]
    totals = partials.combined(m, [(lanes, _plain(d)) for lanes, d in moving])
    for lanes, d in moving:
        change = _change(d)
        if change is None:
            continue
        for j in range(count):
            place = count + 1 + j
            totals[place] = partials.added(m, totals[place], lanes[j], change, careful=True)
    return own.constant(v).value.value, totals


def _plain(d):
    """Return a derivative without its tangent."""
    if isinstance(d, ZeroIfInactive):
        told = d.told.value if isinstance(d.told, Tangent) else d.told
        return ZeroIfInactive(_plain(d.derivative), d.dead, told)
    return d.value if isinstance(d, Tangent) else d


def _change(d):
    """Return the derivative of a derivative in the direction, or None if it is zero."""
    if isinstance(d, Chosen):
        return None
    dead = d.dead if isinstance(d, ZeroIfInactive) else None
    inner = d.derivative if isinstance(d, ZeroIfInactive) else d
    dot = inner.dot if isinstance(inner, Tangent) else None
    return None if dot is None else ZeroIfInactive(dot, dead)


class Tangent:
    """A number of the generated code and its derivative in the direction; None means zero."""

    def __init__(self, own, value, dot):
        self.own, self.value, self.dot = own, value, dot

    def __neg__(self):
        return self.own.applied(derivative_rules.neg, self)

    def __abs__(self):
        return self.own.applied(derivative_rules.absolute, self)


def _arithmetic(rule):
    return (lambda a, b: a.own.applied(rule, a, b), lambda a, b: a.own.applied(rule, b, a))


def _comparison(compare):
    return lambda a, b: compare(a.value, a.own.constant(b).value)


for _name in ("add", "sub", "mul", "truediv"):
    _rule = derivative_rules.OPERATORS[_name]
    for _prefix, _method in zip(("", "r"), _arithmetic(_rule), strict=True):
        setattr(Tangent, f"__{_prefix}{_name}__", _method)
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Tangent, f"__{_name}__", _comparison(getattr(operator, _name)))


class Tangents:
    """The `m` of rules: functions on numbers with a tangent, over another `m`."""

    def __init__(self, m):
        self.m = m

    def constant(self, number):
        if isinstance(number, Tangent):
            return number
        return Tangent(self, self.m.constant(number), None)

    def where(self, condition, a, b):
        a, b = self.constant(a), self.constant(b)
        value, dot = self.m.where(condition, a.value, b.value), None
        if a.dot is not None or b.dot is not None:
            dots = [0.0 if side.dot is None else side.dot for side in (a, b)]
            dot = self.m.where(condition, *dots)
        return Tangent(self, value, dot)

    def floor(self, x):
        return Tangent(self, self.m.floor(x.value), None)

    def digamma(self, x):
        def rule(m, x):
            return m.digamma(x), ZeroIfInactive(m.trigamma(x))

        return self.applied(rule, x)

    def __getattr__(self, name):
        rule = RULES[name]
        return lambda *args: self.applied(rule, *args)

    def applied(self, rule, *args):
        """Apply a rule to numbers with tangents."""
        given = [self.constant(a) for a in args]
        v, *derivatives = rule(self.m, *(a.value for a in given))
        pairs = zip(given, derivatives, strict=True)
        moving = [([a.dot.value], d) for a, d in pairs if a.dot is not None]
        dot = self.m.symbol(partials.combined(self.m, moving)[0]) if moving else None
        return Tangent(self, self.m.constant(v), dot)

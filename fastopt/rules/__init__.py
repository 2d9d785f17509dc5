"""Update rules, one module each; the module's name is the method's name.

A rule is ordinary Python on scalars, compiled unchanged for every target:

- a NamedTuple of options with their defaults (its class name is the rule's public name);
- ``C``, a named tuple of coefficients, which are fixed within an iteration; none has a name of
  `_clipping_and_decay.FIELDS`;
- ``S``, a named tuple of state slots. A slot called ``v`` starts at the initial accumulator, every
  other slot at zero;
- ``NEEDS`` (optional): slot -> the option without which that slot is neither kept nor read;
- ``MEANINGS`` (optional): option -> what `help` says of it, if `optimizers.rule_classes` does not;
- ``IDLE`` (optional): the options that do not change d, if they are not those named there;
- ``OWN_LENGTH`` (optional): True if a step for a rate of 1 is no gradient over d. It has a length
  of its own then: that of a sign, or one in x's units;
- ``coefficients(o, rate, t, rule_scalar) -> (C, rule_scalar)``, called once per iteration
  t = 1, 2, .... ``rule_scalar`` is a number passed from iteration to iteration, 1 at the start.
  With ``learning_rate="auto"`` t is infinite and the rate is 1;
- ``update(g, s, c) -> (step, d, s)``: the caller subtracts the step. d is the diagonal that divides
  the gradient; ``learning_rate="auto"`` measures lengths with it. So d is never zero where some
  gradient was not. A rule without a divisor returns 1.

A rule has at most four slots; without ``v`` at most two.
"""

import functools
import importlib
import pkgutil


@functools.cache
def methods():
    """Return the names of the update rules that `minimize` accepts.

    Examples
    --------
    >>> import fastopt
    >>> "rmsprop" in fastopt.methods()
    True
    """
    return tuple(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


@functools.cache
def get(method):
    """Return the module of a rule."""
    return importlib.import_module(f"{__name__}.{method}")


@functools.lru_cache(256)
def options_class(rule):
    """Return the NamedTuple class of a rule's options: the one it defines besides C and S."""
    return next(
        v for v in vars(rule).values() if hasattr(v, "_fields") and v not in (rule.C, rule.S)
    )


@functools.lru_cache(256)
def uses(rule, options):
    """Return which state slots these options need, as the rule's S of booleans."""
    needs = getattr(rule, "NEEDS", {})
    return rule.S(*(bool(getattr(options, needs.get(s, ""), True)) for s in rule.S._fields))


def is_normed(rule):
    """Return True if gradients over the rule's diagonal tell how long its steps are."""
    return not getattr(rule, "OWN_LENGTH", False)

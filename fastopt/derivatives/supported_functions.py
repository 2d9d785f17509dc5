"""The table of functions that have derivatives, made from the code.

``python -m fastopt.derivatives.supported_functions > docs/differentiable.md`` writes it.
"""

import math

import numpy as np

from fastopt.derivatives import substitutions
from fastopt.derivatives.duals import derivative_rules, numpy_only_rules
from fastopt.derivatives.numpy_support import array_methods
from fastopt.derivatives.operators.loop_fusion import OPERATORS
from fastopt.derivatives.operators.scalar_operators import COMPARISONS

_HEAD = """# What can be differentiated

Functions and operators that `jac="autodiff"` knows, for numbers and arrays that depend on x.
All that Numba compiles is possible for numbers and arrays that do not.
This page is made from the code by `python -m fastopt.derivatives.supported_functions`.

A function that is not here is refused with a sentence that names its line.
"""


def _names_of(module, functions):
    """Names in a module, aliases too, of these functions."""
    wanted = {id(f) for f in functions}
    return sorted(n for n, f in vars(module).items() if n[0] != "_" and id(f) in wanted)


def _section(title, names):
    return f"\n## {title}\n\n" + ", ".join(f"`{name}`" for name in names) + "\n"


def table():
    """Return the page."""
    rules = {**derivative_rules.MATH, **derivative_rules.MATH_STEPS}
    numpy_rules = {**numpy_only_rules.NUMPY, **derivative_rules.STEPS}
    elementwise = [getattr(np, n) for n in numpy_rules if hasattr(np, n)] + [np.where]
    arrays = [f for f in substitutions.ARRAYS if f is not np.linalg.norm]
    scratch = "zeros ones empty full zeros_like ones_like empty_like full_like".split()
    steps = sorted(n for n in derivative_rules.STEPS if hasattr(np, n))
    operators = {f.__name__ for f in OPERATORS if f not in COMPARISONS}
    kept = [*array_methods._METHODS, *array_methods._KEPT]
    parts = [
        _HEAD,
        _section("Operators", sorted(operators | {f.__name__ for f in COMPARISONS})),
        _section("Of Python", sorted("abs bool float int max min pow round".split())),
        _section("Of math", sorted(n for n in rules if hasattr(math, n))),
        _section("Of NumPy, element by element", _names_of(np, elementwise)),
        _section("Of NumPy, of arrays", [*_names_of(np, arrays), "linalg.norm"]),
        _section("Of NumPy, arrays to be written into", sorted(scratch)),
        _section("Of scipy.special", sorted(numpy_only_rules.SPECIAL)),
        _section("Methods and attributes of arrays", sorted(kept)),
        _section("Steps, whose derivative is 0", steps),
    ]
    return "".join(parts)


if __name__ == "__main__":
    print(table(), end="")

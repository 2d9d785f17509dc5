"""The table of adjoints: NumPy's function -> its `Adjoint`.

Views of arrays are not in it: the shadow of a view is the same view of the array's shadow. Nor are
elementwise functions, which `derivative_rules` differentiates.
"""

from fastopt.derivatives.reverse.array_adjoints import (
    curves,
    factorisations,
    joining,
    linear_systems,
    products,
    reductions,
    scans,
)

ADJOINTS: dict = {}
for _group in (reductions, scans, products, joining, curves, linear_systems, factorisations):
    ADJOINTS |= _group.ADJOINTS

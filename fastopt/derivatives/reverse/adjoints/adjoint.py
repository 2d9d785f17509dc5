"""The form of an adjoint in the reverse sweep."""

from numba import types


class Adjoint:
    """The needs of the adjoint of an operation, and the code that adds its contributions.

    `values` are variables whose values it reads, `shapes` arrays of which it reads the shape
    alone, and `shadows` arrays whose adjoints it reads or changes.
    """

    values: tuple = ()
    shapes: tuple = ()
    shadows: tuple = ()
    is_calm = True  # whether its derivatives are finite
    guards = False, False  # whether a zero adjoint, and a zero slope, end a product: see `guards`

    def __init__(self, program, activity, op):
        self.program, self.activity, self.op = program, activity, op
        self.taken: dict = {}  # array -> a copy of its elements before they changed

    def emit(self, sweep):
        """Write the code; `sweep` knows the builder and the names of values and adjoints."""

    def sources(self):
        """Return the variables that it passes adjoints to."""
        return self.op.args

    def rules(self):
        """Return the names of its rules."""
        return set()

    def value(self, sweep, name):
        return sweep.value(self.taken.get(name, name))


class PartWrite(Adjoint):
    """A write of a number or an array to part of an array."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        array, index, value = op.uses
        self.is_active = activity.is_active(value)
        self.is_array = isinstance(program.types[value], types.Array)
        self.values, self.shadows = (index,), (array,)
        if self.is_active and self.is_array:
            self.shadows += (value,)


class Nothing(Adjoint):
    """An operation that passes nothing on, or whose contributions go along the edges."""


def said(program, op):
    """Return a description of an operation that is refused."""
    kinds = ", ".join(str(program.type_of(name)) for name in op.args)
    if op.kind == "call":
        name = getattr(op.key, "__name__", None) or str(program.types[op.uses[0]])
        return f"a call of {name}({kinds})"
    if op.kind in ("binop", "unary"):
        return f"{op.value.__name__}({kinds})"
    if op.kind == "setitem":
        return f"a write to part of an array ({kinds})"
    what = op.value.op if op.kind == "expr" else op.kind
    return f"{what} of {kinds}"

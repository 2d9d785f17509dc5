"""Text of loops over the elements of several arrays, some of which are broadcast.

The lengths of the common shape are n0, n1, ..., and the indices i0, i1, .... The step of array k
along its axis j is ``m{k}_{j}``. It is 0 if the array is broadcast along this axis.
"""

# Operations that cost less than a copy of an element: no array is made so that they vectorise.
CHEAP = frozenset(
    "add sub mul truediv neg pos absolute larger smaller maximum minimum fmax fmin clip".split()
) | {"where", "extreme", "literal_power", "sqrt"}


class ElementLoops:
    """Loops for `arrays`, a dict of: key k -> (variable, number of axes)."""

    def __init__(self, axes, arrays):
        self.axes, self.arrays = axes, arrays

    def lengths(self, pad="    "):
        """Return lines that find the common shape."""
        out = [f"{pad}n{axis} = 1" for axis in range(self.axes)]
        for v, ndim in self.arrays.values():
            for own in range(ndim):
                length = f"{v}.shape[{own}]"
                out.append(f"{pad}if {length} != 1: n{self._axis(ndim, own)} = {length}")
        return out

    def checks(self, pad="    "):
        """Return lines that raise an error for shapes that are not broadcast to the common one."""
        tests = [
            f"({v}.shape[{own}] != n{self._axis(ndim, own)} and {v}.shape[{own}] != 1)"
            for v, ndim in self.arrays.values()
            for own in range(ndim)
        ]
        message = "arrays of these shapes cannot be combined"
        return [f'{pad}if {" or ".join(tests)}: raise ValueError("{message}")'] if tests else []

    def fit(self):
        """Return the test that no array is broadcast, except along axes that it does not have."""
        tests = [self._full(v, ndim) for v, ndim in self.arrays.values() if ndim]
        return " and ".join(tests) or "True"

    def steps(self, pad="    "):
        """Return lines that set the steps."""
        return [
            f"{pad}m{k}_{own} = 0 if {v}.shape[{own}] == 1 else 1"
            for k, (v, ndim) in self.arrays.items()
            for own in range(ndim)
        ]

    def at(self, k, spread):
        """Return the index of an element of array k."""
        ndim = self.arrays[k][1]
        index = [f"i{self._axis(ndim, own)}" for own in range(ndim)]
        if spread:
            index = [f"{i} * m{k}_{own}" for own, i in enumerate(index)]
        return ", ".join(index)

    def nest(self, body, pad="    "):
        """Return loops over all axes around lines."""
        out = []
        for axis in range(self.axes):
            out.append(f"{pad}for i{axis} in range(n{axis}):")
            pad += "    "
        return out + [pad + line for line in body]

    def place(self):
        """Return the number of an element in C order."""
        text = "i0"
        for axis in range(1, self.axes):
            text = f"({text}) * n{axis} + i{axis}"
        return text

    def count(self):
        return " * ".join(f"n{axis}" for axis in range(self.axes))

    def work(self, k, variable, name, body, before, pad="    "):
        """Return lines that make `name`: a flat view of an array of full shape, or another array.

        `body` copies an element between `variable` and the other array. With `before`, this comes
        first; else it is in the lines that are returned second.
        """
        ndim = self.arrays[k][1]
        whole = self._full(self.arrays[k][0], ndim) if ndim == self.axes else "False"
        out = [f"{pad}is_{name} = {variable}.flags.c_contiguous and {whole}"]
        out.append(f"{pad}{name} = work_of({variable}, is_{name}, {self.count()})")
        copy = [f"{pad}if not is_{name}:", *self.nest([body], pad + "    ")]
        return (out + copy, []) if before else (out, copy)

    def _axis(self, ndim, own):
        return self.axes - ndim + own

    def _full(self, v, ndim):
        return " and ".join(f"{v}.shape[{own}] == n{self._axis(ndim, own)}" for own in range(ndim))

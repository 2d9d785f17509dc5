"""Why a run from 10 or 100 times the start of a classical problem may miss its minima.

Some have their infimum at infinity too, and some exponentials are zero, or infinite, out there: a
method that goes downhill may end where the values below say, whatever its steps.
"""

_NO_CURVE = "where the curve is too narrow to touch the data f is flat (0.38 to 0.5642)"
_BOX = "f falls towards 0.0755887 as x2 grows, with x1 = 0.6136 and x3 = 1.31996"
FAR = {
    10.0: {"Gaussian": _NO_CURVE, "Box 3-D": _BOX},
    100.0: {
        "Beale": "f falls towards 0.452 as x1 falls and x2 goes to 1",
        "Jennrich-Sampson": "f is infinite at the start",
        "Bard": "f is level at 16.79 to six digits where x2 and x3 are large",
        "Gaussian": _NO_CURVE,
        "Gulf": "the gradient is zero at the start",
        "Box 3-D": _BOX,
        "Kowalik-Osborne": "f falls towards 0.00094 along a valley as x2 grows",
        "Osborne 1": "both exponentials become lines: f falls towards 0.0467, a parabola's",
        "Osborne 2": "the peaks lie outside of the data, f is level at 26.305",
    },
}

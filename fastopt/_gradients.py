"""`value_and_grad` and `compare_grad`: derivatives by themselves."""


def value_and_grad(fun, *, size=None, fast_math_functions=True):
    """Make a compiled function that returns the value of `fun` and its exact gradient.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        An @njit function, or a plain one, which is compiled, with the plain functions it calls.
    size : int, optional
        The number of components of x, where it is known: what is compiled then carries just so
        many partial derivatives, up to 8. Without it every 4 components take a pass over `fun`.
    fast_math_functions : bool
        Whether exp, log, sin and so on are fastopt's vectorisable ones (within 2 units in the last
        place) or Numba's.

    Returns
    -------
    callable ``(x, *args) -> (f, g)``
        An @njit function, to be called from Python or from other @njit functions. `x` is an array
        of float64 or float32 of any shape (integers become float64), `f` a float, and `g` an array
        in x's shape and dtype.

    Raises
    ------
    TypeError
        When it is first called, where `fun` cannot be compiled or differentiated; the message
        names the line.

    Notes
    -----
    Forward-mode automatic differentiation: numbers carry their partial derivatives along. At a
    tie of ``max``, ``min`` or a comparison the derivative is that of the branch taken.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> slope = fastopt.value_and_grad(lambda x: x[0] ** 2 * np.sin(x[1]))
    >>> f, g = slope(np.array([3.0, 0.0]))
    >>> f, g.tolist()
    (0.0, [0.0, 9.0])
    """
    from fastopt.derivatives import _standalone

    return _standalone.value_and_grad(fun, size, bool(fast_math_functions))

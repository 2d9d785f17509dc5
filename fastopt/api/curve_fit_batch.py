"""`curve_fit_batch`: one model for very many data sets, with errors."""

from fastopt._sentences import counted
from fastopt.drivers import objective_bindings
from fastopt.drivers.fits import compiled_residuals, curve_batch, fit_batch, one_fit, shared_fit
from fastopt.inputs import (
    fit_batch_inputs,
    fit_inputs,
    run_options,
    shared_parameters,
    wrong_keywords,
)
from fastopt.storage.batch_checkpoint import BatchCheckpoint


@wrong_keywords.checked
def curve_fit_batch(
    f,
    xdata,
    ydata,
    p0,
    sigma=None,
    absolute_sigma=False,
    *,
    shared=None,
    bounds=None,
    method="adamax",
    nan_policy=None,
    loss="linear",
    f_scale=1.0,
    tol=None,
    options=None,
    callback=None,
    device="auto",
    workers=None,
):
    """Fit the parameters of a curve to very many data sets, each fit stopping by itself.

    Parameters
    ----------
    f : callable ``f(xdata, *parameters) -> array``
        The model, an @njit function or a plain one, which is compiled. If its value at a point
        depends on that point alone, which is checked, it is called with numbers, point by point. So
        it may use `math` and branches.
    xdata : array_like or tuple of array_like
        The coordinates of the points. An array (m,) or (k, m) is for all problems. One in the shape
        of `ydata` gives each problem its own. Several coordinates may be a tuple, of vectors or of
        arrays like `ydata`.
    ydata : array_like, shape (..., m), or list of vectors
        The data. The axes before the last one are the problems, such as the pixels of an image. A
        list has vectors of unequal lengths; then `xdata` and `sigma` are such lists too. Arrays of
        float32 are not copied; all else is converted to float64, in which all fits are done.
    p0 : array_like, shape (n,) or (..., n)
        The start of all problems, or of each. There are at most 64 parameters.
    sigma : float or array_like, shape (m,), (..., m), (m, m) or (..., m, m), optional
        Standard deviations of `ydata`, for all problems or for each. Or matrices of covariances, on
        the CPU. An array in the shape of `ydata` always has standard deviations.
    absolute_sigma : bool
        Whether `sigma` has the units of `ydata`, as for `curve_fit`.
    shared : sequence of str, of int or of bool, optional
        The parameters that have one value for all curves: the names of arguments of `f`, or their
        numbers from 0 on, or a mask of n. They are fitted to all curves together, as
        `least_squares_batch` says.
    bounds : `scipy.optimize.Bounds` or (low, high), optional
        Each side is a number, or has one for each parameter, or such a row for each problem.
    nan_policy : {None, "raise", "omit"}
        Points of which `xdata` or `ydata` is NaN: "omit" leaves them out, and `dof` counts those
        that were used. By default a problem with NaN has status -1, and so has one without points.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan", "poisson"}
        As for `curve_fit`. With "poisson" a problem with a negative count has status -1.
    method, f_scale, tol, options, callback, device, workers
        As for `least_squares_batch`.

    Returns
    -------
    scipy.optimize.OptimizeResult
        As from `least_squares_batch`, with the axes of the problems before those of a field:
        ``x[..., n], cov[..., n, n], status[...]``.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, or an `f` that cannot be compiled or differentiated.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> def peak(x, height, centre, width):
    ...     return height * np.exp(-((x - centre) ** 2) / (2 * width**2))
    >>> x = np.linspace(-3, 3, 40)
    >>> image = np.array([[peak(x, h, 0.1 * h, 0.8) for h in (1.0, 2.0)] for _ in range(3)])
    >>> image += 0.05 * np.cos(17 * x)
    >>> res = fastopt.curve_fit_batch(peak, x, image, [1.5, 0.0, 1.0])
    >>> res.x.shape, res.x[2, 1].round(2).tolist(), res.stderr[2, 1].round(2).tolist()
    ((3, 2, 3), [2.0, 0.2, 0.8], [0.01, 0.01, 0.01])

    All peaks have the same width. If it is shared, its error is that of all data:

    >>> res = fastopt.curve_fit_batch(peak, x, image, [1.5, 0.0, 1.0], shared=["width"])
    >>> res.shared.x.round(2), res.shared.stderr.round(4), res.shared.dof
    (array([0.8]), array([0.0034]), 227)
    """
    rule, given = run_options.find_rule(method), {"xdata": xdata, "ydata": ydata, "p0": p0}
    where = fit_batch_inputs.where_of(device, workers, **given, sigma=sigma)
    loss, f_scale = fit_inputs.loss_of(loss, f_scale, counts=True)
    curves = fit_batch_inputs.curves_of(xdata, ydata, sigma, nan_policy)
    if loss == "poisson":
        fit_inputs.require_counts(sigma)
    start = fit_batch_inputs.starts_of(p0, curves.axes)
    n = start.shape[-1]
    if n > compiled_residuals.MOST:
        raise ValueError(f"p0 has {n} parameters; a batch of fits has at most 64")
    fit_inputs.require_arguments("f", f, 1 + n, f"xdata and {counted(n, 'parameter')}")
    fields, args, places = curve_batch.arranged(curves)
    bounds = fit_batch_inputs.rows_of_bounds(bounds, curves.axes)
    names = "p0", "ydata"
    batch = fit_batch_inputs.read(rule, start, fields, args, bounds, tol, options, names)
    batch, sharing, callback = shared_parameters.split(batch, shared, callback, where, f)
    results, given = fit_batch.empty(batch), curve_batch.named(batch, curves, places)
    given |= {"f": f, "loss": loss, "f_scale": f_scale}
    checkpoint = BatchCheckpoint.wanted("curve_fit_batch", batch, rule, results, "p0", **given)
    compiled, _ = objective_bindings.for_batch(f, None)
    fits = None
    if batch.problems:
        given = compiled, batch, curves, places, loss
        found = one_fit.compiled_or_none(f, lambda: curve_batch.bindings_of(*given), "autodiff")
        bindings, batch = found or ({}, batch)
        name = rule.__name__.rpartition(".")[2]
        fits = fit_batch.Fits(compiled, name, loss, f_scale, bindings)

    def finish(b, values, jacobian):
        return curve_batch.residuals_of(batch, curves, places, b, values, jacobian, loss)

    ending = fit_batch.Ending(
        lambda results, b: fit_batch.args_of(batch, b)[places.y].size,
        finish,
        not absolute_sigma and loss != "poisson",
        curves.axes,
    )
    return shared_fit.solve(
        sharing, rule, batch, fits, ending, where, callback, checkpoint, results
    )

"""`minimize_stochastic`: the mean of a function over the rows of data, by mini-batches."""

from fastopt.drivers.training import minibatch_functions, parts, saved_state
from fastopt.drivers.training.run import Training
from fastopt.drivers.training.stream_run import StreamTraining
from fastopt.inputs import (
    compiled_arguments,
    minibatch_streams,
    run_options,
    start_and_bounds,
    stochastic_inputs,
    wrong_keywords,
)
from fastopt.results.progress import Compiling


@wrong_keywords.checked
def minimize_stochastic(
    fun,
    x0,
    data,
    args=(),
    *,
    method="rmsprop",
    jac=None,
    vectorized=False,
    batch_size=32,
    epochs=None,
    shuffle=True,
    seed=None,
    average=None,
    validation=None,
    patience=None,
    workers=None,
    callback=None,
    options=None,
):
    """Minimise the mean of a function over the rows of data, a mini-batch of rows at a time.

    Every step of the rule uses the mean gradient over the next `batch_size` rows; an epoch is a
    pass over all rows. The loop is compiled, and computes large mini-batches in threads. No
    learning rate has to be chosen: by default it is found on the way, and falls to zero over the
    run.

    Parameters
    ----------
    fun : callable ``fun(x, *row, *args) -> float``
        The term of one row, an @njit function or a plain one. A plain one is compiled, with the
        plain functions it calls. It must not write to its arguments.
    x0 : array_like of float64, float32 or integers, any shape
        The start, whose shape x keeps. Integers become float64, float32 stays float32.
    data : array_like, tuple of array_like, or iterator of mini-batches
        The rows, as in `minimize_batch`: one array, or a tuple of arrays, with the row as leading
        axis. `fun` gets row b of each, a number or an array in C order. In the tuple, a list of
        arrays is a field of rows of unequal lengths. Arrays are used in place: a `numpy.memmap` is
        read row by row, in the order of the steps. Give data in x0's dtype: float64 data make
        float64 work.

        A stream instead gives mini-batches for one step each: arrays, or tuples of arrays. It is
        an iterator, or a function that returns a new one for each epoch. An object that can be
        iterated over again is one too, as torch's DataLoader. No mini-batch may have more rows than
        the first. Then `batch_size`, `shuffle` and `seed` do not count; `validation` must be rows.
    args : tuple, optional
        Further arguments, the same for all rows.
    method : str
        One of `fastopt.methods()`.
    jac : {None, "autodiff", "forward", "reverse", True, callable, "add", "2-point", ...}
        The gradient, as in `minimize`. None and "autodiff" derive it, with True `fun` returns
        (value, gradient), a function is ``jac(x, *row, *args)``. With "add", the fastest,
        ``fun(x, g, *row, *args)`` adds its gradient to the array g, and returns the value.
    vectorized : bool
        If True, `fun` gets all rows of a mini-batch at once, as contiguous copies. The last
        mini-batch of an epoch may have fewer. `fun` returns their mean, and with ``jac=True`` or
        "add" also its gradient.
    batch_size, epochs : int
        Rows in a mini-batch, and passes over the data: 10, or 1 for an iterator. The last
        mini-batch of an epoch has the rows that are left; its mean is over these.
    shuffle : bool
        If True, every epoch has its own random order of the rows: Fisher and Yates's shuffle of
        their numbers. If False, the rows keep their order.
    seed : int or `numpy.random.Generator`, optional
        The seed of the order of the rows, and of the rows held out. The same seed gives the same
        bits.
    average : int or True, optional
        The first epoch whose iterates are averaged (True: 1). From there on, x is the mean of all
        iterates (Polyak and Juditsky 1992), also for validation.
    validation : float or tuple of array_like, optional
        Rows on which `fun` is evaluated after each epoch. A number is the share of the data to
        hold out: random rows; with ``shuffle=False`` the last ones. Arrays are other data.
    patience : int, optional
        Stop after this number of epochs in a row without a lower validation loss.
    workers : int, optional
        Threads that compute a mini-batch together, in parts. The bits do not depend on the number.
        By default all processors compute mini-batches of 256 rows and 65,536 numbers or more, if
        an epoch has 1,048,576 numbers, unless `vectorized`. With a number of workers all
        mini-batches of 256 rows or more have parts. A vectorized `fun` then gets 128 rows at a time
        or more (and what is left), and its means are averaged. So it must be a mean of terms of
        single rows: without batch normalisation, or a penalty over the number of rows.
    callback : callable, optional
        ``callback(intermediate_result)`` or ``callback(xk)`` after each epoch, with ``x, fun,
        epoch, nit`` and, with validation, ``validation_loss``; it may raise StopIteration.
    options : dict, optional
        The options of the run, and those of the rule.

        - ``learning_rate``: "auto" (default), a number, or one of `fastopt.schedules` in steps
          t = 1, 2, ... "auto" estimates how far the minimum is (see the notes).
        - ``weight_decay``: decoupled from the gradient, times the learning rate (Loshchilov and
          Hutter 2019). With "auto" it is times ``share * distance`` (see the notes).
        - ``maxiter`` (steps), ``maxtime`` (seconds, checked every 50 ms): limits.
        - ``checkpoint``: a file in which the run is saved, at most once a second. The same call
          continues from it, to the same bits.
        - ``disp``: show a progress bar and a summary.
        - ``fast_math_functions``, ``finite_diff_rel_step``: as in `minimize`.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` is the last iterate (or the average). ``fun`` is the mean loss over the mini-batches
        of the last epoch, each at its own iterate. With `validation`, ``x`` and ``fun`` are those
        of ``best_epoch``, the epoch with the lowest validation loss. ``x_last`` is the last
        iterate, ``x_average`` the average. ``loss`` and ``validation_loss`` are those of each
        epoch. ``nit`` counts steps, ``nfev`` and ``njev`` count rows, or mini-batches if
        vectorized. ``distance``, with "auto", is the estimate of max|x - x0| at the minimum that
        the steps are made of. There are also ``epochs, status, success, message, jac_method``.
        Status 8: all epochs are done. Status 9: stopped by `patience`. Both are success. Status 1,
        5, 6, 99: cut by maxiter, maxtime, Ctrl-C or the callback. Status -1: a loss or gradient was
        not finite; ``x`` and ``fun`` are of the best epoch before that.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, and a `fun` that cannot be compiled or differentiated.
        Exceptions of `fun` pass through.

    Notes
    -----
    With "auto" a step is ``share * distance * u / spread``: u is the rule's step for a rate of 1,
    and `spread` its root mean square so far. `distance` is the largest lower bound so far of
    max|x* - x0| (Defazio and Mishchenko 2023, arXiv:2301.07733; Mishchenko and Defazio 2023,
    arXiv:2306.06101). `share` falls from 1 to 0 along a straight line, over all steps of the run.
    Some tens of steps go by before the distance is known. A run that goes too far begins again with
    a shorter one. "rmsprop", "adamax" and "adadelta" are the rules that it suits best. "sgd" breaks
    down on some tasks that are not convex, such as factorisations.

    Derived gradients of more than 8 parameters are computed in reverse mode, row by row. Means over
    mini-batches and gradients are summed in the order of the rows, in x0's dtype.

    Examples
    --------
    Logistic regression, with labels of -1 and 1:

    >>> import fastopt, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(1000, 3))
    >>> labels = np.where(features @ [2.0, -1.0, 0.0] > rng.logistic(size=1000), 1.0, -1.0)
    >>> def loss(x, row, label):
    ...     return np.log1p(np.exp(-label * np.dot(row, x)))
    >>> res = fastopt.minimize_stochastic(loss, np.zeros(3), (features, labels), seed=1, epochs=30)
    >>> res.x.round(1).tolist(), res.message
    ([2.1, -1.0, -0.2], 'All epochs are done.')
    """
    rule = run_options.find_rule(method)
    args = compiled_arguments.checked(args)
    x0 = stochastic_inputs.start_point(x0)
    settings, decay = stochastic_inputs.options_of(rule, options, x0.dtype)
    fun, jac, way = minibatch_functions.functions(fun, jac, vectorized)
    rest = average, validation, patience, decay
    if minibatch_streams.is_stream(data):
        stream = minibatch_streams.Stream(data)
        work, settings = minibatch_streams.read(stream, epochs, *rest, settings)
        if workers is not None:  # threads would begin again with each mini-batch
            work = parts.split(work, workers, fun, x0.size, way.together)
        training = StreamTraining(stream, fun, jac, args, rule, x0, work, settings, way)
    else:
        given = data, batch_size, epochs, shuffle, seed, *rest, way.together
        work, settings = stochastic_inputs.read(*given, settings)
        work = parts.split(work, workers, fun, x0.size, way.together)
        given = {"fun": fun, "jac": jac, "x0": x0, "args": args, "vectorized": way.together}
        checkpoint = saved_state.checkpoint_of(rule, work, settings, seed, validation, **given)
        training = Training(fun, jac, args, rule, x0, work, settings, way)
        training.checkpoint = checkpoint
    with Compiling(training.settings.disp, fun):
        training.prepare()
    return training.run(start_and_bounds.callback_of(callback))

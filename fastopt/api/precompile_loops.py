"""`precompile`: compile the library's own code ahead of time, and keep it on disk."""

import itertools
import os
import time
from typing import NamedTuple

import numpy as np

from fastopt import rules
from fastopt._sentences import counted
from fastopt.algorithms.run_state import FEW, width
from fastopt.api.minimize import minimize
from fastopt.api.minimize_batch import minimize_batch
from fastopt.api.minimize_stochastic import minimize_stochastic
from fastopt.api.scipy_methods import __getattr__ as by_name
from fastopt.compiling import disk_cache
from fastopt.compiling.compiler import ensure_njit, require_compiler
from fastopt.inputs import run_options, wrong_keywords
from fastopt.optimizers import rule_classes
from fastopt.results.progress import Counter

DTYPES = "float64", "float32"
RATES = {"auto": {}, "fixed": {"learning_rate": 0.1, "maxiter": 1}}
GRADIENTS = {"exact": True, "differences": "2-point"}  # values of `jac`
BOX = -9.0, 9.0


class Precompiled(NamedTuple):
    """The result of `precompile`."""

    files: int  # number of files written
    megabytes: float
    folder: str
    seconds: float
    variants: int  # number of variants that are on disk now


def value(x, *row):
    """Return x0²: an objective that compiles very fast."""
    return x[0] * x[0]


def value_and_gradient(x, *row):
    """Return x0² and an array in place of the gradient."""
    return x[0] * x[0], 2.0 * x


@wrong_keywords.checked
def precompile(
    methods="rmsprop",
    *,
    dtypes="float64",
    sizes=None,
    bounds=(False, True),
    learning_rates="auto",
    gradients="exact",
    tasks=("minimize", "batch", "stochastic", "step"),
    shared=False,
    disp=True,
):
    """Compile the library's own loops and steps, and keep them on disk for later processes.

    It is for container images, clusters and classrooms. A later first call compiles only the
    objective. The code is for this kind of processor, and for these versions of Python, NumPy
    and Numba.

    Parameters
    ----------
    methods : str or sequence of str
        Names from `fastopt.methods()`; "all" for all of them.
    dtypes : str or sequence of str
        "float64", "float32" or both.
    sizes : sequence of int, optional
        Numbers of parameters. There are six loops, for up to 2, 3, 4, 6, 8 and more parameters; by
        default all of them are compiled.
    bounds : bool or sequence of bool
        True for loops with bounds, False for loops without.
    learning_rates : str or sequence of str
        "auto", "fixed" (a number) or both.
    gradients : str or sequence of str
        "exact" (derived or given), "differences" or both.
    tasks : str or sequence of str
        "minimize" (and multistart, which uses its loops), "batch", "stochastic" (for
        minimize_stochastic) and "step" (of optimizers).
    shared : bool
        If True, other users of this machine may read the files. They load them if the folder
        belongs to root.
    disp : bool
        If True, show a progress bar and print a summary.

    Returns
    -------
    Precompiled
        A named tuple: ``files`` written, their ``megabytes``, the ``folder``, the ``seconds`` it
        took, and the number of ``variants`` that are on disk now.

    Raises
    ------
    RuntimeError
        If there is no writable cache directory, so that nothing would be kept.

    Notes
    -----
    A loop takes about 4 seconds with "auto" and 2 with "fixed"; the defaults take about a minute.
    Code that is already on disk is not compiled again, so after Ctrl-C the same call continues.

    Examples
    --------
    >>> import fastopt
    >>> done = fastopt.precompile("sgd", sizes=[2], bounds=False, learning_rates="fixed",
    ...                           tasks="minimize", disp=False)
    >>> done.variants
    1
    """
    methods = rules.methods() if methods == "all" else _several("methods", methods)
    found = [run_options.find_rule(method) for method in methods]
    names = [rule.__name__.rpartition(".")[2] for rule in found]
    dtypes = [np.dtype(d) for d in _chosen("dtypes", dtypes, DTYPES)]
    bounds = _several("bounds", bounds)
    if not all(isinstance(b, bool) for b in bounds):
        raise TypeError(f"bounds = {bounds!r}; it must be True, False or both")
    given = {
        "names": names,
        "dtypes": dtypes,
        "sizes": _sizes(sizes),
        "bounds": bounds,
        "rates": _chosen("learning_rates", learning_rates, RATES),
        "gradients": _chosen("gradients", gradients, GRADIENTS),
    }
    tasks = _chosen("tasks", tasks, TASKS)
    require_compiler("precompile", "")
    folder = disk_cache.folder()
    if folder is None or folder.read_only:
        raise RuntimeError(f"nothing would be kept: {_why(folder)}")
    calls = [call for task in tasks for call in TASKS[task](**given)]
    return _run(calls, folder, shared, disp)


def _why(folder):
    if folder:
        return f"{folder.path} cannot be written"
    if os.environ.get("FASTOPT_CACHE", "1") == "0":
        return "FASTOPT_CACHE=0 turns the cache on disk off; unset it"
    return "there is no cache directory; set FASTOPT_CACHE_DIR to one of your own"


def _run(calls, folder, shared, disp):
    began, before = time.perf_counter(), folder.sizes()
    counter = Counter(disp, len(calls), "variant")
    try:
        for k, (call, args, options) in enumerate(calls):
            call(*args, **options)
            counter.update(k + 1)
    finally:
        counter.close()
        if shared:
            folder.share()
    after = folder.sizes()
    new = [size for name, size in after.items() if name not in before]
    seconds = time.perf_counter() - began
    done = Precompiled(len(new), sum(new) / 1e6, folder.path, seconds, len(calls))
    if disp:
        verb = "is" if done.variants == 1 else "are"
        print(
            f"{counted(done.variants, 'variant')} {verb} compiled: "
            f"{counted(done.files, 'new file')}, "
            f"{done.megabytes:.1f} MB, in {done.folder} ({done.seconds:.0f} s)"
        )
    return done


def _minimize(sizes, gradients, **more):
    for gradient in gradients:
        for size in sizes:
            yield from _calls(minimize, gradient, size, **more)


def _batch(sizes, gradients, dtypes, **more):
    """Yield calls that compile the scheduler of batches, which is the same for all sizes.

    The loops are those of `minimize`.
    """
    for dtype in dtypes:
        rows = np.ones((2, 1), dtype)
        yield from _calls(minimize_batch, gradients[0], sizes[0], rows, dtypes=[dtype], **more)


def _calls(door, gradient, size, *data, names, dtypes, bounds, rates):
    fun = ensure_njit(value_and_gradient if gradient == "exact" else value, "fun")
    workers = {"workers": 1} if data else {}
    for name in names:
        for dtype in dtypes:
            for bounded in bounds:
                for rate in rates:
                    given = {"method": name, "jac": GRADIENTS[gradient], "options": RATES[rate]}
                    box = [BOX] * size if bounded else None
                    call = fun, np.ones(size, dtype), *data
                    yield door, call, {**given, "bounds": box, **workers}


def _stochastic(names, dtypes, rates, **_more):
    """Yield calls that compile the steps of mini-batches, which are the same for all sizes.

    The mini-batch has parts, whose code is the same for all objectives too.
    """
    fun = ensure_njit(value_and_gradient, "fun")
    more = {"jac": True, "epochs": 1, "batch_size": 256, "workers": 1}
    for name, dtype, rate in itertools.product(names, dtypes, rates):
        call = fun, np.ones(1, dtype), np.ones((256, 1), dtype)
        yield minimize_stochastic, call, {"method": name, "options": RATES[rate], **more}


def _steps(names, dtypes, **_more):
    for name, method in rule_classes.names().items():
        if method in names:
            for dtype in dtypes:
                yield _step, (name, dtype), {}


def _step(name, dtype):
    """Step over one array, and over several."""
    for count in (1, 2):
        optimizer = by_name(name)()
        params = {str(k): np.ones(3, dtype) for k in range(count)}
        optimizer.step(params, {k: np.ones_like(v) for k, v in params.items()})


# For each task, a generator of calls that compile its variants: (function, arguments, keywords).
TASKS = {"minimize": _minimize, "batch": _batch, "stochastic": _stochastic, "step": _steps}


def _sizes(sizes):
    if sizes is None:
        return [*FEW, FEW[-1] + 1]
    sizes = _several("sizes", sizes)
    if not sizes or not all(type(n) is int and n > 0 for n in sizes):
        raise ValueError(f"sizes = {sizes!r}; they must be numbers of parameters, 1 or more")
    return sorted({min(width(n), FEW[-1] + 1) for n in sizes})


def _several(name, value) -> list:
    if isinstance(value, str | bool | int):
        return [value]
    try:
        found = list(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{name} is a {kind}; it must be one value or a sequence") from None
    if not found:
        raise ValueError(f"{name} is empty; leave it out for the default")
    return found


def _chosen(name, value, known):
    found = _several(name, value)
    for each in found:
        if each not in tuple(known):
            words = ", ".join(map(repr, known))
            raise ValueError(f"{name} has {each!r}; known are {words}")
    return found

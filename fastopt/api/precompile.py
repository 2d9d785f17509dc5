"""`precompile`: the library's own compiled code, put on disk ahead of time."""

import os
import time
from typing import NamedTuple

import numpy as np

from fastopt import rules
from fastopt.api.minimize import minimize
from fastopt.api.minimize_batch import minimize_batch
from fastopt.api.minimize_stochastic import minimize_stochastic
from fastopt.api.scipy_methods import __getattr__ as by_name
from fastopt.compiling import disk_cache
from fastopt.compiling.compiler import ensure_njit, require_compiler
from fastopt.inputs import run_options, wrong_keywords
from fastopt.optimizers import rule_classes
from fastopt.results.progress import Counter
from fastopt.solver.run_state import FEW

DTYPES = "float64", "float32"
RATES = {"auto": {}, "fixed": {"learning_rate": 0.1, "maxiter": 1}}
GRADIENTS = {"exact": True, "differences": "2-point"}  # how `jac` says it
BOX = -9.0, 9.0


class Precompiled(NamedTuple):
    """What `precompile` has done."""

    files: int  # written
    megabytes: float
    folder: str
    seconds: float
    variants: int  # that are on disk now


def value(x, *row):
    """An objective that takes next to nothing to compile."""
    return x[0] * x[0]


def value_and_gradient(x, *row):
    """The same with its gradient."""
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

    For container images, clusters and classrooms. A later first call compiles the objective alone.
    The code is for this kind of processor, and for these versions of Python, NumPy and Numba.

    Parameters
    ----------
    methods : str or sequence of str
        Of `fastopt.methods()`; "all" for all of them.
    dtypes : str or sequence of str
        "float64", "float32" or both.
    sizes : sequence of int, optional
        Numbers of parameters. Up to 8 there are six loops (for 2, 3, 4, 6, 8 and more parameters);
        by default all of them.
    bounds : bool or sequence of bool
        Whether there are bounds.
    learning_rates : str or sequence of str
        "auto", "fixed" (a number) or both.
    gradients : str or sequence of str
        "exact" (derived or given), "differences" or both.
    tasks : str or sequence of str
        "minimize" (and multistart, which uses its loops), "batch", "stochastic" (for
        minimize_stochastic) and "step" (of optimizers).
    shared : bool
        Whether other users of this machine may read what is written. They load it if the folder
        belongs to root.
    disp : bool
        Whether to show a progress bar and print what was written.

    Returns
    -------
    Precompiled
        A named tuple: ``files`` written, their ``megabytes``, the ``folder``, the ``seconds`` it
        took, and the number of ``variants`` that are on disk now.

    Raises
    ------
    RuntimeError
        Where there is no cache directory to write to, so that nothing would be kept.

    Notes
    -----
    A loop takes about 4 seconds with "auto" and 2 with "fixed"; the defaults take about a minute.
    What is on disk already is not compiled again, so that after Ctrl-C the same call goes on.

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
        print(
            f"{done.variants} variants are compiled: {done.files} new files, "
            f"{done.megabytes:.1f} MB, in {done.folder} ({done.seconds:.0f} s)"
        )
    return done


def _minimize(sizes, gradients, **more):
    for gradient in gradients:
        for size in sizes:
            yield from _calls(minimize, gradient, size, **more)


def _batch(sizes, gradients, dtypes, **more):
    """Batches call the loops of `minimize`; what feeds them is the same for all sizes."""
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


def _stochastic(names, dtypes, **_more):
    """The step between two mini-batches is the same for all sizes."""
    fun = ensure_njit(value_and_gradient, "fun")
    more = {"jac": True, "epochs": 1, "options": {"learning_rate": 0.1}}
    for name in names:
        for dtype in dtypes:
            call = fun, np.ones(1, dtype), np.ones((2, 1), dtype)
            yield minimize_stochastic, call, {"method": name, **more}


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


# Of a task, calls that compile its variants: (function, arguments, keywords).
TASKS = {"minimize": _minimize, "batch": _batch, "stochastic": _stochastic, "step": _steps}


def _sizes(sizes):
    if sizes is None:
        return [*FEW, FEW[-1] + 1]
    sizes = _several("sizes", sizes)
    if not sizes or not all(type(n) is int and n > 0 for n in sizes):
        raise ValueError(f"sizes = {sizes!r}; they must be numbers of parameters, 1 or more")
    row_buffers = {next((few for few in FEW if n <= few), FEW[-1] + 1) for n in sizes}
    return sorted(row_buffers)


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

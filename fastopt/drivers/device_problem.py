"""One problem with x on a device and an objective that is called from Python."""

import contextlib
import functools

import numpy as np

from fastopt import rules
from fastopt._sentences import counted
from fastopt.algorithms import problem_arrays
from fastopt.algorithms.run_state import FRESH, F, run_of
from fastopt.algorithms.status_codes import NO_STEP
from fastopt.arrays.arguments import is_elsewhere
from fastopt.compiling import compiler
from fastopt.derivatives.plain_python import python_objective
from fastopt.drivers.objective_bindings import name_of
from fastopt.drivers.single_problem import Problem
from fastopt.inputs import run_options
from fastopt.inputs.start_and_bounds import checked_bounds, sides_of, start_point
from fastopt.results import optimize_result
from fastopt.targets.cuda.grid_kernel_source import BLOCK
from fastopt.targets.cuda.steps.block_reduction import WORDS

# Elements up to which a single block is launched: one block need not wait for others.
SINGLE_BLOCK_MAX = 16_384


class Functions:
    """The user's functions, which take and return arrays on the device.

    Parameters
    ----------
    fun, jac, args
        As for `minimize`; `jac` is a function, or True if `fun` returns both.
    wrap : callable
        Converts a flat array of ours to the user's kind, in x0's shape.
    adopt : callable ``(name, array)``
        The reverse conversion.
    size, dtype
        Size and dtype of x.
    upload : callable
        Copies a NumPy array to the device.
    """

    compiled = False

    def __init__(self, fun, jac, args, wrap, adopt, size, dtype, upload):
        self.fun, self.jac, self.args, self.wrap, self.adopt = fun, jac, args, wrap, adopt
        self.size, self.dtype, self.upload = size, dtype, upload
        self.method = "fun" if jac is True else "callable"

    def evaluate(self, x):
        """Return the value as an array of one element, and the gradient, flat."""
        f = self.fun(x, *self.args)
        f, d = python_objective.pair(f) if self.jac is True else (f, self.jac(x, *self.args))
        return self.number(f), self.vector(d)

    def number(self, f):
        if not is_elsewhere(f):
            return self.upload(np.full(1, python_objective.scalar(f)))  # in the kernel's own stream
        f = self.adopt("what fun returns", f, wait=False)
        if f.size != 1 or f.dtype.kind != "f":
            raise TypeError(
                f"fun returns {f.dtype} of shape {f.shape}; it must return one real number"
            )
        return f.reshape(1)

    def vector(self, d):
        name = "the gradient that fun returns" if self.jac is True else "what jac returns"
        if not is_elsewhere(d):
            raise TypeError(f"{name} is a {type(d).__name__}; it must be an array on the device")
        d = self.adopt(name, d, wait=False)
        if d.size != self.size or d.dtype != self.dtype:
            raise TypeError(
                f"{name} has {counted(d.size, 'component')} of {d.dtype}; x has {self.size:,} of "
                f"{self.dtype}"
            )
        return d.reshape(self.size)


class DeviceProblem(Problem):
    """The arrays and the kernel of one problem on a device.

    Parameters
    ----------
    device : `device_memory.Device`
    stream
        The caller's stream, in which all copies and kernels run.
    kernel : compiled `grid_kernel_source.go_on`
    x0 : device array, flat
    box : (low, high) or None
        Device arrays, flat.
    settings : `run_options.Options`
    uses
        See `rules.uses`.
    objective : `Functions`
    """

    def __init__(self, device, stream, kernel, x0, box, settings, uses, objective):
        wanted = (9 + 2 * settings.maxcor + sum(uses)) * x0.size * np.dtype(x0.dtype).itemsize
        with device.allocating(wanted, "the problem", "a smaller options['maxcor'] needs less"):
            self.allocate(device, stream, x0, box, settings, uses)
        self.kernel, self.objective = kernel, objective
        self.point = objective.wrap(self.iterates.new)
        schedule = settings.schedule if hasattr(settings.schedule, "_fields") else ()
        self.rules = settings.limits, settings.rule, schedule
        self.settings, self.before, self.reason = settings, 0, None
        self.evaluations = 0

    def allocate(self, device, stream, x0, box, settings, uses):
        """Allocate the arrays of `Problem` on the device."""
        self.device, self.stream = device, stream
        n, dtype, auto = x0.size, np.dtype(x0.dtype), settings.schedule is None
        pairs = 2 * settings.maxcor if auto else 0
        make, send = device.empty, device.upload
        self.best_f = send(np.full(1, np.nan))
        at = {"best_f": self.best_f}
        if box:
            at |= {"low": box[0], "high": box[1]}
        if auto:
            at |= {"p": send(np.zeros(n, dtype)), "scale": send(np.ones(n, dtype))}  # read first
            at["pairs"] = make((max(1, pairs), n), dtype)[:pairs]
            at["along"] = make(max(1, pairs), np.float64)
        for name in problem_arrays.vectors(auto, bool(box), uses):
            if name not in at:
                at[name] = make(n, dtype)
        self.x, self.iterates, self.workspace, self.state = problem_arrays.assembled(at, uses)
        for array in (self.x, self.workspace.best_x):
            array.copy_to_device(x0, stream=stream)
        self.workspace.best_g.copy_to_device(np.full(n, np.nan, dtype), stream=stream)
        self.blocks = 1 if n <= SINGLE_BLOCK_MAX else device.multiprocessors()
        self.threads = min(BLOCK, 1 << (n - 1).bit_length())  # a power of two
        self.partials = send(np.zeros((64 + 8 * pairs) * -(-self.blocks // 16) * 16))
        self.arrived = send(np.zeros(1, np.int64))
        self.record = np.array(FRESH)
        self.records = [send(self.record), send(self.record)]
        device.settle()

    def launch(self, f, d):
        """Launch the kernel: propose a point if d is empty, else judge it."""
        how = self.blocks, self.threads, self.stream, 8 * (WORDS + BLOCK)
        arrays = *self.records, self.iterates, self.workspace, self.state
        self.kernel[how](*arrays, self.rules, f, d, self.partials, self.arrived)
        self.records.reverse()

    def call(self, until):
        """Evaluate once, and copy the run's scalars to the host, in one copy."""
        with self.exclusive_launch():
            self.launch(self.best_f, self.x[:0])
        f, d = self.objective.evaluate(self.point)
        self.evaluations += 1
        with self.exclusive_launch():
            self.launch(f, d)
            self.device.copy_from(self.records[0], self.record, self.stream)

    @contextlib.contextmanager
    def exclusive_launch(self):
        """Lock the device: blocks that wait for each other must all be resident at once."""
        if self.blocks == 1:
            yield
            return
        with self.device.lock:
            yield
            self.stream.synchronize()

    def iterate(self):
        """Return a copy of x for the callback."""
        copy = self.device.empty(self.x.shape, self.x.dtype)
        copy.copy_to_device(self.x, stream=self.stream)
        return self.objective.wrap(copy)

    def examine(self, until):
        """Leave the status as it is: the certificates work on host arrays."""
        return NO_STEP

    def interrupted(self):
        """Return x to the best point after a Ctrl-C inside fun: the last point has no value.

        With a fixed rate that point is x itself.
        """
        if self.settings.schedule is not None:
            self.x.copy_to_device(self.workspace.best_x, stream=self.stream)
            best_f = np.empty(1)
            self.device.copy_from(self.best_f, best_f, self.stream)
            self.record[F] = best_f[0]

    def result(self, status):
        run = run_of(self.record)
        best_f = np.empty(1)
        self.device.copy_from(self.best_f, best_f, self.stream)
        return optimize_result.build(
            status,
            x=self.objective.wrap(self.workspace.best_x),
            fun=float(best_f[0]),
            jac=self.objective.wrap(self.workspace.best_g),
            nit=int(run.nit),
            nfev=self.evaluations,  # one more than the kernel's if the search has converged
            njev=self.evaluations,
            x_last=self.objective.wrap(self.x),
            fun_last=run.f,
            jac_method=name_of(self.objective.method),
            device="cuda",
        )


def build(fun, x0, args, rule, jac, bounds, tol, options, target):
    """Return the problem of a device array x0, in that array's stream."""
    if not callable(fun):
        raise TypeError(f"fun must be a function, not {type(fun).__name__}")
    if compiler.is_compiled(fun) or compiler.is_compiled(jac):
        raise TypeError(
            "fun is compiled for the CPU, and x0 lives on the GPU; give plain functions that work "
            "on device arrays (CuPy's, say), or solve many problems at once with minimize_batch"
        )
    if jac is not True and not callable(jac):
        raise ValueError(
            f"jac = {jac!r}; with x0 on the GPU it must be a function, or True where fun returns "
            "value and gradient, both on the GPU"
        )
    ours = target.adopt("x0", x0 if is_elsewhere(x0) else start_point(x0), wait=False)
    if ours.dtype not in (np.float32, np.float64):
        raise TypeError(f"x0 has dtype {ours.dtype}; on the GPU float64 and float32 are accepted")
    if ours.size == 0:
        raise ValueError("x0 is empty; it needs at least one component")
    settings = run_options.parse(rule, options, tol, np.dtype(ours.dtype))
    run_options.no_checkpoint_on_gpu(settings)
    device, shape = target.device(), ours.shape or (1,)
    stream = device.stream_of(x0)
    box = None
    if bounds is not None:
        start = np.empty(ours.shape, ours.dtype)
        device.copy_from(ours, start, stream)
        start = start.reshape(-1)
        low, high = sides_of(bounds, shape)
        box = tuple(map(device.upload, checked_bounds(low, high, start)))
    uses, dtype = rules.uses(rule, settings.rule), np.dtype(ours.dtype)
    kernel = target.team_kernel(rule, settings, uses, dtype, box is not None)
    upload = functools.partial(device.upload, stream=stream)
    functions = Functions(
        *(fun, jac, args, device.like(x0, shape), target.adopt, ours.size, dtype, upload)
    )
    flat = ours.reshape(ours.size)
    return DeviceProblem(device, stream, kernel, flat, box, settings, uses, functions)

"""The user's objective as bindings for the loop: compiled if possible, else called from Python."""

from types import FunctionType
from typing import NamedTuple

import numpy as np

from fastopt import schedules
from fastopt._sentences import counted
from fastopt.algorithms import automatic_rate, fixed_rate
from fastopt.arrays import arguments
from fastopt.compiling import compiler
from fastopt.compiling.compiler import is_compiled, numba_config
from fastopt.derivatives import derived_mode, gradient_methods
from fastopt.derivatives.plain_python import python_objective


class Objective(NamedTuple):
    """The objective as a target needs it."""

    bindings: dict  # fun, jac, value, gradient, rate, propose, judge, RUN
    key: tuple  # identifies the content of the user's functions, in this process
    refcounted: bool  # whether args hold objects with reference counts: lists, dicts, ...
    data: tuple
    compiled: bool
    method: str  # a key of gradient_methods.METHODS

    def source(self):
        """Return the name of the source of the gradient in results: `jac_method`."""
        return getattr(self.bindings.get("fun"), "mode", None) or name_of(self.method)

    def holding(self, data):
        """Return a copy with other data."""
        bindings, key, refcounted, _, compiled, method = self
        return Objective(bindings, key, refcounted, data, compiled, method)

    def again(self):
        """Return a copy with its own scratch arrays, for another thread."""
        args, *scratch = (np.copy(a) if isinstance(a, np.ndarray) else a for a in self.data)
        if self.method == "cs":
            scratch[1] = scratch[2].reshape(-1)
        if self.method == "reverse":
            scratch[0] = derived_mode.new_store()
        return self._replace(data=(args, *scratch))


def method_of(jac, fun, *more):
    """Return the key of `gradient_methods.METHODS` for a `jac`, or "autodiff" for either mode.

    `more` are for the message.
    """
    if jac is None or jac is False:
        return "autodiff" if compiler.is_compiled(fun) else "2-point"
    if jac is True:
        return "fun"
    if callable(jac):
        return "callable"
    words = *gradient_methods.MODES, *gradient_methods.DIFFERENCES, "cs"
    if isinstance(jac, str) and jac in words:
        return jac
    words = ", ".join(map(repr, (*words, *more)))
    raise ValueError(
        f"jac = {jac!r}; it must be a function, True (fun returns value and gradient), {words} "
        "or None"
    )


def for_batch(fun, jac, what="a batch"):
    """Return `fun` and `jac` for a compiled loop: plain functions are compiled too."""
    call = "fastopt.minimize(fun, x0[b], args=(*data_b, *args))"
    compiler.require_compiler(what, f"; to debug one problem call {call}")
    fun = compiler.ensure_njit(fun, "fun")
    if callable(jac):
        return fun, compiler.ensure_njit(jac, "jac")
    return fun, "autodiff" if jac is None or jac is False else jac


def for_device(jac):
    """Return the `jac` for a GPU, which derives gradients by forward mode only."""
    if isinstance(jac, str) and jac == "reverse":
        raise ValueError("jac='reverse' does not run on a GPU; use None or 'forward'")
    return "forward" if jac is None or (isinstance(jac, str) and jac == "autodiff") else jac


def is_parallel(fun):
    """Return True if `fun` uses all cores: not every threading layer allows two at a time."""
    return bool(getattr(fun, "targetoptions", {}).get("parallel"))


def name_of(method):
    """Return a method's name in results: `jac_method`."""
    return {"callable": "jac", "autodiff": "forward"}.get(method, method)


def can_be_compiled(fun):
    """Return True if Numba is enabled and accepts this kind of function."""
    return not numba_config.DISABLE_JIT and (is_compiled(fun) or isinstance(fun, FunctionType))


def build(fun, jac, args, settings, x, interpreted=False, by_rows=None):
    """Return the objective of `fun` for points in x's shape and dtype, with `settings` options.

    `by_rows` is given for mini-batches, whose mode must be known before anything is compiled.
    """
    schedule, fast = settings.schedule, settings.fast
    if not callable(fun):
        raise TypeError(f"fun must be a function, not {type(fun).__name__}")
    method = method_of(jac, fun)
    derived = method in gradient_methods.MODES
    if derived and not interpreted:
        fun = compiler.ensure_njit(fun, "fun")
    compiled = compiler.is_compiled(fun) and (method != "callable" or compiler.is_compiled(jac))
    args = tuple(args)
    if compiler.is_compiled(fun) or compiler.is_compiled(jac):
        args = arguments.ready(args)
    reverse = None
    if derived and compiled:
        if by_rows is None:
            method, reverse = derived_mode.preferred(method, fun, x, fast)
        else:
            method, reverse = derived_mode.select(method, fun, x, args, fast, adds=by_rows)
    elif method == "autodiff":
        method = "reverse"
    value, gradient, power = gradient_methods.METHODS[method]
    bindings = {
        "value": value,
        "gradient": gradient,
        "EXACT": method not in gradient_methods.DIFFERENCES,
        "CENTRAL": method == "3-point",
        "write": gradient_methods.write_flat if x.ndim == 1 else gradient_methods.write_shaped,
        "propose": (automatic_rate if schedule is None else fixed_rate).propose,
        "judge": (automatic_rate if schedule is None else fixed_rate).judge,
        "RUN": (automatic_rate if schedule is None else fixed_rate).RUN,
    }
    data = (args, ()) if derived else (args,)
    if compiled:
        from fastopt.derivatives import error_messages, substitutions  # late: slow to import
        from fastopt.derivatives.forward.duals import dual_choice  # late: slow to import

        dual = None
        if method == "reverse":
            bindings["reverse_gradient"] = reverse
            data = args, derived_mode.new_store()
        if method == "forward":
            dual, scratch = dual_choice.choose(x, args, fast, bool(by_rows))
            bindings.update(dual_choice.SEEDS, DUAL=dual, CHUNK=dual.size)
            data = args, scratch
            if dual.size >= x.size:
                bindings["gradient"] = gradient_methods.already
        names = substitutions.meanings(dual, fast)
        user, content = compiler.user(fun, names)
        user_jac, content_jac = compiler.user(jac, names) if method == "callable" else (None, None)
        if method == "cs":
            error_messages.require_complex(user, x, args)
        rate = _bind_rate(schedule, bindings, compiled=True)
        bindings.update(fun=user, jac=user_jac)
        key = method, x.ndim == 1, content.digest, content_jac and content_jac.digest, rate
    else:
        falls_back = jac != "reverse" if isinstance(jac, str) else True
        bindings.update(_from_python(fun, jac, method, x.size, falls_back))
        key = ()
        _bind_rate(schedule, bindings, compiled=False)
    if power is not None:
        data += _difference_data(x, settings.steps, power, method)
    refcounted = compiled and not all(map(_uncounted, args))
    return Objective(bindings, key, refcounted, data, compiled, method)


def _uncounted(value):
    """Return True if an argument consists of arrays, numbers and strings."""
    if isinstance(value, tuple):
        return all(map(_uncounted, value))
    return value is None or isinstance(
        value, np.ndarray | np.generic | bool | int | float | complex | str | bytes
    )


def _from_python(fun, jac, method, size, falls_back):
    fun, jac = compiler.called(fun), compiler.called(jac)
    if method == "reverse":
        from fastopt.derivatives.reverse.python_tape import tape_objective

        own = tape_objective.Objective(fun, falls_back)
        value, gradient, _ = gradient_methods.METHODS["forward"]  # it has the form of duals
        own = {"fun": own, "value": value, "gradient": gradient}
        return {**tape_objective.SEEDS, **own, "DUAL": size, "CHUNK": size}
    if method == "forward":
        from fastopt.derivatives.forward import python_dual

        return {**python_dual.SEEDS, "fun": python_dual.function(fun), "DUAL": size, "CHUNK": size}
    if method == "fun":
        return {
            "fun": python_objective.function_with_gradient(fun),
            "write": python_objective.write,
        }
    if method == "callable":
        return {
            "fun": python_objective.function(fun),
            "jac": python_objective.gradient(jac),
            "write": python_objective.write,
        }
    return {
        "fun": python_objective.complex_function(fun)
        if method == "cs"
        else python_objective.function(fun)
    }


def _bind_rate(schedule, bindings, compiled):
    """Bind `rate(schedule, t)`; return its identity for keys."""
    if schedule is None or type(schedule) in schedules.KINDS:
        bindings["rate"] = type(schedule or schedules.constant(0.0)).__call__
        return bindings["rate"].__qualname__
    digest = ""
    if compiled:
        schedule, content = compiler.user(compiler.ensure_njit(schedule, "learning_rate"))
        digest = content.digest
    else:
        schedule = python_objective.rate(compiler.called(schedule))
    bindings.update(rate=schedules.own, schedule_function=schedule)
    return digest


def _difference_data(x, given, power, method):
    """Return the data of `differences`: relative steps, and complex scratch flat and shaped.

    The last step is that of a zero component.
    """
    default = np.finfo(x.dtype).eps ** power
    steps = np.asarray(default if given is None else given)
    try:
        steps = np.broadcast_to(steps, x.size)
    except ValueError:
        raise ValueError(
            f"finite_diff_rel_step has shape {steps.shape}; x0 has {counted(x.size, 'component')}"
        ) from None
    steps = np.append(steps, 0.0 if given is None else default).astype(x.dtype)
    z = np.zeros(x.shape, np.result_type(x.dtype, np.complex64)) if method == "cs" else x
    return steps, z.reshape(-1), z

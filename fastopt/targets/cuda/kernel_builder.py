"""Kernels of the solve loop, linked for a rule, an objective and a number of parameters.

Nothing here imports CUDA: the target passes `wrap`, which makes device functions of plain ones.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype

from fastopt import rules, schedules
from fastopt.algorithms import automatic_rate, fixed_rate
from fastopt.algorithms.placeholders import LENGTH
from fastopt.algorithms.run_state import Limits
from fastopt.arrays.arguments import is_elsewhere
from fastopt.compiling import content_digest
from fastopt.compiling.compiler import link
from fastopt.derivatives import gradient_methods
from fastopt.rules import _state_slots
from fastopt.targets.common import intrinsics, row_access
from fastopt.targets.common.loop_constants import SINGLE_WORKER, narrow_rule, narrow_to, numbers
from fastopt.targets.cuda import (
    batch_kernel_source,
    grid_kernel_source,
    simulator_batch,
    thread_layout,
)
from fastopt.targets.cuda.steps import block_reduction

# Partial derivatives per evaluation; more parameters need several evaluations. They are in
# registers: in a fit of three peaks, 20 at once spill, 8 do not.
PARTIALS = 8
# Functions of `batch_kernel_source` that a kernel of fits has others for.
OF_A_PROBLEM = "load_problem", "advance", "write_result"
# Largest number of parameters for which everything is unrolled. With more, x as duals is in the
# thread's local memory.
MAX_UNROLLED_SIZE = 64


class Objective(NamedTuple):
    """The description of a problem for a device, without its numbers."""

    fun: Any  # plain or @njit functions of the user
    jac: Any
    method: str  # a key of gradient_methods.METHODS
    loop: Any  # automatic_rate or fixed_rate
    schedule: Any


require_length: Any = None  # placeholder: (tuple, length) -> an error if they differ
_kernels: dict = {}  # inputs of a kernel -> the kernel, its layout, and objects to keep alive


def batch_kernel(batch, fun, jac, objective, rule, linker, compiler):
    """Return the kernel for a batch and the layout of its threads' state, once per content."""
    settings, dtype = batch.settings, np.dtype(batch.problem_data.x0.dtype)
    uses, bounded = rules.uses(rule, settings.rule), batch.example.box is not None
    templates = (typed(t, dtype) for t in (settings.limits, settings.rule, settings.schedule))
    key = (
        *(rule, tuple(uses), dtype.str, bounded, batch.shape, settings.maxcor, objective.key),
        *(objective.method, settings.schedule is None),
        *((type(t), *map(type, t)) for t in templates),
    )

    def build():
        loop = automatic_rate if settings.schedule is None else fixed_rate
        ours = Objective(fun, jac, objective.method, loop, settings.schedule)
        return plain_loop(rule, settings, uses, dtype, bounded, batch.shape, ours, linker())

    return once(key, build, compiler, (fun, jac))


def once(key, build, compiler, kept):
    """Return the kernel and what belongs to it, once for each key.

    ``build()`` returns the kernel's text and that. `kept` are objects that the key refers to.
    """
    if key not in _kernels:
        text, more = build()
        content = content_digest.Linked().content(text)
        kernel = compiler(text, content.digest if content.cacheable else None)
        _kernels[key] = kernel, more, (kept, content)
    return _kernels[key][:2]


def prepared(problem_data, device):
    """Return the tables and arguments of a batch in the form that the kernel expects."""
    dtype = problem_data.x0.dtype

    def argument(value):
        if isinstance(value, tuple):
            items = map(argument, value)
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if is_elsewhere(value):
            return device.adopt("args", value, wait=True)
        if isinstance(value, np.ndarray):
            return device.upload(value) if value.ndim else value[()]
        return dtype.type(value) if type(value) is float else value  # Python's floats have no dtype

    names = ("limits", "options", "schedule")
    tables = {name: getattr(problem_data, name)[1].astype(dtype) for name in names}
    if dtype == np.float32:  # whose integers are exact up to 2^24 only
        counts = [Limits._fields.index(name) for name in ("maxiter", "maxfev")]
        tables["limits"][:, counts] = np.minimum(tables["limits"][:, counts], 2.0**24)
    return problem_data._replace(args=tuple(map(argument, problem_data.args)), **tables)


def typed(template, dtype):
    """Return a named tuple with fields of the element type; its values do not matter."""
    if not hasattr(template, "_fields"):
        return ()
    kinds = (False if isinstance(v, bool) else dtype.type(0.0) for v in template)
    return type(template)(*kinds)


def plain_loop(rule, settings, uses, dtype, bounded, shape, objective, target):
    """Return `batch_kernel_source.solve_many` for these problems, undecorated, and its layout.

    `target` is a `fastopt.targets.cuda.cuda_target.Linker`.
    """
    n, auto = math.prod(shape), settings.schedule is None
    layout = thread_layout.SearchLayout(auto, bounded, uses, n, 2 * settings.maxcor if auto else 0)
    value, gradient, _ = gradient_methods.METHODS[objective.method]
    bound = {
        **thread_bindings(rule, settings, uses, dtype, bounded, shape, target, layout),
        "propose": objective.loop.propose,
        "judge": objective.loop.judge,
        "RUN": objective.loop.RUN,
        "value": value,
        "gradient": gradient,
        "EXACT": objective.method not in gradient_methods.DIFFERENCES,
        "CENTRAL": objective.method == "3-point",
        "write": write,
    }
    dual = None
    if objective.method == "forward":
        partials = min(n, PARTIALS)
        dual = target.dual(dtype, partials)
        bound.update(target.seeds, DUAL=dual, CHUNK=partials)
        if partials == n:
            bound["gradient"] = gradient_methods.already
        if n > MAX_UNROLLED_SIZE and not target.simulated:
            bound["scratch"] = thread_layout.local_array(((partials + 1) * n,))
    bound["fun"] = target.user(objective.fun, dtype, dual)
    if objective.method == "callable":
        bound["jac"] = target.user(objective.jac, dtype, None)
    bind_rate(kind_of(objective.schedule), bound, dtype, target)
    return linked(bound, target, dtype), layout


def thread_bindings(rule, settings, uses, dtype, bounded, shape, target, layout):
    """Return the bindings of a batch's kernel that do not depend on what is solved."""
    n = math.prod(shape)
    own = simulator_batch.bindings if target.simulated else compiled_bindings
    return {
        **_state_slots.bindings(rule, uses),
        **SINGLE_WORKER,
        **numbers(dtype),
        "real": dtype.type,
        "BOUNDED": bounded,
        "SIZE": n if n <= MAX_UNROLLED_SIZE else 0,
        "LENGTH": n,
        "LIMITS": typed(settings.limits, dtype),
        "OPTIONS": typed(settings.rule, dtype),
        "SCHEDULE": typed(settings.schedule, dtype),
        "cuda": target.cuda,
        "scratch": nothing,
        "shaped_as": itself,
        **own(layout, shape),
    }


def linked(bound, target, dtype):
    """Return the text of a batch's kernel over its bindings."""
    return link(batch_kernel_source.solve_many, bound, target.wrap, narrow=narrow_to(dtype))


def team_kernel(rule, settings, uses, dtype, bounded, linker, compiler):
    """Return `grid_kernel_source.go_on` for a rule and its options, once per content."""
    kind = kind_of(settings.schedule)
    key = "team", rule, tuple(uses), dtype.str, bounded, id(kind)

    def build():
        return plain_team(rule, kind, uses, dtype, bounded, linker()), None

    return once(key, build, compiler, kind)[0]


def plain_team(rule, kind, uses, dtype, bounded, target):
    """Return the undecorated kernel; `kind` is that of the schedule."""
    loop = fixed_rate if kind is not None else automatic_rate
    own = simulator_batch if target.simulated else intrinsics
    bound = {
        **narrow_rule(rule, uses, dtype),
        **numbers(dtype),
        "real": dtype.type,
        "BOUNDED": bounded,
        "cuda": target.cuda,
        "double": np.float64,
        "each": grid_kernel_source.my_elements,
        "anyone": grid_kernel_source.anyone,
        "propose": loop.propose,
        "judge": loop.judge,
        "RUN": loop.RUN,
        "gradient": gradient_methods.already,
        **{name: getattr(own, name) for name in ("cast", "load_run", "store_run")},
        "note": grid_kernel_source.nothing
        if target.simulated
        else grid_kernel_source.note_addresses,
        "found": grid_kernel_source.nothing
        if target.simulated
        else grid_kernel_source.found_by_address,
    }
    for name, combine in (("total", block_reduction.plus), ("most", block_reduction.larger)):
        bound[name] = link(grid_kernel_source.reduce, {**bound, "combine": combine}, target.wrap)
        if not target.simulated:
            bound[name] = target.wrap(bound[name])
    bind_rate(kind, bound, dtype, target)
    return link(grid_kernel_source.go_on, bound, target.wrap)


def compiled_bindings(layout, shape):
    """Return the bindings that need Numba's compiler."""
    bound = {
        "arrays": layout.compiled(),
        "local": thread_layout.local_array((math.prod(shape),)),
        **{name: getattr(intrinsics, name) for name in ("cast", "load_run", "store_run")},
        "require_length": thread_layout.require_length,
        "named": row_access.named,
        "rows": row_access.rows,
    }
    return bound if len(shape) == 1 else {**bound, "shaped_as": thread_layout.reshaped(shape)}


def kind_of(schedule):
    """Return the part of a schedule that is compiled: its class, or a user's function itself."""
    return schedule if schedule is None or type(schedule) not in schedules.KINDS else type(schedule)


def bind_rate(kind, bound, dtype, target):
    """Bind ``rate(schedule, t)``; a schedule of the user's own is linked like `fun`."""
    if kind is None or kind in schedules.KINDS:
        bound["rate"] = (kind or type(schedules.constant(0.0))).__call__
    else:
        bound.update(rate=schedules.own, schedule_function=target.user(kind, dtype, None))


def write(d, g):
    """Write a gradient, a tuple of numbers, into g; the compiler checks its length."""
    require_length(d, LENGTH)
    for i in range(LENGTH):
        g[i] = d[i]


def nothing(real, steps):
    return steps


def itself(point):
    return point


def dual_type(dtype, partials):
    from fastopt.derivatives.forward.duals import dual_number

    return dual_number.Dual(from_dtype(dtype), partials)

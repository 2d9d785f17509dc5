"""The public classes of optimizers, made from the rules when their names are first used."""

import functools
import inspect
from typing import Any

from fastopt import rules
from fastopt.optimizers import hyperparameters
from fastopt.optimizers.optimizer import Optimizer

# Meanings of the options of the rules, for `help`.
MEANINGS = {
    "rho": "Decay of the moving averages, in [0, 1).",
    "beta1": "Decay of the moving average of g, in [0, 1).",
    "beta2": "Decay of the moving average of g², or of the largest g, in [0, 1).",
    "eps": "Keeps zero from dividing; see the formula for its place.",
    "eps_inside": "If False, `eps` is outside the root, or outside the maximum.",
    "eps_root": "A second epsilon, inside the root.",
    "eps_hat": "If True, `eps` is added before the bias correction.",
    "initial_accumulator": "Where the sum or average of g² starts.",
    "centered": "If True, the squared mean of g is subtracted from the mean of g².",
    "momentum": "Decay of the momentum buffer (heavy ball), in [0, 1).",
    "nesterov": "If True, Nesterov's form of momentum.",
    "dampening": "Share of the gradient that does not enter the momentum buffer.",
    "rate_inside": "If True, the learning rate is applied before the momentum buffer.",
    "amsgrad": "If True, the divisor is the largest average so far.",
    "max_corrected": "If True, `amsgrad` takes the largest of the corrected averages.",
    "momentum_decay": "Decay of the schedule of the momentum.",
}
# These have no effect with the automatic step, which keeps moves in place of momentum. A rule's own
# `IDLE` replaces them, and its `MEANINGS` those above.
IDLE = "beta1", "momentum", "nesterov", "dampening", "rate_inside", "momentum_decay"
IDLE = *IDLE, "initial_accumulator"


def described(rule, defaults, automatic=None):
    """Return the parameters of a docstring that say what the options of a rule are.

    Parameters
    ----------
    rule
        The rule's module.
    defaults : dict
        The options and their defaults with a learning rate.
    automatic : dict, optional
        Their defaults with the automatic step, to be named if they differ.
    """
    lines = []
    idle = getattr(rule, "IDLE", IDLE)
    meanings = {**MEANINGS, **getattr(rule, "MEANINGS", {})}
    for name, value in defaults.items():
        more = ""
        if automatic and name in idle:
            more = '; no effect with "auto"'
        elif automatic and automatic[name] != value:
            more = f'; {automatic[name]!r} with "auto"'
        lines.append(f"{name} : {type(value).__name__}, default {value!r}{more}")
        lines.append(f"    {meanings[name]}")
    return "\n".join(lines)


@functools.cache
def names():
    """Return the public names of the optimizers, and the methods of their rules."""
    found = {rules.options_class(rules.get(m)).__name__: m for m in rules.methods()}
    return {**found, "AdamW": "adam", "NadamW": "nadam"}


@functools.cache
def optimizer(name) -> Any:
    """Return the class of this name."""
    method, adamw = names()[name], name.endswith("W")
    known = hyperparameters.defaults(method, None, adamw)
    rule = rules.get(method)
    own = {
        "method": method,
        "adamw": adamw,
        "__module__": "fastopt",
        "__doc__": _doc(name, rule, known),
        "__signature__": _signature(known),
    }
    return type(name, (Optimizer,), own)


def _signature(known):
    kind = inspect.Parameter
    rate = kind("learning_rate", kind.POSITIONAL_OR_KEYWORD, default=known["learning_rate"])
    more = dict.fromkeys(("groups", "style", "clip_norm", "on_nonfinite"))
    rest = {**{k: v for k, v in known.items() if k != "learning_rate"}, **more, "row_wise": False}
    parameters = [kind(k, kind.KEYWORD_ONLY, default=v) for k, v in rest.items()]
    return inspect.Signature([rate, *parameters])


def _doc(name, rule, known):
    own = {n: known[n] for n in rules.options_class(rule)._fields if n != "learning_rate"}
    head = rule.__doc__
    if name.endswith("W"):
        how = f"{name[:-1]} with decoupled weight decay (Loshchilov and Hutter 2019)."
        head = f"{how}\n\n{head}"
    return f"{head}\n{DOC.replace('OWN', described(rule, own)).replace('NAME', name)}"


DOC = """An optimizer steps float32 or float64 arrays of any shape in place, of any library.

With a given learning rate the step is exactly the formula above. Without arguments, the defaults
of the signature hold. Those of `fastopt.minimize` with "auto" are others; ``help`` of the method
lists them.

Parameters
----------
learning_rate : float, callable or "auto"
    A number, one of `fastopt.schedules`, or any function of the step t = 1, 2, ... With "auto" it
    is found on the way: use `average` of the parameters then.
OWN
weight_decay : float
    Pull parameters towards zero. ``weight_decay * x`` is added to the gradient (an L2 penalty).
    With `decoupled_weight_decay`, ``learning_rate * weight_decay * x`` is subtracted from x. With
    "auto" it is ``distance * weight_decay * x``.
decoupled_weight_decay : bool
    See `weight_decay`.
clip_value : float, optional
    Clip gradients to [-clip_value, clip_value].
maximize : bool
    If True, climb.
groups : dict of dicts, optional
    Other hyperparameters for some of the arrays: those whose name contains the key. The name is
    the keys and places that lead to an array, joined by dots: ``{"bias": {"weight_decay": 0.0}}``
    holds for params["layers"][0]["bias"]. If several keys match, the last one wins.
style : {"torch", "optax", "keras", "timm"}, optional
    Take defaults and conventions of another library. Options that are given win.
clip_norm : float, optional
    Scale gradients down if the norm of all of them together is larger. On a device the step waits
    for the norm.
on_nonfinite : {"raise", "skip", "propagate"}, optional
    What to do if a gradient is not finite: "raise" a FloatingPointError, "skip" the step and
    increase `skipped`, or "propagate" (take the step). The default is "raise". On a device it is
    "propagate", because checking there means waiting.
row_wise : bool
    If True, a matrix has one accumulator for each row, of the mean of g² (AdaGrad, and RMSProp
    without momentum). Tables of embeddings then take a fraction of the memory.

Attributes
----------
t : int
    The number of steps taken.
skipped : int
    The number of steps that were skipped.
learning_rate : float, callable or "auto"
    The learning rate. It may be set at any time, but not to "auto" or from it.
distance : float or None
    With "auto", the distance from the first point to the minimum, as found so far.

Raises
------
TypeError
    If an argument is unknown; the message suggests another.
ValueError
    If a value is out of range.

Examples
--------
>>> import numpy as np, fastopt
>>> params = {"w": np.ones((2, 3)), "b": np.zeros(3)}
>>> opt = fastopt.NAME(0.1)
>>> for _ in range(2):
...     opt.step(params, {"w": np.ones((2, 3)), "b": np.ones(3)})
>>> bool((params["w"] < 1.0).all())
True
"""

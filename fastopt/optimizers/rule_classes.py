"""The public classes of optimizers, made from the rules when their names are first used."""

import functools
import inspect
from typing import Any

from fastopt import rules
from fastopt.optimizers import hyperparameters
from fastopt.optimizers.optimizer import Optimizer


@functools.cache
def names():
    """Return the public names of the optimizers, and the methods of their rules."""
    found = {rules.options_class(rules.get(m)).__name__: m for m in rules.methods()}
    return {**found, "AdamW": "adam"}


@functools.cache
def optimizer(name) -> Any:
    """Return the class of this name."""
    method, adamw = names()[name], name == "AdamW"
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
    own = [n for n in rules.options_class(rule)._fields if n != "learning_rate"]
    head = rule.__doc__
    if name == "AdamW":
        head = "Adam with decoupled weight decay (Loshchilov and Hutter 2019).\n\n" + head
    listed = f"{', '.join(own)} : optional\n    Of the rule: see above." if own else ""
    return f"{head}\n{DOC.replace('OWN', listed).replace('NAME', name)}"


DOC = """An optimizer object: it steps arrays in place, whoever made them.

Parameters
----------
learning_rate : float or callable
    A number, one of `fastopt.schedules`, or any function of the step t = 1, 2, ...
OWN
weight_decay : float
    Draws parameters towards zero: added to the gradient as ``weight_decay * x`` (an L2 penalty),
    or, with `decoupled_weight_decay`, ``learning_rate * weight_decay * x`` taken off x itself.
decoupled_weight_decay : bool
clip_value : float, optional
    Gradients are brought into [-clip_value, clip_value].
maximize : bool
    Climb instead.
groups : dict of dicts, optional
    Hyperparameters for some of the arrays. An array belongs to a group whose key stands in its
    name, which is the keys and places that lead to it, joined by dots: ``{"bias": {"weight_decay":
    0.0}}`` holds for params["layers"][0]["bias"]. Of several groups the later one wins.
style : {"torch", "optax", "keras"}, optional
    Defaults and conventions of another library; options that are given win.
clip_norm : float, optional
    Gradients are scaled down where the norm of all of them together is larger. On a device the
    step waits for the norm.
on_nonfinite : {"raise", "skip", "propagate"}, optional
    What happens before a step whose gradients are not finite: a FloatingPointError; nothing, and
    `skipped` counts it; the step. By default "raise", and "propagate" on a device, where looking
    means waiting.
row_wise : bool
    Matrices have one accumulator a row, of the mean of g² over it (AdaGrad, and RMSProp without
    momentum): a fraction of the memory for tables of embeddings.

Attributes
----------
t : int
    Steps done.
skipped : int
    Steps left out.
learning_rate
    May be set at any time.

Examples
--------
>>> import numpy as np, fastopt
>>> params = {"w": np.ones((2, 3)), "b": np.zeros(3)}
>>> opt = fastopt.NAME(0.1)
>>> opt.step(params, {"w": np.ones((2, 3)), "b": np.ones(3)})
>>> bool((params["w"] < 1.0).all())
True
"""

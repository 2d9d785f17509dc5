"""Replay stored gradients through torch, optax and Keras; write trajectories.json beside this file.

Every case is one live optimizer fed with one set of gradients: 5 elements, 12 steps, magnitudes
from 1e-4 to 1e3, one element exactly 0 in a few steps. The file says in fastopt's words (method,
options, one learning rate per step) what ran, and holds x after each step in float64 and float32.

The stored file was made on a CPU with Python 3.11 and
    pip install torch==2.13.0 optax==0.2.8 jax==0.10.2 keras==3.15.1 numpy==2.4.6
by
    python tests/data/make_trajectories.py
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ["KERAS_BACKEND"] = "jax"  # read once, when keras is imported

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch

STEPS = 12
X0 = [0.5, -1.25, 2.0, -3.0, 0.75]
VERSIONS = {
    "torch": torch.__version__.split("+")[0],
    "optax": optax.__version__,
    "keras": keras.__version__,
}


class Case(NamedTuple):
    """One optimizer of one library, and the same in fastopt's words."""

    library: str
    method: str
    tag: str
    rule: Callable
    rate: float
    native: dict  # the library's own options
    options: dict  # the same in fastopt's words, over DEFAULTS
    gradients: str = "mixed"
    rate_decay: float = 0.0  # the rate at t is rate / (1 + (t - 1) rate_decay)
    decays_itself: bool = False  # the optimizer applies rate_decay from its own option

    @property
    def rates(self):
        return [self.rate / (1.0 + t * self.rate_decay) for t in range(STEPS)]


def make_gradients():
    """Two sets, rounded to 5 digits so that the file is small and both dtypes see the same text."""
    rng = np.random.default_rng(2011)
    shape = (STEPS, len(X0))
    mixed = rng.choice([-1.0, 1.0], shape) * 10.0 ** rng.uniform(-3, 3, shape)
    mixed[[0, 1, 6], 2] = 0.0  # zero from the start: v is still exactly 0
    scaled = rng.normal(size=shape) * 10.0 ** np.array([-3.0, -1.5, 0.0, 1.5, 3.0])
    scaled[[4, 5, 9], 0] = 0.0
    sets = {"mixed": mixed, "scaled": scaled}
    return {name: [[float(f"{g:.5g}") for g in row] for row in rows] for name, rows in sets.items()}


# The libraries' defaults in fastopt's words; options not named are at fastopt's own defaults.
BETAS = {"beta1": 0.9, "beta2": 0.999}
DEFAULTS = {
    ("torch", "adagrad"): {"eps": 1e-10, "eps_inside": False, "initial_accumulator": 0.0},
    ("optax", "adagrad"): {"eps": 1e-7, "eps_inside": True, "initial_accumulator": 0.1},
    ("keras", "adagrad"): {"eps": 1e-7, "eps_inside": True, "initial_accumulator": 0.1},
    ("torch", "rmsprop"): {"rho": 0.99, "eps": 1e-8, "eps_inside": False},
    ("optax", "rmsprop"): {"rho": 0.9, "eps": 1e-8, "eps_inside": True, "rate_inside": True},
    ("keras", "rmsprop"): {"rho": 0.9, "eps": 1e-7, "eps_inside": True, "rate_inside": True},
    ("torch", "adadelta"): {"rho": 0.9, "eps": 1e-6},
    ("optax", "adadelta"): {"rho": 0.9, "eps": 1e-6},
    ("keras", "adadelta"): {"rho": 0.95, "eps": 1e-7},
    ("torch", "adam"): BETAS | {"eps": 1e-8},
    ("optax", "adam"): BETAS | {"eps": 1e-8, "eps_root": 0.0},
    ("keras", "adam"): BETAS | {"eps": 1e-7, "eps_hat": True},
    ("torch", "adamax"): BETAS | {"eps": 1e-8, "eps_inside": True},
    ("optax", "adamax"): BETAS | {"eps": 1e-8, "eps_inside": True},
    ("keras", "adamax"): BETAS | {"eps": 1e-7, "eps_inside": False},
    ("torch", "nadam"): BETAS | {"eps": 1e-8, "momentum_decay": 0.004},
    ("optax", "nadam"): BETAS | {"eps": 1e-8, "eps_root": 0.0, "momentum_decay": 0.0},
    ("keras", "nadam"): BETAS | {"eps": 1e-7, "momentum_decay": 1.0},
    ("torch", "sgd"): {},
    ("optax", "sgd"): {},
    ("keras", "sgd"): {"rate_inside": True},
}


def rmsprop_rate_last(rate, *, momentum, nesterov=False, **native):
    """Optax's RMSProp with its parts in torch's order: momentum first, then the rate."""
    return optax.chain(
        optax.scale_by_rms(**native),
        optax.trace(momentum, nesterov),
        optax.scale_by_learning_rate(rate),
    )


def sgd_rate_first(rate, *, momentum, nesterov=False):
    """Optax's SGD with its parts in Keras' order: the rate first, then momentum."""
    return optax.chain(optax.scale_by_learning_rate(rate), optax.trace(momentum, nesterov))


SAME = object()  # the options read the same in both vocabularies


def cases_of(library, method, rule, rows):
    """Rows of (tag, rate, native options, fastopt's options or SAME, other fields)."""
    for tag, rate, native, options, fields in rows:
        options = native if options is SAME else options
        yield Case(library, method, tag, rule, rate, native, options, **fields)


MIXED, SCALED = {"gradients": "mixed"}, {"gradients": "scaled"}
FALLING = {"rate_decay": 0.25}
# Exact in float32. optax and Keras compute 1 - beta2^t in float32, which for 0.999 costs some 1e-5
# of a step; cases with a large rate use these betas so that rounding stays below a few ulp.
LOW_BETAS = {"beta1": 0.75, "beta2": 0.96875}


# fmt: off
def torch_cases():
    t = torch.optim
    low = {"betas": (0.75, 0.96875)}
    yield from cases_of("torch", "adagrad", t.Adagrad, [
        ("defaults", 0.01, {}, SAME, MIXED),
        ("accumulator", 0.5, {"eps": 1e-3, "initial_accumulator_value": 0.3},
         {"eps": 1e-3, "initial_accumulator": 0.3}, SCALED),
        ("decay", 0.1, {"lr_decay": 0.1}, {}, {"rate_decay": 0.1, "decays_itself": True}),
        ("decay-accumulator", 1.0, {"lr_decay": 1.5, "eps": 1e-4, "initial_accumulator_value": 2.0},
         {"eps": 1e-4, "initial_accumulator": 2.0},
         SCALED | {"rate_decay": 1.5, "decays_itself": True})])
    yield from cases_of("torch", "rmsprop", t.RMSprop, [
        ("defaults", 0.01, {}, SAME, MIXED),
        ("rho", 0.1, {"alpha": 0.8, "eps": 1e-4}, {"rho": 0.8, "eps": 1e-4}, SCALED),
        ("centered", 0.02, {"alpha": 0.9, "eps": 1e-3, "centered": True},
         {"rho": 0.9, "eps": 1e-3, "centered": True}, SCALED),
        ("momentum", 0.01, {"momentum": 0.9}, SAME, MIXED),
        ("momentum-falling", 0.05, {"momentum": 0.5, "alpha": 0.95},
         {"momentum": 0.5, "rho": 0.95}, SCALED | FALLING),
        ("centered-momentum", 0.02, {"momentum": 0.8, "alpha": 0.9, "eps": 1e-5, "centered": True},
         {"momentum": 0.8, "rho": 0.9, "eps": 1e-5, "centered": True}, MIXED)])
    yield from cases_of("torch", "adadelta", t.Adadelta, [
        ("defaults", 1.0, {}, SAME, MIXED),
        ("rho", 0.5, {"rho": 0.75, "eps": 1e-3}, SAME, SCALED | FALLING)])
    yield from cases_of("torch", "adam", t.Adam, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("betas", 0.1, low | {"eps": 1e-3}, LOW_BETAS | {"eps": 1e-3}, SCALED),
        ("falling", 0.05, {"betas": (0.8, 0.99)}, {"beta1": 0.8, "beta2": 0.99}, MIXED | FALLING),
        ("amsgrad", 0.1, low | {"amsgrad": True}, LOW_BETAS | {"amsgrad": True}, MIXED),
        ("amsgrad-eps", 0.02, {"amsgrad": True, "eps": 1e-2}, SAME, SCALED)])
    yield from cases_of("torch", "adamax", t.Adamax, [
        ("defaults", 0.002, {}, SAME, MIXED),
        ("betas", 0.1, low | {"eps": 1e-2}, LOW_BETAS | {"eps": 1e-2}, SCALED | FALLING)])
    yield from cases_of("torch", "nadam", t.NAdam, [
        ("defaults", 0.002, {}, SAME, MIXED),
        ("decay", 0.1, low | {"eps": 1e-3, "momentum_decay": 0.3},
         LOW_BETAS | {"eps": 1e-3, "momentum_decay": 0.3}, SCALED | FALLING)])
    yield from cases_of("torch", "sgd", t.SGD, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("momentum", 0.001, {"momentum": 0.9}, SAME, SCALED),
        ("dampening", 0.002, {"momentum": 0.8, "dampening": 0.3}, SAME, MIXED | FALLING),
        ("nesterov", 0.001, {"momentum": 0.7, "nesterov": True}, SAME, SCALED | FALLING)])


def optax_cases():
    low = {"b1": 0.75, "b2": 0.96875}
    yield from cases_of("optax", "adagrad", optax.adagrad, [
        ("defaults", 0.1, {}, SAME, MIXED),
        ("accumulator", 0.5, {"initial_accumulator_value": 0.0, "eps": 1e-3},
         {"initial_accumulator": 0.0, "eps": 1e-3}, SCALED | FALLING)])
    yield from cases_of("optax", "rmsprop", optax.rmsprop, [
        ("defaults", 0.01, {}, SAME, MIXED),
        ("outside", 0.1, {"decay": 0.8, "eps": 1e-3, "eps_in_sqrt": False},
         {"rho": 0.8, "eps": 1e-3, "eps_inside": False}, SCALED),
        ("accumulator", 0.1, {"initial_scale": 1.0, "eps": 1e-10},
         {"initial_accumulator": 1.0, "eps": 1e-10}, MIXED | FALLING),
        ("centered", 0.02, {"centered": True, "eps": 1e-4}, SAME, MIXED),
        ("centered-outside", 0.05,
         {"centered": True, "eps": 1e-3, "eps_in_sqrt": False, "decay": 0.75, "initial_scale": 0.5},
         {"centered": True, "eps": 1e-3, "eps_inside": False, "rho": 0.75,
          "initial_accumulator": 0.5}, SCALED),
        ("momentum", 0.05, {"momentum": 0.9}, SAME, MIXED | FALLING),
        ("nesterov", 0.05, {"momentum": 0.6, "nesterov": True, "eps": 1e-5}, SAME,
         SCALED | FALLING),
        ("centered-nesterov", 0.01,
         {"momentum": 0.8, "nesterov": True, "centered": True, "eps": 1e-3}, SAME,
         MIXED | FALLING)])
    yield from cases_of("optax", "rmsprop", rmsprop_rate_last, [
        ("rate-last", 0.05, {"momentum": 0.9}, {"momentum": 0.9, "rate_inside": False},
         MIXED | FALLING),
        ("rate-last-nesterov", 0.05,
         {"momentum": 0.7, "nesterov": True, "decay": 0.8, "eps": 1e-4, "eps_in_sqrt": False},
         {"momentum": 0.7, "nesterov": True, "rho": 0.8, "eps": 1e-4, "eps_inside": False,
          "rate_inside": False}, SCALED | FALLING)])
    yield from cases_of("optax", "adadelta", optax.adadelta, [
        ("defaults", 1.0, {}, SAME, MIXED),
        ("rho", 0.5, {"rho": 0.75, "eps": 1e-3}, SAME, SCALED | FALLING)])
    yield from cases_of("optax", "adam", optax.adam, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("betas", 0.1, low | {"eps": 1e-3}, LOW_BETAS | {"eps": 1e-3}, SCALED | FALLING),
        ("eps-root", 0.1, low | {"eps": 1e-5, "eps_root": 1e-2},
         LOW_BETAS | {"eps": 1e-5, "eps_root": 1e-2}, MIXED)])
    yield from cases_of("optax", "adam", optax.amsgrad, [
        ("amsgrad", 0.1, low, LOW_BETAS | {"amsgrad": True, "max_corrected": True}, MIXED),
        ("amsgrad-defaults", 0.001, {}, {"amsgrad": True, "max_corrected": True}, SCALED),
        ("amsgrad-eps-root", 0.1, low | {"eps": 1e-4, "eps_root": 1e-3},
         LOW_BETAS | {"amsgrad": True, "max_corrected": True, "eps": 1e-4, "eps_root": 1e-3},
         SCALED | FALLING)])
    yield from cases_of("optax", "adamax", optax.adamax, [
        ("defaults", 0.002, {}, SAME, MIXED),
        ("betas", 0.1, low | {"eps": 1e-2}, LOW_BETAS | {"eps": 1e-2}, SCALED | FALLING)])
    yield from cases_of("optax", "nadam", optax.nadam, [
        ("defaults", 0.002, {}, SAME, MIXED),
        ("eps-root", 0.1, low | {"eps": 1e-4, "eps_root": 1e-3},
         LOW_BETAS | {"eps": 1e-4, "eps_root": 1e-3}, SCALED | FALLING)])
    yield from cases_of("optax", "sgd", optax.sgd, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("momentum", 0.001, {"momentum": 0.9}, SAME, SCALED | FALLING),
        ("nesterov", 0.001, {"momentum": 0.7, "nesterov": True}, SAME, MIXED | FALLING)])
    yield from cases_of("optax", "sgd", sgd_rate_first, [
        ("rate-first", 0.002, {"momentum": 0.8}, {"momentum": 0.8, "rate_inside": True},
         SCALED | FALLING)])


def keras_cases():
    k = keras.optimizers
    low = {"beta_1": 0.75, "beta_2": 0.96875}
    yield from cases_of("keras", "adagrad", k.Adagrad, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("accumulator", 0.5, {"initial_accumulator_value": 0.7, "epsilon": 1e-3},
         {"initial_accumulator": 0.7, "eps": 1e-3}, SCALED | FALLING)])
    yield from cases_of("keras", "rmsprop", k.RMSprop, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("rho", 0.1, {"rho": 0.8, "epsilon": 1e-4}, {"rho": 0.8, "eps": 1e-4}, SCALED | FALLING),
        ("centered", 0.02, {"centered": True, "epsilon": 1e-4}, {"centered": True, "eps": 1e-4},
         MIXED),
        ("momentum", 0.05, {"momentum": 0.9}, SAME, SCALED | FALLING),
        ("centered-momentum", 0.01, {"momentum": 0.6, "centered": True, "epsilon": 1e-3},
         {"momentum": 0.6, "centered": True, "eps": 1e-3}, MIXED | FALLING)])
    yield from cases_of("keras", "adadelta", k.Adadelta, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("rho", 0.5, {"rho": 0.75, "epsilon": 1e-3}, {"rho": 0.75, "eps": 1e-3}, SCALED | FALLING)])
    yield from cases_of("keras", "adam", k.Adam, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("betas", 0.1, low | {"epsilon": 1e-3}, LOW_BETAS | {"eps": 1e-3}, SCALED | FALLING),
        ("amsgrad", 0.1, low | {"amsgrad": True}, LOW_BETAS | {"amsgrad": True}, MIXED),
        ("amsgrad-eps", 0.001, {"amsgrad": True, "epsilon": 1e-2}, {"amsgrad": True, "eps": 1e-2},
         SCALED)])
    yield from cases_of("keras", "adamax", k.Adamax, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("betas", 0.1, low | {"epsilon": 1e-2}, LOW_BETAS | {"eps": 1e-2}, SCALED | FALLING)])
    yield from cases_of("keras", "nadam", k.Nadam, [
        ("defaults", 0.001, {}, SAME, MIXED),
        ("betas", 0.1, low | {"epsilon": 1e-3}, LOW_BETAS | {"eps": 1e-3}, SCALED | FALLING)])
    yield from cases_of("keras", "sgd", k.SGD, [
        ("defaults", 0.01, {}, SAME, SCALED),
        ("momentum", 0.001, {"momentum": 0.9}, SAME, MIXED | FALLING),
        ("nesterov", 0.001, {"momentum": 0.7, "nesterov": True}, SAME, SCALED | FALLING)])
# fmt: on


def run_torch(case, gradients, dtype):
    x = torch.tensor(X0, dtype=getattr(torch, dtype))
    optimizer = case.rule([x], lr=case.rate, **case.native)
    for g, rate in zip(gradients, case.rates, strict=True):
        if not case.decays_itself:
            optimizer.param_groups[0]["lr"] = rate
        x.grad = torch.tensor(g, dtype=x.dtype)
        optimizer.step()
        yield x.numpy().copy()


def run_optax(case, gradients, dtype):
    x = jnp.array(X0, dtype)
    rates = jnp.array(case.rates, dtype)
    optimizer = case.rule(
        (lambda count: rates[count]) if case.rate_decay else case.rate, **case.native
    )
    state = optimizer.init(x)
    for g in gradients:
        updates, state = optimizer.update(jnp.array(g, dtype), state, x)
        x = optax.apply_updates(x, updates)
        yield np.array(x)


def run_keras(case, gradients, dtype):
    x = keras.Variable(np.array(X0, dtype), dtype=dtype)
    optimizer = case.rule(case.rate, **case.native)
    for g, rate in zip(gradients, case.rates, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([jnp.array(g, dtype)], [x])
        yield np.array(x.value)


def set_float(dtype):
    """Make dtype the default of all three: scalars such as torch's Nadam product follow it."""
    torch.set_default_dtype(getattr(torch, dtype))
    jax.config.update("jax_enable_x64", dtype == "float64")
    keras.config.set_floatx(dtype)


def decimals(array):
    """Shortest decimals that read back, through float64, as the same numbers."""
    values = [float(str(value)) for value in array]
    assert np.array_equal(np.array(values, array.dtype), array)
    assert np.all(np.isfinite(array))
    return values


def replay(case, gradients, dtype):
    set_float(dtype)
    run = {"torch": run_torch, "optax": run_optax, "keras": run_keras}[case.library]
    xs = list(run(case, gradients, dtype))
    assert all(x.dtype == dtype for x in xs)
    return {
        "name": f"{case.library}-{case.method}-{case.tag}-{dtype}",
        "library": case.library,
        "version": VERSIONS[case.library],
        "method": case.method,
        "learning_rate": case.rate,
        "rates": case.rates,
        "options": DEFAULTS[case.library, case.method] | case.options,
        "dtype": dtype,
        "x0": X0,
        "gradients": case.gradients,
        "trajectory": [decimals(x) for x in xs],
    }


def main():
    gradients = make_gradients()
    cases = [*torch_cases(), *optax_cases(), *keras_cases()]
    lines = [
        json.dumps(replay(case, gradients[case.gradients], dtype), separators=(",", ":"))
        for dtype in ("float64", "float32")
        for case in cases
    ]
    assert len({json.loads(line)["name"] for line in lines}) == len(lines)
    path = Path(__file__).with_name("trajectories.json")
    path.write_text(
        '{"gradients":'
        + json.dumps(gradients, separators=(",", ":"))
        + ',\n"cases":[\n'
        + ",\n".join(lines)
        + "\n]}\n"
    )
    print(f"{len(lines)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

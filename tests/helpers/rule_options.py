"""Combinations of options under which every rule is tested: each option at least once."""

from itertools import product


def _grid(**choices):
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


_BOOLS = (False, True)
_BETAS = {"beta1": (0.8,), "beta2": (0.95,), "eps": (1e-3,)}
_CHANGED = {name: value for name, (value,) in _BETAS.items()}

OPTIONS = {
    "adagrad": [{}, *_grid(eps=(1e-3,), eps_inside=_BOOLS, initial_accumulator=(0.0, 0.3))],
    "rmsprop": [
        {},
        *_grid(rho=(0.75,), eps=(1e-3,), eps_inside=_BOOLS, initial_accumulator=(0.0, 0.5)),
        *_grid(centered=(True,), rho=(0.8,), eps=(1e-4,), eps_inside=_BOOLS),
        *_grid(momentum=(0.7,), centered=_BOOLS, nesterov=_BOOLS, rate_inside=_BOOLS),
        *_grid(nesterov=(True,), rate_inside=_BOOLS),
    ],
    "adadelta": [{}, {"rho": 0.75, "eps": 1e-3}],
    "adam": [
        {},
        *_grid(**_BETAS, eps_root=(0.0, 1e-2), amsgrad=_BOOLS, max_corrected=_BOOLS),
        *_grid(eps=(1e-2,), eps_hat=(True,), amsgrad=_BOOLS, max_corrected=_BOOLS),
    ],
    "adamax": [{}, *_grid(**_BETAS, eps_inside=_BOOLS)],
    "nadam": [{}, *_grid(**_BETAS, eps_root=(0.0, 1e-2), momentum_decay=(0.0, 0.004, 1.0))],
    "sgd": [
        {},
        *_grid(momentum=(0.7,), dampening=(0.0, 0.3), nesterov=_BOOLS, rate_inside=_BOOLS),
        *_grid(dampening=(0.3,), nesterov=(True,), rate_inside=_BOOLS),
    ],
    "lion": [{}, {"beta1": 0.8, "beta2": 0.95}],
    "signsgd": [{}, {"momentum": 0.7}],
    "adabelief": [{}, {**_CHANGED, "eps_root": 1e-2}],
    "yogi": [
        {},
        {**_CHANGED, "eps": 1e-2, "initial_mean": 0.2, "initial_accumulator": 0.3},
        {**_CHANGED, "corrected": False},
    ],
    "radam": [{}, {**_CHANGED, "eps_root": 1e-2, "threshold": 4.5}, {**_CHANGED, "eps_hat": True}],
    "rprop": [
        {},
        {"eta_minus": 0.3, "eta_plus": 1.5, "min_step": 0.03, "max_step": 0.06},
        {"min_step": 0.03, "max_step": 0.06, "delayed": True},
    ],
    "adopt": [
        {},
        {**_CHANGED, "clip_power": 0.5, "nesterov": True},
        {**_CHANGED, "clipped": False},
    ],
    "ademamix": [{}, {**_CHANGED, "beta3": 0.99, "alpha": 3.0, "warmup": 20.0, "eps_root": 1e-2}],
    "adan": [{}, {**_CHANGED, "beta3": 0.9, "eps_root": 1e-2, "complement": True}],
}
CASES = [(method, options) for method, rows in OPTIONS.items() for options in rows]


def name(case):
    """A test's name: the method and its options."""
    method, options = case
    return "-".join([method, *(f"{key}={value:g}" for key, value in options.items())])


def reference_options(method, options):
    """The same for the reference, whose sgd dampens without momentum too; torch's does not."""
    if method == "sgd" and not options.get("momentum"):
        return {**options, "dampening": 0.0}
    return options


# Rules that stand for all in tests of what surrounds a rule: loads and stores of slots, strides,
# threads, loops. Formulas and constants of rules are tested with all of `methods()`.
REPRESENTATIVES = {
    "sgd": "no slot by default; one with momentum",
    "adagrad": "one slot",
    "nadam": "two slots; most arithmetic; counts its steps",
    "rprop": "two slots without v; the gradient before; steps of a length of its own",
    "rmsprop": "three slots, of which two are optional",
    "adan": "four slots",
}


def representative_methods():
    """Return a rule of each kind."""
    return tuple(REPRESENTATIVES)

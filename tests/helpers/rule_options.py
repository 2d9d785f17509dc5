"""Combinations of options under which every rule is tested: each option at least once."""

from itertools import product


def _grid(**choices):
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


_BOOLS = (False, True)
_BETAS = {"beta1": (0.8,), "beta2": (0.95,), "eps": (1e-3,)}

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

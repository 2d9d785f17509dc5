"""Conventions of other libraries, as defaults.

The values are from the sources of torch 2.13, optax 0.2.8, Keras 3.15 and timm 1.0.31 (rules that
torch lacks). Options that are not listed are as in fastopt. Optax has no default rates. If a
library has several forms of a rule, options select one.
"""

BETAS = {"beta1": 0.9, "beta2": 0.999}
ADAN = {"beta1": 0.98, "beta2": 0.92, "beta3": 0.99}
SIZES = {"eta_minus": 0.5, "eta_plus": 1.2, "min_step": 1e-6, "max_step": 50.0}
STYLES = {
    "torch": {
        "adagrad": {"learning_rate": 1e-2, "eps": 1e-10, "eps_inside": False},
        "rmsprop": {"learning_rate": 1e-2, "rho": 0.99, "eps": 1e-8, "eps_inside": False},
        "adadelta": {"learning_rate": 1.0, "rho": 0.9, "eps": 1e-6},
        "adam": {"learning_rate": 1e-3, "eps": 1e-8, **BETAS},
        "adamax": {"learning_rate": 2e-3, "eps": 1e-8, **BETAS},
        "nadam": {"learning_rate": 2e-3, "eps": 1e-8, "momentum_decay": 4e-3, **BETAS},
        "sgd": {"learning_rate": 1e-3},
        "radam": {"learning_rate": 1e-3, "eps": 1e-8, "eps_hat": True, **BETAS},
        "rprop": {"learning_rate": 1e-2, **SIZES},
    },
    "optax": {
        "adagrad": {"eps": 1e-7, "initial_accumulator": 0.1},
        "rmsprop": {"rho": 0.9, "eps": 1e-8, "rate_inside": True},
        "adadelta": {"rho": 0.9, "eps": 1e-6},
        "adam": {"eps": 1e-8, "max_corrected": True, **BETAS},
        "adamax": {"eps": 1e-8, **BETAS},
        "nadam": {"eps": 1e-8, "momentum_decay": 0.0, **BETAS},
        "sgd": {},
        "adabelief": {"eps": 1e-16, "eps_root": 1e-16, **BETAS},
        "adan": {"eps": 1e-8, "eps_root": 1e-8, "complement": True, **ADAN},
        "ademamix": {"eps": 1e-8, "beta3": 0.9999, "alpha": 5.0, **BETAS},
        "adopt": {"eps": 1e-6, "beta1": 0.9, "beta2": 0.9999, "clip_power": 0.25},
        "lion": {"beta1": 0.9, "beta2": 0.99, "weight_decay": 1e-3},
        "radam": {"eps": 1e-8, "threshold": 5.0, **BETAS},
        "rprop": {"delayed": True, **SIZES},
        "signsgd": {},
        "yogi": {"eps": 1e-3, "initial_accumulator": 1e-6, "initial_mean": 1e-6, **BETAS},
    },
    "keras": {
        "adagrad": {"learning_rate": 1e-3, "eps": 1e-7, "initial_accumulator": 0.1},
        "rmsprop": {"learning_rate": 1e-3, "rho": 0.9, "eps": 1e-7, "rate_inside": True},
        "adadelta": {"learning_rate": 1e-3, "rho": 0.95, "eps": 1e-7},
        "adam": {"learning_rate": 1e-3, "eps": 1e-7, "eps_hat": True, **BETAS},
        "adamax": {"learning_rate": 1e-3, "eps": 1e-7, "eps_inside": False, **BETAS},
        "nadam": {"learning_rate": 1e-3, "eps": 1e-7, "momentum_decay": 1.0, **BETAS},
        "sgd": {"learning_rate": 1e-2, "rate_inside": True},
        "lion": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.99},
    },
    "timm": {
        "adan": {"learning_rate": 1e-3, "eps": 1e-8, **ADAN},
        "adopt": {"learning_rate": 1e-3, "eps": 1e-6, "beta2": 0.9999, "clip_power": 0.333},
        "lion": {"learning_rate": 1e-4, "beta1": 0.9, "beta2": 0.99},
    },
}
# Rules with decoupled weight decay: Keras's, optax's but adadelta, and timm's lion and adan.
DECOUPLED = {("keras", method) for method in STYLES["keras"]}
DECOUPLED |= {("optax", m) for m in ("adam", "adamax", "nadam", "adan", "ademamix", "lion")}
DECOUPLED |= {("timm", "adan"), ("timm", "lion")}
# Weight decay of AdamW and NadamW.
ADAMW = {None: 1e-2, "torch": 1e-2, "optax": 1e-4, "keras": 4e-3}


def defaults(method, style, adamw=False):
    """Return the defaults that a style changes; for None there are none, except AdamW's decay."""
    if style not in (None, *STYLES):
        raise ValueError(f"style = {style!r}; it must be one of {', '.join(STYLES)}")
    if style and method not in STYLES[style]:
        raise ValueError(f"style = {style!r} has no {method}")
    decoupled = {"decoupled_weight_decay": adamw or (style, method) in DECOUPLED}
    decay = {"weight_decay": ADAMW[style]} if adamw else {}
    return {**(STYLES[style][method] if style else {}), **decoupled, **decay}

"""Conventions of other libraries, as defaults.

The values are from the sources of torch 2.13, optax 0.2.8 and Keras 3.15. Options that are not
listed are as in fastopt. Optax has no default rates. If a library has several forms of a rule,
options select one.
"""

BETAS = {"beta1": 0.9, "beta2": 0.999}
STYLES = {
    "torch": {
        "adagrad": {"learning_rate": 1e-2, "eps": 1e-10, "eps_inside": False},
        "rmsprop": {"learning_rate": 1e-2, "rho": 0.99, "eps": 1e-8, "eps_inside": False},
        "adadelta": {"learning_rate": 1.0, "rho": 0.9, "eps": 1e-6},
        "adam": {"learning_rate": 1e-3, "eps": 1e-8, **BETAS},
        "adamax": {"learning_rate": 2e-3, "eps": 1e-8, **BETAS},
        "nadam": {"learning_rate": 2e-3, "eps": 1e-8, "momentum_decay": 4e-3, **BETAS},
        "sgd": {"learning_rate": 1e-3},
    },
    "optax": {
        "adagrad": {"eps": 1e-7, "initial_accumulator": 0.1},
        "rmsprop": {"rho": 0.9, "eps": 1e-8, "rate_inside": True},
        "adadelta": {"rho": 0.9, "eps": 1e-6},
        "adam": {"eps": 1e-8, "max_corrected": True, **BETAS},
        "adamax": {"eps": 1e-8, **BETAS},
        "nadam": {"eps": 1e-8, "momentum_decay": 0.0, **BETAS},
        "sgd": {},
    },
    "keras": {
        "adagrad": {"learning_rate": 1e-3, "eps": 1e-7, "initial_accumulator": 0.1},
        "rmsprop": {"learning_rate": 1e-3, "rho": 0.9, "eps": 1e-7, "rate_inside": True},
        "adadelta": {"learning_rate": 1e-3, "rho": 0.95, "eps": 1e-7},
        "adam": {"learning_rate": 1e-3, "eps": 1e-7, "eps_hat": True, **BETAS},
        "adamax": {"learning_rate": 1e-3, "eps": 1e-7, "eps_inside": False, **BETAS},
        "nadam": {"learning_rate": 1e-3, "eps": 1e-7, "momentum_decay": 1.0, **BETAS},
        "sgd": {"learning_rate": 1e-2, "rate_inside": True},
    },
}
# Rules with decoupled weight decay: Keras's, and optax's adamw, adamaxw and nadamw (not adadelta).
DECOUPLED = {("keras", method) for method in STYLES["keras"]} | {
    ("optax", method) for method in ("adam", "adamax", "nadam")
}
ADAMW = {None: 1e-2, "torch": 1e-2, "optax": 1e-4, "keras": 4e-3}  # weight decay of AdamW


def defaults(method, style, adamw=False):
    """Return the defaults that a style changes; for None there are none, except AdamW's decay."""
    if style not in (None, *STYLES):
        raise ValueError(f"style = {style!r}; it must be one of {', '.join(STYLES)}")
    if style and method not in STYLES[style]:
        raise ValueError(f"style = {style!r} has no {method}")
    decoupled = {"decoupled_weight_decay": adamw or (style, method) in DECOUPLED}
    decay = {"weight_decay": ADAMW[style]} if adamw else {}
    return {**(STYLES[style][method] if style else {}), **decoupled, **decay}

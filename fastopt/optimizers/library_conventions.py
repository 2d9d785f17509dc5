"""Conventions of other libraries, as defaults.

From the sources of torch 2.13, optax 0.2.8 and Keras 3.15. What is not named is as in fastopt;
optax has no default rates. Of several forms that a library knows the options choose.
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
# Weight decay apart from the gradient: Keras and optax (adamw, adamaxw, nadamw; but not adadelta).
DECOUPLED = {("keras", method) for method in STYLES["keras"]} | {
    ("optax", method) for method in ("adam", "adamax", "nadam")
}
ADAMW = {None: 1e-2, "torch": 1e-2, "optax": 1e-4, "keras": 4e-3}  # its weight decay


def defaults(method, style, adamw=False):
    """What a style changes; nothing for None."""
    if style not in (None, *STYLES):
        raise ValueError(f"style = {style!r}; it must be one of {', '.join(STYLES)}")
    if style and method not in STYLES[style]:
        raise ValueError(f"style = {style!r} has no {method}")
    apart = {"decoupled_weight_decay": adamw or (style, method) in DECOUPLED}
    decay = {"weight_decay": ADAMW[style]} if adamw else {}
    return {**(STYLES[style][method] if style else {}), **apart, **decay}

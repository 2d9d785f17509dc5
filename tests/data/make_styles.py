"""Random optimizers of torch, optax, Keras and timm, step by step; writes styles.npz beside.

Each case draws a class and some of its options, in fastopt's words, and leaves the others at the
library's defaults. Stored are the start, the gradients and x after each of 8 steps in float64. The
stored file was made on a CPU with Python 3.11 and
    pip install torch==2.13.0 optax==0.2.8 jax==0.10.2 keras==3.15.1 timm==1.0.31 numpy==2.4.6
by ``python tests/data/make_styles.py torch optax keras timm`` (or one library a call: cases of the
others are kept).
"""

import importlib
import json
import os
import sys
import sysconfig
import types
import zlib
from pathlib import Path

import numpy as np

os.environ["KERAS_BACKEND"] = "jax"
FILE = Path(__file__).with_name("styles.npz")
STEPS, SIZE, CASES = 8, 4, 6
DRAWN = {  # in fastopt's words
    "learning_rate": lambda r: 10.0 ** r.uniform(-3, 0),
    "rho": lambda r: r.uniform(0.5, 0.999),
    "beta1": lambda r: r.uniform(0.5, 0.95),
    "beta2": lambda r: r.uniform(0.8, 0.999),
    "eps": lambda r: 10.0 ** r.uniform(-8, -2),
    "eps_root": lambda r: 10.0 ** r.uniform(-8, -2),
    "eps_inside": lambda r: bool(r.integers(2)),
    "initial_accumulator": lambda r: r.uniform(0.0, 1.0),
    "momentum": lambda r: r.uniform(0.3, 0.95),
    "dampening": lambda r: r.uniform(0.0, 0.5),
    "nesterov": lambda r: bool(r.integers(2)),
    "centered": lambda r: bool(r.integers(2)),
    "amsgrad": lambda r: bool(r.integers(2)),
    "momentum_decay": lambda r: r.uniform(0.0, 0.1),
    "weight_decay": lambda r: r.uniform(0.0, 0.1),
    "maximize": lambda r: bool(r.integers(2)),
    "beta3": lambda r: r.uniform(0.8, 0.999),
    "alpha": lambda r: r.uniform(0.5, 8.0),
    "threshold": lambda r: r.uniform(4.0, 6.0),
    "eta_minus": lambda r: r.uniform(0.2, 0.8),
    "eta_plus": lambda r: r.uniform(1.1, 2.0),
    "min_step": lambda r: 10.0 ** r.uniform(-6, -2),
    "max_step": lambda r: r.uniform(0.1, 2.0),
    "clipped": lambda r: bool(r.integers(2)),
    "clip_power": lambda r: r.uniform(0.0, 1.0),
    "decoupled_weight_decay": lambda r: bool(r.integers(2)),
    "clip_value": lambda r: r.uniform(0.5, 2.0),
    "clip_norm": lambda r: r.uniform(0.5, 2.0),
}
ADAMS = "beta1 beta2 eps"
SIZES = "eta_minus eta_plus min_step max_step"
DECAY = "weight_decay decoupled_weight_decay maximize"
# library -> class -> (its own name, the options that it has)
STAND_INS = {
    "torch": {
        "AdaGrad": ("Adagrad", "eps initial_accumulator weight_decay maximize"),
        "RMSProp": ("RMSprop", "rho eps centered momentum weight_decay maximize"),
        "AdaDelta": ("Adadelta", "rho eps weight_decay maximize"),
        "Adam": ("Adam", f"{ADAMS} amsgrad weight_decay maximize"),
        "AdamW": ("AdamW", f"{ADAMS} amsgrad weight_decay maximize"),
        "AdaMax": ("Adamax", f"{ADAMS} weight_decay maximize"),
        "Nadam": ("NAdam", f"{ADAMS} momentum_decay weight_decay maximize"),
        "SGD": ("SGD", "momentum dampening weight_decay maximize"),
        "NadamW": ("NAdam", f"{ADAMS} momentum_decay weight_decay maximize"),
        "RAdam": ("RAdam", f"{ADAMS} {DECAY}"),
        "Rprop": ("Rprop", f"{SIZES} maximize"),
    },
    "optax": {
        "AdaGrad": ("adagrad", "eps initial_accumulator clip_norm clip_value"),
        "RMSProp": ("rmsprop", "rho eps eps_inside centered momentum nesterov initial_accumulator"),
        "AdaDelta": ("adadelta", "rho eps weight_decay"),
        "Adam": ("adam", f"{ADAMS} eps_root amsgrad clip_norm"),
        "AdamW": ("adamw", f"{ADAMS} eps_root weight_decay"),
        "AdaMax": ("adamax", f"{ADAMS} weight_decay clip_value"),
        "Nadam": ("nadam", f"{ADAMS} eps_root weight_decay"),
        "SGD": ("sgd", "momentum nesterov clip_norm"),
        "NadamW": ("nadamw", f"{ADAMS} eps_root weight_decay"),
        "RAdam": ("radam", f"{ADAMS} eps_root threshold"),
        "Rprop": ("rprop", SIZES),
        "Lion": ("lion", "beta1 beta2 weight_decay clip_norm"),
        "SignSGD": ("sign_sgd", "momentum clip_value"),
        "AdaBelief": ("adabelief", f"{ADAMS} eps_root"),
        "Yogi": ("yogi", ADAMS),
        "ADOPT": ("adopt", f"{ADAMS} nesterov clipped"),
        "AdEMAMix": ("ademamix", f"{ADAMS} beta3 alpha eps_root weight_decay"),
        "Adan": ("adan", f"{ADAMS} beta3 eps_root weight_decay"),
    },
    "keras": {
        "AdaGrad": ("Adagrad", "eps initial_accumulator weight_decay clip_value"),
        "RMSProp": ("RMSprop", "rho eps centered momentum weight_decay clip_norm"),
        "AdaDelta": ("Adadelta", "rho eps weight_decay"),
        "Adam": ("Adam", f"{ADAMS} amsgrad weight_decay"),
        "AdamW": ("AdamW", f"{ADAMS} weight_decay clip_norm"),
        "AdaMax": ("Adamax", f"{ADAMS} weight_decay"),
        "Nadam": ("Nadam", f"{ADAMS} weight_decay clip_value"),
        "SGD": ("SGD", "momentum nesterov weight_decay clip_norm"),
        "Lion": ("Lion", "beta1 beta2 weight_decay clip_norm"),
    },
    "timm": {
        "ADOPT": ("Adopt", f"{ADAMS} clip_power weight_decay maximize"),
        "Adan": ("Adan", f"{ADAMS} beta3"),
        "Lion": ("Lion", "beta1 beta2 weight_decay maximize"),
    },
}
WORDS = {
    "torch": {"learning_rate": "lr", "initial_accumulator": "initial_accumulator_value"},
    "optax": {
        "beta1": "b1",
        "beta2": "b2",
        "beta3": "b3",
        "min_step": "min_step_size",
        "max_step": "max_step_size",
        "clipped": "use_clipping",
        "initial_accumulator": "initial_accumulator_value",
    },
    "keras": {
        "beta1": "beta_1",
        "beta2": "beta_2",
        "eps": "epsilon",
        "initial_accumulator": "initial_accumulator_value",
        "clip_norm": "global_clipnorm",
        "clip_value": "clipvalue",
    },
}
WORDS["timm"] = {"learning_rate": "lr", "clip_power": "clip_exp"}
BETAS = {"Adan": (0.98, 0.92, 0.99), "Adopt": (0.9, 0.9999), "Lion": (0.9, 0.99)}


def in_their_words(library, options, **more):
    words = {**WORDS[library], **more}
    return {words.get(name, name): value for name, value in options.items()}


def torch_run(name, options, x0, grads, module=None):
    import torch

    torch.set_default_dtype(torch.float64)  # else NAdam's product of momenta is kept in float32
    words = {"rho": "alpha"} if name == "RMSprop" else {}
    own = in_their_words("timm" if module else "torch", options, **words)
    for word, *known in (
        ("betas", *zip(("beta1", "beta2", "beta3"), BETAS.get(name, (0.9, 0.999)), strict=False)),
        ("etas", ("eta_minus", 0.5), ("eta_plus", 1.2)),
        ("step_sizes", ("min_step", 1e-6), ("max_step", 50.0)),
    ):
        if {n for n, _ in known} & set(own):
            own[word] = tuple(own.pop(n, value) for n, value in known)
    x = torch.tensor(x0, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(module or torch.optim, name)([x], **own)
    for g in grads:
        x.grad = torch.tensor(g)
        optimizer.step()
        yield x.detach().numpy().copy()


def timm_run(name, *given):
    """Run a module of timm.optim alone: the package itself imports torchvision."""
    for package in ("timm", "timm.optim"):
        stub = sys.modules.setdefault(package, types.ModuleType(package))
        stub.__path__ = [str(Path(sysconfig.get_path("purelib"), *package.split(".")))]
    module = importlib.import_module(f"timm.optim.{name.lower()}")
    yield from torch_run(name, *given, module=module)


def optax_run(name, options, x0, grads):
    import jax

    jax.config.update("jax_enable_x64", True)
    import optax

    more = {"eps_inside": "eps_in_sqrt"}
    if name == "rmsprop":
        more.update(rho="decay", initial_accumulator="initial_scale")
    own = in_their_words("optax", options, **more)
    clips = [
        clip(own.pop(word))
        for word, clip in (("clip_norm", optax.clip_by_global_norm), ("clip_value", optax.clip))
        if word in own
    ]
    if own.pop("amsgrad", False):
        name = "amsgrad"
    if "momentum" in own and name == "sign_sgd":
        name, own["beta"] = "signum", own.pop("momentum")
    if "weight_decay" in own and name in ("adamax", "nadam"):
        name += "w"
    module = optax if hasattr(optax, name) else optax.contrib
    optimizer = optax.chain(*clips, getattr(module, name)(**own))
    x = jax.numpy.array(x0)
    state = optimizer.init(x)
    for g in grads:
        updates, state = optimizer.update(jax.numpy.array(g), state, x)
        x = optax.apply_updates(x, updates)
        yield np.array(x)


def keras_run(name, options, x0, grads):
    import jax

    jax.config.update("jax_enable_x64", True)
    import keras

    keras.backend.set_floatx("float64")
    x = keras.Variable(x0, dtype="float64")
    optimizer = getattr(keras.optimizers, name)(**in_their_words("keras", options))
    optimizer.build([x])
    for g in grads:
        optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float64")])
        yield np.array(x.value)


def cases_of(library):
    runs = {"torch": torch_run, "optax": optax_run, "keras": keras_run, "timm": timm_run}
    for cls, (name, known) in STAND_INS[library].items():
        r = np.random.default_rng(zlib.crc32(f"{library} {cls}".encode()))
        for k in range(CASES):
            must = {"learning_rate"} if library == "optax" else set()
            decoupled = {}
            if (library, cls) == ("torch", "NadamW"):
                must, decoupled = {"weight_decay"}, {"decoupled_weight_decay": True}
            options = {
                word: DRAWN[word](r)
                for word in ("learning_rate", *known.split())
                if k and (r.random() < 0.6 or word in must)  # the first: all defaults
            }
            if not options and must:
                options = {"learning_rate": 0.1} if library == "optax" else {"weight_decay": 0.01}
            x0, grads = r.normal(size=SIZE), r.normal(size=(STEPS, SIZE))
            grads *= 10.0 ** r.uniform(-1, 1, SIZE)
            moved = list(runs[library](name, {**options, **decoupled}, x0, grads))
            yield {"library": library, "class": cls, "options": options}, x0, grads, moved


def main(libraries):
    kept = dict(np.load(FILE)) if FILE.exists() else {"cases": "[]"}
    old = json.loads(str(kept["cases"]))
    keep = [k for k, case in enumerate(old) if case["library"] not in libraries]
    cases = [(old[k], *(kept[name][k] for name in ("x0", "grads", "moved"))) for k in keep]
    for library in libraries:
        cases += cases_of(library)
    cases.sort(key=lambda case: case[0]["library"])
    told, x0, grads, moved = zip(*cases, strict=True)
    np.savez_compressed(FILE, cases=json.dumps(told), x0=x0, grads=grads, moved=moved)


if __name__ == "__main__":
    main(sys.argv[1:] or list(STAND_INS))

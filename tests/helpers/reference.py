"""Plain NumPy references of the update rules, written from the papers.

Each rule is a generator over the elements of x at once. It takes the start, one gradient and one
learning rate per step and the dtype of the arithmetic, and yields x after each step. Coefficients
are Python floats (float64) and meet the arrays last, so a float32 run rounds each of them once.

Papers: Duchi, Hazan and Singer 2011 (AdaGrad); Hinton 2012 and Graves 2013 (RMSProp); Zeiler 2012
(AdaDelta); Kingma and Ba 2015 (Adam, AdaMax); Reddi, Kale and Kumar 2018 (AMSGrad); Dozat 2016
(Nadam); Sutskever et al. 2013 (momentum). `reference_family` has the others.
"""

import numpy as np
import reference_family
from reference_family import start as _start


def _root(v, eps, inside):
    return np.sqrt(v + eps) if inside else np.sqrt(v) + eps


def adagrad(x, grads, rates, dtype, *, eps=1e-8, eps_inside=True, initial_accumulator=0.0):
    x, steps = _start(x, grads, rates, dtype)
    v = np.full_like(x, initial_accumulator)
    for _, g, rate in steps:
        v = v + g * g
        x = x - rate * g / _root(v, eps, eps_inside)
        yield x


def rmsprop(
    x,
    grads,
    rates,
    dtype,
    *,
    rho=0.9,
    eps=1e-8,
    eps_inside=True,
    centered=False,
    momentum=0.0,
    nesterov=False,
    rate_inside=False,
    initial_accumulator=0.0,
):
    x, steps = _start(x, grads, rates, dtype)
    v = np.full_like(x, initial_accumulator)
    mean = np.zeros_like(x)
    b = np.zeros_like(x)
    for _, g, rate in steps:
        v = rho * v + (1 - rho) * g * g
        mean = rho * mean + (1 - rho) * g
        # rate_inside: the buffer holds steps; otherwise it holds scaled gradients.
        before, after = (rate, 1.0) if rate_inside else (1.0, rate)
        s = before * g / _root(v - mean * mean if centered else v, eps, eps_inside)
        b = momentum * b + s
        x = x - after * (s + momentum * b if nesterov else b)
        yield x


def adadelta(x, grads, rates, dtype, *, rho=0.9, eps=1e-6):
    x, steps = _start(x, grads, rates, dtype)
    v = np.zeros_like(x)
    w = np.zeros_like(x)
    for _, g, rate in steps:
        v = rho * v + (1 - rho) * g * g
        u = np.sqrt(w + eps) / np.sqrt(v + eps) * g
        w = rho * w + (1 - rho) * u * u
        x = x - rate * u
        yield x


def adam(
    x,
    grads,
    rates,
    dtype,
    *,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    eps_root=0.0,
    eps_hat=False,
    amsgrad=False,
    max_corrected=False,
):
    x, steps = _start(x, grads, rates, dtype)
    m, v, largest = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for t, g, rate in steps:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        c1, c2 = 1 - beta1**t, 1 - beta2**t
        # AMSGrad's maximum is over v, or over the corrected v/c2; used is always before correction.
        largest = np.maximum(largest, v / c2 if max_corrected else v)
        used = v if not amsgrad else largest * c2 if max_corrected else largest
        if eps_hat:
            x = x - rate * c2**0.5 / c1 * m / (np.sqrt(used) + eps)
        else:
            x = x - rate * (m / c1) / (np.sqrt(used / c2 + eps_root) + eps)
        yield x


def adamax(x, grads, rates, dtype, *, beta1=0.9, beta2=0.999, eps=1e-8, eps_inside=True):
    x, steps = _start(x, grads, rates, dtype)
    m = np.zeros_like(x)
    u = np.zeros_like(x)
    for t, g, rate in steps:
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + eps if eps_inside else np.abs(g))
        x = x - rate * (m / (1 - beta1**t)) / (u if eps_inside else u + eps)
        yield x


def nadam(
    x, grads, rates, dtype, *, beta1=0.9, beta2=0.999, eps=1e-8, eps_root=0.0, momentum_decay=0.004
):
    def mu(t):
        return beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) if momentum_decay > 0 else beta1

    x, steps = _start(x, grads, rates, dtype)
    m, v, product = np.zeros_like(x), np.zeros_like(x), 1.0
    for t, g, rate in steps:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        product *= mu(t)
        of_g = (1 - mu(t)) / (1 - product)
        of_m = mu(t + 1) / (1 - product * mu(t + 1))
        x = x - rate * (of_g * g + of_m * m) / (np.sqrt(v / (1 - beta2**t) + eps_root) + eps)
        yield x


def sgd(x, grads, rates, dtype, *, momentum=0.0, dampening=0.0, nesterov=False, rate_inside=False):
    x, steps = _start(x, grads, rates, dtype)
    b = np.zeros_like(x)
    for t, g, rate in steps:
        before, after = (rate, 1.0) if rate_inside else (1.0, rate)
        s = before * g
        # The first gradient enters the buffer whole, without dampening.
        b = s if t == 1 else momentum * b + (1 - dampening) * s
        x = x - after * (s + momentum * b if nesterov else b)
        yield x


REFERENCES = {
    **reference_family.REFERENCES,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adadelta": adadelta,
    "adam": adam,
    "adamax": adamax,
    "nadam": nadam,
    "sgd": sgd,
}

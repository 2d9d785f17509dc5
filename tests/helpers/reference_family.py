"""Plain NumPy references of the newer rules, in the form of `reference`, written from the papers.

Papers: Riedmiller and Braun 1993, Igel and Hüsken 2000 (Rprop); Bernstein et al. 2018 (SignSGD);
Zaheer et al. 2018 (Yogi); Liu et al. 2020 (RAdam); Zhuang et al. 2020 (AdaBelief); Xie et al. 2022
(Adan); Chen et al. 2023 (Lion); Taniguchi et al. 2024 (ADOPT); Pagliardini et al. 2024 (AdEMAMix).
"""

import numpy as np


def start(x, grads, rates, dtype):
    """Return x as an array and the list of (t, gradient, rate), t from 1."""
    x = np.array(x, dtype=dtype)
    steps = [
        (t, np.asarray(g, dtype=dtype), float(rate))
        for t, (g, rate) in enumerate(zip(grads, rates, strict=True), start=1)
    ]
    return x, steps


def lion(x, grads, rates, dtype, *, beta1=0.9, beta2=0.99):
    x, steps = start(x, grads, rates, dtype)
    m = np.zeros_like(x)
    for _, g, rate in steps:
        x = x - rate * np.sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g
        yield x


def signsgd(x, grads, rates, dtype, *, momentum=0.0):
    x, steps = start(x, grads, rates, dtype)
    m = np.zeros_like(x)
    for _, g, rate in steps:
        m = momentum * m + (1 - momentum) * g
        x = x - rate * np.sign(m)
        yield x


def adabelief(x, grads, rates, dtype, *, beta1=0.9, beta2=0.999, eps=1e-16, eps_root=1e-16):
    x, steps = start(x, grads, rates, dtype)
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g, rate in steps:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * np.square(g - m) + eps_root
        x = x - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        yield x


def yogi(
    x,
    grads,
    rates,
    dtype,
    *,
    beta1=0.9,
    beta2=0.999,
    eps=1e-3,
    corrected=True,
    initial_accumulator=1e-6,
    initial_mean=0.0,
):
    x, steps = start(x, grads, rates, dtype)
    m, v = np.full_like(x, initial_mean), np.full_like(x, initial_accumulator)
    for t, g, rate in steps:
        m = beta1 * m + (1 - beta1) * g
        v = v - (1 - beta2) * np.sign(v - np.square(g)) * np.square(g)
        c1, c2 = (1 - beta1**t, 1 - beta2**t) if corrected else (1.0, 1.0)
        x = x - rate * (m / c1) / (np.sqrt(v / c2) + eps)
        yield x


def radam(
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
    threshold=5.0,
):
    x, steps = start(x, grads, rates, dtype)
    m, v, longest = np.zeros_like(x), np.zeros_like(x), 2 / (1 - beta2) - 1
    for t, g, rate in steps:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * np.square(g)
        c2 = 1 - beta2**t
        length = longest - 2 * t * beta2**t / c2
        step = rate * (m / (1 - beta1**t))
        if length > threshold:
            part = (length - 4) / (longest - 4) * (length - 2) / (longest - 2) * longest / length
            bottom = np.sqrt(v / c2 + eps_root) + (eps / c2**0.5 if eps_hat else eps)
            step = step * part**0.5 / bottom
        x = x - step
        yield x


def rprop(
    x,
    grads,
    rates,
    dtype,
    *,
    eta_minus=0.5,
    eta_plus=1.2,
    min_step=1e-6,
    max_step=50.0,
    delayed=False,
):
    """Keep the gradient itself; `last` is the step from it."""
    x, steps = start(x, grads, rates, dtype)
    size, before, last = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for t, g, rate in steps:
        if t == 1:
            size = np.full_like(x, rate if delayed else np.clip(rate, min_step, max_step))
        kept = np.sign(g) * np.sign(before)
        factor = np.where(kept > 0, dtype(eta_plus), dtype(eta_minus))
        size = np.where(kept == 0, size, np.clip(factor * size, min_step, max_step)).astype(dtype)
        before = np.where(kept < 0, 0, g)
        now, late = size * np.sign(before), np.where(kept < 0, 0, last)
        x, last = x - (late if delayed else now), now
        yield x


def adopt(
    x,
    grads,
    rates,
    dtype,
    *,
    beta1=0.9,
    beta2=0.9999,
    eps=1e-6,
    clipped=True,
    clip_power=0.25,
    nesterov=False,
):
    x, steps = start(x, grads, rates, dtype)
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g, rate in steps:
        if t == 1:
            v = np.square(g)
        else:
            u = g / np.maximum(np.sqrt(v), eps)
            if clipped:
                u = np.clip(u, -((t - 1) ** clip_power), (t - 1) ** clip_power)
            m = beta1 * m + (1 - beta1) * u
            x = x - rate * (beta1 * m + (1 - beta1) * u if nesterov else m)
            v = beta2 * v + (1 - beta2) * np.square(g)
        yield x


def ademamix(
    x,
    grads,
    rates,
    dtype,
    *,
    beta1=0.9,
    beta2=0.999,
    beta3=0.9999,
    alpha=5.0,
    warmup=0.0,
    eps=1e-8,
    eps_root=0.0,
):
    x, steps = start(x, grads, rates, dtype)
    m, w, v = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for t, g, rate in steps:
        slow, mix = beta3, alpha
        if t < warmup:  # the paper's equation for beta3 at t
            log1, log3, part = np.log(beta1), np.log(beta3), t / warmup
            slow = float(min(np.exp(log1 * log3 / ((1 - part) * log3 + part * log1)), beta3))
            mix = min(t * alpha / warmup, alpha)
        m = beta1 * m + (1 - beta1) * g
        w = slow * w + (1 - slow) * g
        v = beta2 * v + (1 - beta2) * np.square(g)
        top = m / (1 - beta1**t) + mix * w
        x = x - rate * top / (np.sqrt(v / (1 - beta2**t) + eps_root) + eps)
        yield x


def adan(
    x,
    grads,
    rates,
    dtype,
    *,
    beta1=0.98,
    beta2=0.92,
    beta3=0.99,
    eps=1e-8,
    eps_root=0.0,
    complement=False,
):
    x, steps = start(x, grads, rates, dtype)
    m, w, v, last = (np.zeros_like(x) for _ in range(4))
    for t, g, rate in steps:
        change = g - last if t > 1 else np.zeros_like(x)
        ahead = 1 - beta2 if complement else beta2
        m = beta1 * m + (1 - beta1) * g
        w = beta2 * w + (1 - beta2) * change
        v = beta3 * v + (1 - beta3) * np.square(g + ahead * change)
        top = m / (1 - beta1**t) + ahead * (w / (1 - beta2**t))
        x = x - rate * top / (np.sqrt(v / (1 - beta3**t) + eps_root) + eps)
        last = g
        yield x


REFERENCES = {
    "adabelief": adabelief,
    "adan": adan,
    "ademamix": ademamix,
    "adopt": adopt,
    "lion": lion,
    "radam": radam,
    "rprop": rprop,
    "signsgd": signsgd,
    "yogi": yogi,
}

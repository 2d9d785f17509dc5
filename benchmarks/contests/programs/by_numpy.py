"""NumPy's entries in the contests: the formulas in place, with reused scratch arrays."""

import numpy as np
import turns

ABOUT = {"version": f"NumPy {np.__version__}"}
RATE, EPS = 1e-3, 1e-8


def rmsprop(data):
    x, g = data["x"].copy(), data["g"]
    v, a = np.zeros_like(x), np.empty_like(x)

    def step():
        np.multiply(g, g, a)
        np.multiply(a, 0.1, a)
        np.multiply(v, 0.9, v)
        np.add(v, a, v)
        divide(x, g, v, a)

    return stepped(step, x, data)


def adagrad(data):
    x, g = data["x"].copy(), data["g"]
    v, a = np.zeros_like(x), np.empty_like(x)

    def step():
        np.multiply(g, g, a)
        np.add(v, a, v)
        divide(x, g, v, a)

    return stepped(step, x, data)


def adam(data):
    x, g, t = data["x"].copy(), data["g"], 0
    m, v, a, b = np.zeros_like(x), np.zeros_like(x), np.empty_like(x), np.empty_like(x)

    def step():
        nonlocal t
        t += 1
        np.multiply(g, 0.1, a)
        np.multiply(m, 0.9, m)
        np.add(m, a, m)
        np.multiply(g, g, a)
        np.multiply(a, 0.001, a)
        np.multiply(v, 0.999, v)
        np.add(v, a, v)
        np.multiply(v, 1.0 / (1.0 - 0.999**t), a)
        np.sqrt(a, a)
        np.add(a, EPS, a)
        np.divide(m, a, b)
        np.multiply(b, RATE / (1.0 - 0.9**t), b)
        np.subtract(x, b, x)

    return stepped(step, x, data)


def divide(x, g, v, a):
    """Compute x -= RATE g / sqrt(v + EPS)."""
    np.add(v, EPS, a)
    np.sqrt(a, a)
    np.divide(g, a, a)
    np.multiply(a, RATE, a)
    np.subtract(x, a, x)


def stepped(step, x, data):
    for _ in range(int(data["steps"])):
        step()
    return step, x.copy(), ABOUT


def iterations(data):
    """Return the job of a tenth of the iterations: each is some microseconds of calls."""

    def run(iterations=int(data["iterations"]) // 10):
        x, v = data["x0"].copy(), np.zeros(2)
        for _ in range(iterations):
            a, b = x[1] - x[0] * x[0], 1.0 - x[0]
            g = np.array([-400.0 * x[0] * a - 2.0 * b, 200.0 * a])
            v = 0.9 * v + 0.1 * g * g
            x -= 1e-4 * g / np.sqrt(v + EPS)
        return x

    return run, run(int(data["some"])), {**ABOUT, "part": 0.1}


def fixed(data):
    """Return the job of a tenth of 500 iterations of RMSProp on all fits, gradient by hand."""
    t, y = data["t"], data["y"]

    def run(iterations):
        x, v = np.ones((len(y), 3)), np.zeros((len(y), 3))
        g, e, r = np.empty_like(x), np.empty_like(y), np.empty_like(y)
        for _ in range(iterations):
            np.multiply(-x[:, 1:2], t, e)
            np.exp(e, e)
            np.multiply(x[:, :1], e, r)
            np.add(r, x[:, 2:], r)
            np.subtract(r, y, r)
            np.multiply(r, 2.0, r)
            np.sum(r, 1, out=g[:, 2])
            np.multiply(r, e, r)
            np.sum(r, 1, out=g[:, 0])
            np.multiply(-x[:, 0], r @ t, g[:, 1])
            v *= 0.9
            v += 0.1 * g * g
            x -= 0.01 * g / np.sqrt(v + EPS)
        return x

    return lambda: run(50), run(int(data["some"])), {**ABOUT, "part": 0.1}


if __name__ == "__main__":
    jobs = (rmsprop, adagrad, adam, iterations, fixed)
    turns.take_part({job.__name__: job for job in jobs})

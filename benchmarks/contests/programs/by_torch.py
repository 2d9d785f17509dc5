"""PyTorch's entries in the contests, on the CPU: its optimizers by foreach and, if any, fused."""

import functools

import numpy as np
import torch
import turns

VERSION = f"torch {torch.__version__}, {torch.get_num_threads()} threads"
torch.set_default_dtype(torch.float64)

SETTINGS = {
    "rmsprop": (torch.optim.RMSprop, {"lr": 1e-3, "alpha": 0.9, "eps": 1e-8}),
    "adagrad": (torch.optim.Adagrad, {"lr": 1e-3, "eps": 1e-8}),
    "adam": (torch.optim.Adam, {"lr": 1e-3, "eps": 1e-8}),
}


def sweep(method, how, data):
    """Return the job of a step over an array or several; `how` is "foreach" or "fused"."""
    make, settings = SETTINGS[method]
    xs, gs = (list(a) if a.ndim > 1 else [a] for a in (data["x"], data["g"]))
    params = [torch.nn.Parameter(torch.from_numpy(x).clone()) for x in xs]
    for x, g in zip(params, gs, strict=True):
        x.grad = torch.from_numpy(g)
    optimizer = make(params, **settings, **{how: True})
    for _ in range(int(data["steps"])):
        optimizer.step()
    found = [x.detach().numpy().copy() for x in params]
    return optimizer.step, np.concatenate(found), {"version": VERSION}


def iterations(data):
    """Return the job of a hundredth of the Rosenbrock iterations, gradient by hand."""

    def run(iterations=int(data["iterations"]) // 100):
        x = torch.nn.Parameter(torch.from_numpy(data["x0"]).clone())
        optimizer = torch.optim.RMSprop([x], lr=1e-4, alpha=0.9, eps=1e-8)
        for _ in range(iterations):
            with torch.no_grad():
                a, b = x[1] - x[0] * x[0], 1.0 - x[0]
                x.grad = torch.stack((-400.0 * x[0] * a - 2.0 * b, 200.0 * a))
            optimizer.step()
        return x.detach().numpy()

    return run, run(int(data["some"])), {"version": VERSION, "part": 0.01}


def fixed(data):
    """Return the job of a tenth of 500 iterations of RMSProp on all fits, by autograd."""
    t, y = torch.from_numpy(data["t"]), torch.from_numpy(data["y"])

    def run(iterations):
        x = torch.nn.Parameter(torch.ones(len(y), 3))
        optimizer = torch.optim.RMSprop([x], lr=0.01, alpha=0.9, eps=1e-8)
        for _ in range(iterations):
            optimizer.zero_grad()
            r = x[:, :1] * torch.exp(-x[:, 1:2] * t) + x[:, 2:] - y
            (r * r).sum().backward()
            optimizer.step()
        return x.detach().numpy()

    return lambda: run(50), run(int(data["some"])), {"version": VERSION, "part": 0.1}


def epochs(how, data):
    """Return the job of an epoch of logistic regression; the answer is losses of some epochs.

    Mini-batches are slices of permuted rows. Two threads, foreach and indexing for each mini-batch
    are all slower.
    """
    torch.set_num_threads(1)
    softplus = torch.nn.functional.softplus
    a, b, orders = (torch.from_numpy(data[name]) for name in ("a", "b", "orders"))
    x, batch = torch.nn.Parameter(torch.zeros(a.shape[1], dtype=a.dtype)), int(data["batch"])
    rate, rho, eps = data["rule"].tolist()
    optimizer = torch.optim.RMSprop([x], lr=rate, alpha=rho, eps=eps, foreach=False)

    def autograd(rows, labels):
        optimizer.zero_grad()
        loss = softplus(-labels * (rows @ x)).mean()
        loss.backward()
        return loss.detach()

    @torch.no_grad()
    def by_hand(rows, labels):
        z = -labels * (rows @ x)
        x.grad = (-labels * torch.sigmoid(z) / len(labels)) @ rows
        return softplus(z).mean()

    gradient = {"autograd": autograd, "by hand": by_hand}[how]

    def run(order=orders[0]):
        total = torch.zeros((), dtype=a.dtype)
        for rows, labels in zip(a[order].split(batch), b[order].split(batch), strict=True):
            total += gradient(rows, labels) * len(labels)
            optimizer.step()
        return float(total / len(order))

    return (
        run,
        [run(order) for order in orders],
        {"version": f"torch {torch.__version__}, 1 thread"},
    )


if __name__ == "__main__":
    sweeps = {
        f"{method}, {how}": functools.partial(sweep, method, how)
        for method in SETTINGS
        for how in ("foreach", "fused")
    }
    by_epochs = {
        f"epochs, {how}": functools.partial(epochs, how) for how in ("autograd", "by hand")
    }
    turns.take_part({**sweeps, "iterations": iterations, "fixed": fixed, **by_epochs})

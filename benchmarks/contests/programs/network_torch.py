"""PyTorch's entry in the contest on a network: eager modules, autograd, its Adam."""

import numpy as np
import torch
import turns
from torch import nn


def network(data):
    """Return the job of an epoch; the answer is x after those of the given orders.

    The fastest of its ways is taken: one or two threads, Adam by loops, foreach or fused.
    Mini-batches are slices of permuted rows.
    """
    a, b, orders = (torch.from_numpy(data[name]) for name in ("a", "b", "orders"))
    (rate, alpha), batch = data["rule"].tolist(), int(data["batch"])
    inputs, classes = a.shape[1], int(b.max()) + 1
    hidden = (len(data["x0"]) - classes) // (inputs + 1 + classes)
    shapes = (inputs, hidden), (hidden,), (hidden, classes), (classes,)
    places = np.cumsum([np.prod(shape) for shape in shapes])[:-1]

    def made(way):
        model = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        parts = [p.reshape(s) for p, s in zip(np.split(data["x0"], places), shapes, strict=True)]
        with torch.no_grad():
            for parameter, part in zip(model.parameters(), parts, strict=True):
                parameter.copy_(torch.from_numpy(part.T.copy()))
        weights = [p for p in model.parameters() if p.ndim > 1]
        biases = [p for p in model.parameters() if p.ndim == 1]
        groups = [{"params": weights, "weight_decay": alpha / batch}, {"params": biases}]
        how = {"foreach": False} if way == "loop" else {way: True}
        optimizer, entropy = torch.optim.Adam(groups, lr=rate, **how), nn.CrossEntropyLoss()

        def run(order=orders[0]):
            for rows, labels in zip(a[order].split(batch), b[order].split(batch), strict=True):
                optimizer.zero_grad()
                entropy(model(rows), labels).backward()
                optimizer.step()

        return model, run

    model, run = made("loop")
    for order in orders:
        run(order)
    found = np.concatenate([p.detach().numpy().T.ravel() for p in model.parameters()])
    ways = {}
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for way in ("loop", "foreach", "fused"):
            _, run = made(way)
            ways[threads, way] = turns.quickest(run), run
    (threads, way), (_, run) = min(ways.items(), key=lambda item: item[1][0])
    torch.set_num_threads(threads)
    return run, found, {"version": f"torch {torch.__version__}, threads: {threads}, {way}"}


if __name__ == "__main__":
    turns.take_part({"network": network})

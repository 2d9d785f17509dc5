"""Scikit-learn's entry in the contest on a network: `partial_fit`, which is an epoch."""

import numpy as np
import sklearn
import turns
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits


def network(data):
    """Return the job of an epoch; the answer is x after those of the given orders.

    Rows are permuted outside, so that mini-batches are those of all contestants.
    """
    a, b, orders, x = data["a"], data["b"], data["orders"], data["x0"]
    rate, alpha = data["rule"].tolist()
    how = {"learning_rate_init": rate, "alpha": alpha, "batch_size": int(data["batch"])}
    inputs, classes = a.shape[1], b.max() + 1
    hidden = (x.size - classes) // (inputs + 1 + classes)
    model = MLPClassifier((hidden,), shuffle=False, **how)
    model.partial_fit(a, b, classes=np.arange(classes))
    del model._optimizer  # which has taken steps
    shapes = (inputs, hidden), (hidden,), (hidden, classes), (classes,)
    split = np.split(x, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
    w, b1, v, b2 = (p.reshape(s).copy() for p, s in zip(split, shapes, strict=True))
    model.coefs_, model.intercepts_ = [w, v], [b1, b2]

    def run(order=orders[0]):
        model.partial_fit(a[order], b[order])

    for order in orders:
        run(order)
    parts = zip(model.coefs_, model.intercepts_, strict=True)
    found = np.concatenate([np.ravel(p) for layer in parts for p in layer])
    seconds = {}
    for threads in (1, 2):
        with threadpool_limits(threads):
            seconds[threads] = turns.quickest(run)
    best = min(seconds, key=seconds.get)
    threadpool_limits(best)
    return run, found, {"version": f"scikit-learn {sklearn.__version__}, threads: {best}"}


if __name__ == "__main__":
    turns.take_part({"network": network})

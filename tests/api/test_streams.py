"""`minimize_stochastic` over iterators of mini-batches: the steps are those of rows in memory."""

import signal
import threading

import numpy as np
import pytest

import fastopt

RNG = np.random.default_rng(0)
ROWS = np.array([1.0, -2.0, 0.5]) + RNG.normal(size=(90, 3))
LABELS = RNG.normal(size=90)
RATE = {"learning_rate": 0.05}


def bowl(x, row, label):
    d = x - row
    return np.sum(d * d) + 0.1 * label * x[0]


def fit(data, fun=bowl, **how):
    how = {"method": "adam", "options": RATE, **how}
    return fastopt.minimize_stochastic(fun, np.zeros(3), data, **how)


def batches(size=8, rows=ROWS, labels=LABELS):
    for k in range(0, len(rows), size):
        yield rows[k : k + size], labels[k : k + size]


class Loader:
    """Like torch's DataLoader: it has a length, and gives lists."""

    def __len__(self):
        return 12

    def __iter__(self):
        return map(list, batches())


class Endless(Loader):
    """Like torch's DataLoader of a data set without a length."""

    def __len__(self):
        raise TypeError("object has no len()")


@pytest.mark.parametrize("options", [RATE, {}], ids=["given rate", "automatic"])
def test_the_steps_are_those_of_rows_in_memory(options):
    how = {"options": options, "validation": (ROWS[:5], LABELS[:5]), "average": 2}
    wanted = fit((ROWS, LABELS), batch_size=8, shuffle=False, epochs=3, **how)
    lists = [([*map(list, rows)], labels.tolist()) for rows, labels in batches()]
    for data in (batches, Loader(), Endless(), lambda: map(list, batches()), lambda: lists):
        known = options or type(data) is Loader
        given = options if known else {"maxiter": 36}
        res = fit(data, epochs=3, **{**how, "options": given})
        for name in ("x", "x_last", "x_average", "loss", "validation_loss"):
            np.testing.assert_array_equal(res[name], wanted[name])
        assert (res.nit, res.nfev, res.njev) == (wanted.nit, wanted.nfev, wanted.njev)
        assert res.status == 8


def test_all_rows_at_once():
    def mean(x, rows, labels):
        return np.mean(np.sum((x - rows) ** 2, axis=1) + 0.1 * labels * x[0])

    wanted = fit((ROWS, LABELS), batch_size=8, shuffle=False, epochs=2)
    res = fit(batches, mean, vectorized=True, epochs=2)
    np.testing.assert_allclose(res.x, wanted.x, rtol=1e-12)
    assert res.njev == res.nit == 24


def test_an_iterator_is_one_epoch_and_may_have_no_end():
    assert fit(batches()).epochs == 1

    def endless():
        while True:
            yield ROWS[RNG.integers(0, 90, 8)], LABELS[:8]

    res = fit(endless(), options={"maxiter": 400})
    assert res.status == 1
    assert res.nit == 400
    np.testing.assert_allclose(res.x, ROWS.mean(axis=0), atol=0.15)


def test_what_is_read_may_be_written_over():
    """A source may fill the same arrays again and again."""

    def same():
        rows, labels = np.empty((8, 3)), np.empty(8)
        for a, b in batches(rows=ROWS[:88], labels=LABELS[:88]):
            rows[:], labels[:] = a, b
            yield rows, labels

    wanted = fit((ROWS[:88], LABELS[:88]), batch_size=8, shuffle=False, epochs=1)
    np.testing.assert_array_equal(fit(same()).x, wanted.x)


def test_exceptions_callbacks_and_interrupts():
    def failing():
        yield ROWS[:8], LABELS[:8]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        fit(failing())
    seen = []

    def stop(xk):
        seen.append(xk)
        if len(seen) == 2:
            raise StopIteration

    res = fit(batches, epochs=4, callback=stop)
    assert (res.status, res.epochs) == (99, 2)

    def waiting():
        yield ROWS[:8], LABELS[:8]
        threading.Timer(0.05, signal.raise_signal, (signal.SIGINT,)).start()
        while True:
            yield ROWS[:8], LABELS[:8]

    assert fit(waiting()).status == 6


def gives(*items):
    return lambda: iter(items)


BATCH = ROWS[:8], LABELS[:8]


@pytest.mark.parametrize(
    ("data", "how", "says"),
    [
        (iter(()), {}, "data gives no mini-batch"),
        (batches(), {"epochs": 2}, "which can be read once"),
        (batches, {"options": {}}, "nothing tells how long this stream is"),
        (batches, {"validation": 0.2}, "is a share of the rows"),
        (batches, {"options": {**RATE, "checkpoint": "x.npz"}}, "leave out checkpoint"),
        (gives(BATCH, (ROWS[:9], LABELS[:9])), {}, "has 9 rows; none may have more"),
        (gives(BATCH, (ROWS[:8, :2], LABELS[:8])), {}, "mini-batch 2 of epoch 1 has rows of (2,)"),
        (gives(BATCH, (1j * ROWS[:8], LABELS[:8])), {}, "complex"),
        (gives(BATCH, ROWS[:8]), {}, "mini-batch 2 of epoch 1 has"),
        (gives(BATCH, (ROWS[:8], LABELS[:7])), {}, "data[0] has 8, data[1] has 7"),
        (gives(3.0), {}, "data[0] is 3.0"),
        (gives(None), {}, "the first mini-batch is None"),
        (gives(BATCH, {"rows": ROWS}), {}, "mini-batch 2 of epoch 1 is a dict"),
        (gives(([ROWS[0], ROWS[1, :2]], LABELS[:2])), {}, "a stream gives arrays"),
        (lambda: BATCH, {}, "data is a function that returned a mini-batch"),
        ({"rows": ROWS}, {}, "data is a dict; give its arrays as a tuple"),
        (batches, {"validation": (ROWS, 1j * LABELS)}, "validation[1] has dtype complex128"),
        (lambda: 3, {}, "data is a function that returned 3; it must return an iterator"),
        ((lambda it: lambda: it)(batches()), {}, "gives no mini-batch in epoch 2"),
    ],
)
def test_refused_with_a_sentence(data, how, says):
    with pytest.raises((ValueError, TypeError)) as caught:
        fit(data, **{"epochs": 2 if callable(data) else None, **how})
    assert says in str(caught.value)

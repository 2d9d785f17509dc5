"""Ctrl-C at any moment, and threads that share an object: nothing runs on, hangs or is torn.

``python tests/test_interrupts.py 300`` sends so many signals to each door.
"""

import concurrent.futures
import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numba
import numpy as np
import pytest

import fastopt

T = np.linspace(0, 4, 64)
RNG = np.random.default_rng(0)
Y = RNG.uniform(1, 5, (4000, 1)) * np.exp(-RNG.uniform(0.5, 2, (4000, 1)) * T) + 0.5
X0 = [1.0, 1.0, 1.0]
LONG = {"learning_rate": 1e-3, "maxiter": 3000}
FEW = 12  # signals to each door in the suite


@numba.njit
def fit(p, y, t):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


@numba.njit
def row(p, y):
    return (p[0] - y) ** 2


def batch():
    return fastopt.minimize_batch(fit, X0, Y, args=(T,), options=LONG)


def batch_with_callback():
    return fastopt.minimize_batch(fit, X0, Y, args=(T,), options=LONG, callback=lambda *_: None)


def single():
    options = {"learning_rate": 1e-6, "maxiter": 300_000}
    return fastopt.minimize(fit, X0, args=(Y[0], T), options=options)


def stochastic():
    options = {"learning_rate": 1e-6}
    return fastopt.minimize_stochastic(row, [1.0], Y[:, 0], epochs=1000, options=options)


def many_starts():
    return fastopt.multistart(fit, [(0.5, 2.0)] * 3, 4000, args=(Y[0], T), options=LONG, rng=1)


PLACES = np.ones(2_000_000), np.ones(2_000_000)
OPTIMIZER = fastopt.RMSProp(1e-3)


def steps():
    for _ in range(100):
        OPTIMIZER.step(*PLACES)


DOORS = [batch, batch_with_callback, single, stochastic, many_starts, steps]


def strike(door, count, seed):
    """Send signals while `door` is called; how often it raised, and how many went on running."""
    chance, raised, running = random.Random(seed), 0, 0
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for _ in range(count):
            result = None
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(3e-4, 2e-2))
                result = door()
                time.sleep(0.03)  # it was quicker than the signal
            except KeyboardInterrupt:
                raised += 1
            if result is not None and door in (batch, batch_with_callback):
                told = np.isin(result.status, (0, 1, 2, 6, 7))
                assert told.all(), np.unique(result.status)
            spent = time.process_time()
            time.sleep(0.05)
            running += time.process_time() - spent > 0.03
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    return raised, running


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_nothing_goes_on_after_a_signal(door):
    door()  # what is compiled is compiled, what is imported is imported
    _, running = strike(door, FEW, 1)
    assert running == 0
    small = fastopt.minimize_batch(fit, X0, Y[:8], args=(T,))
    assert small.success.all()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
def test_an_executor_is_usable_after_signals():
    with concurrent.futures.ThreadPoolExecutor(2) as executor:

        def door():
            return fastopt.minimize_batch(
                fit, X0, Y[:200], args=(T,), options=LONG, workers=executor
            )

        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        chance = random.Random(2)
        try:
            for _ in range(FEW):
                timer = threading.Timer(chance.uniform(1e-3, 5e-2), signal.raise_signal, [2])
                timer.start()
                with contextlib.suppress(KeyboardInterrupt):
                    door()
                timer.cancel()
                timer.join()
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        finally:
            signal.signal(signal.SIGINT, before)
        assert executor.submit(int, "7").result(timeout=20) == 7
        assert door().status.tolist() == [1] * 200


def test_the_users_handler_is_called_and_stays():
    from fastopt._interrupts import Held

    seen = []

    def own(number, frame):
        seen.append(number)

    before = signal.signal(signal.SIGINT, own)
    try:
        with Held():
            signal.raise_signal(signal.SIGINT)
            assert seen == []
        assert seen == [signal.SIGINT]
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)


def handler_here():
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_the_users_handler():
    from fastopt._interrupts import Held

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Held():
            child = os.fork()
            if child == 0:
                os._exit(0 if handler_here() else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        signal.signal(signal.SIGINT, before)


def in_own_process(code):
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert out.returncode == 0, (out.returncode, out.stdout, out.stderr[-2000:])
    return out.stdout


def test_an_optimizer_may_be_stepped_from_several_threads():
    """Each step counts once, on arrays that are gone at once; others read its state meanwhile."""
    out = in_own_process("""
        import threading, warnings, numpy as np, fastopt
        warnings.simplefilter("ignore")
        one, many = fastopt.RMSProp(0.01), fastopt.Adam(0.01)
        def work(k):
            for i in range(4000):
                one.step(np.ones(50), np.ones(50))
                many.step([np.ones(20), np.ones(3)], [np.ones(20), np.ones(3)])
                if k == 0 and i % 50 == 0:
                    many.load_state_dict(many.state_dict())
                    one.learning_rate = 0.01
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        print(one.t, many.t <= 16000)
    """)
    assert out.split() == ["16000", "True"]


def test_large_steps_in_threads_and_in_the_callback_of_a_batch():
    """They do not wait for the batch, nor for each other."""
    x, g = np.ones(2_000_000), np.ones(2_000_000)
    optimizer, longest = fastopt.SGD(1e-3), []

    def callback(done, total):
        begin = time.perf_counter()
        optimizer.step(x, g)
        longest.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    fastopt.minimize_batch(fit, X0, Y, args=(T,), options=LONG, callback=callback)
    assert optimizer.t == len(longest) > 0
    assert np.median(longest) < 0.5 * (time.perf_counter() - begin)
    np.testing.assert_allclose(x, 1.0 - 1e-3 * optimizer.t, rtol=1e-9)

    targets = [np.ones(2_000_000) for _ in range(4)]

    def work(x):
        own = fastopt.SGD(1e-3)
        for _ in range(20):
            own.step(x, g)

    threads = [threading.Thread(target=work, args=(x,)) for x in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for x in targets:
        np.testing.assert_array_equal(x, targets[0])


def test_lengths_of_kernels_are_compared():
    c = fastopt.RMSProp(0.1).coefficients(1)[0]
    less = fastopt.SGD(0.1).coefficients(1)[0]
    step = fastopt.kernels.rmsprop

    @numba.njit
    def compiled(x, g, v, c):
        step(x, g, (v,), c)

    def arrays():
        return np.ones(5), np.ones(5), np.zeros(5)

    for run in (compiled, lambda x, g, v, c: step(x, g, (v,), c)):
        for short in range(3):
            given = [*arrays(), c]
            given[short] = given[short][:3]
            with pytest.raises(ValueError, match="must have one length"):
                run(*given)
        with pytest.raises(ValueError, match=f"must be {len(c)} coefficients"):
            run(*arrays(), less)
        given = arrays()
        run(*given, c)
        assert (given[0] < 1.0).all()


if __name__ == "__main__":
    for each in DOORS:
        each()
        print(each.__name__, strike(each, int(sys.argv[1]), os.getpid()), flush=True)

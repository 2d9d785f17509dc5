"""Ctrl-C at any moment, and threads that share an object: nothing runs on, hangs or is torn.

``python tests/drivers/test_interrupts.py 2000`` sends so many signals to each door.
"""

import _thread
import concurrent.futures
import contextlib
import faulthandler
import functools
import io
import math
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from types import MappingProxyType as Fixed

import numba
import numpy as np
import pytest

import fastopt
from fastopt.concurrency import delayed_interrupts, thread_pool
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.targets.cpu import cpu_target as cpu

T = np.linspace(0, 4, 64)
RNG = np.random.default_rng(0)
Y = RNG.uniform(1, 5, (4000, 1)) * np.exp(-RNG.uniform(0.5, 2, (4000, 1)) * T) + 0.5
MANY, KNOWN = np.tile(Y, (20, 1)), 1200  # of so many problems the right answers are computed
X0 = [1.0, 1.0, 1.0]
LONG = {"learning_rate": 1e-3, "maxiter": 3000}
FEW = 12  # signals to each door in the suite
LIMIT = 60.0  # seconds after which a call hangs


@numba.njit
def fit(p, y, t):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


@numba.njit
def row(p, y):
    return (p[0] - y) ** 2


def plain(p):
    return (p[0] - 3.0) ** 2 + 2.0 * (p[1] + 1.0) ** 2


class Door:
    """Something that is called while signals come, within `length` seconds of its beginning."""

    length: float | None = None  # as long as a call takes

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def call(self):
        """The call itself."""
        raise NotImplementedError

    def warm(self):
        """Call it once, so that everything is compiled and imported."""
        return self.call()

    def check(self, result):
        """Assert that what was returned, or is left if it is None, is true."""

    def again(self):
        """Call it without a signal, briefly: it must not hang."""
        return self.call()

    def close(self):
        """End what was begun."""


class Batch(Door):
    """Problems that ended on their own have the bits of an undisturbed run.

    The batch would take far longer than `require_idle` waits.
    """

    problems, length, more = len(MANY), 0.02, Fixed({})

    def call(self, problems=None):
        more = {**self.more, **self.extra()}
        more["options"] = {**LONG, **more.get("options", {})}
        return fastopt.minimize_batch(fit, X0, MANY[: problems or self.problems], args=(T,), **more)

    def warm(self):
        return self.again()

    def extra(self):
        return {}

    def again(self):
        return self.call(8)

    def check(self, result):
        if result is None:
            return
        status, wanted = result.status, reference(min(KNOWN, len(result.status)))
        assert set(status.tolist()) <= {1, 6, 7}, np.unique(status)
        done, new = status == 1, status == 7
        assert not done[KNOWN:].any()
        for name in ("x", "fun", "jac", "x_last", "nit"):
            assert np.array_equal(result[name][:KNOWN][done[:KNOWN]], wanted[name][done[:KNOWN]])
        assert np.isnan(result.fun[new]).all()
        assert (result.x[new] == X0).all()
        cut = np.flatnonzero(status == 6)
        assert (result.nit[cut] < 3000).all()
        for b in cut:
            if not math.isnan(result.fun[b]):
                value = fit(result.x[b], MANY[b], T)
                assert math.isclose(result.fun[b], value, rel_tol=1e-12), (b, value)


@functools.cache
def reference(count):
    """The batch as it is when nothing disturbs it."""
    return fastopt.minimize_batch(fit, X0, MANY[:count], args=(T,), options=LONG)


class BatchWithCallback(Batch):
    more = Fixed({"callback": lambda *_: None})


class BatchWithBar(Batch):
    more = Fixed({"options": {"disp": True}})


class BatchWithCheckpoint(Batch):
    """What is left in the file is gone on with, to the same bits."""

    problems, length = 200, None

    def extra(self):
        return {"options": {"checkpoint": str(self.folder / "batch")}}

    def warm(self):
        return self.call()

    def again(self):
        result = self.call()
        for name in ("x", "fun", "status", "nit"):
            assert np.array_equal(result[name], reference(self.problems)[name]), name
        for path in self.folder.glob("batch*"):
            path.unlink()


class BatchByExecutor(Batch):
    problems, length = 200, None

    def __init__(self, folder):
        super().__init__(folder)
        self.executor = concurrent.futures.ThreadPoolExecutor(2)

    def extra(self):
        return {"workers": self.executor}

    def again(self):
        assert self.executor.submit(int, "7").result(timeout=LIMIT) == 7
        return self.call(8)

    def close(self):
        self.executor.shutdown()


class Starts(Batch):
    def call(self, problems=None):
        how = {"args": (Y[0], T), "options": LONG, "rng": 1}
        return fastopt.multistart(fit, [(0.5, 2.0)] * 3, problems or self.problems, **how)

    def check(self, result):
        if result is not None:
            value = fit(result.x, Y[0], T)
            assert math.isnan(result.fun) or math.isclose(result.fun, value, rel_tol=1e-12)


class Single(Door):
    fun, x0, args = fit, X0, (Y[0], T)
    rate, many, few, more = 1e-6, 20_000, 100, Fixed({})

    def call(self, maxiter=None):
        options = {"learning_rate": self.rate, "maxiter": maxiter or self.many}
        more = {**self.more, **self.extra()}
        options |= more.pop("options", {})
        return fastopt.minimize(type(self).fun, self.x0, args=self.args, options=options, **more)

    def extra(self):
        return {}

    def again(self):
        return self.call(self.few)

    def check(self, result):
        if result is None:
            return
        assert result.status in (1, 6)
        assert result.status == 6 or result.nit == self.many
        value = type(self).fun(result.x, *self.args)
        assert math.isnan(result.fun) or math.isclose(result.fun, value, rel_tol=1e-12)


class Plain(Single):
    fun, x0, args = plain, [0.0, 0.0], ()
    many = 1000


class SingleWithCallback(Single):
    many, few, more = 2000, 10, Fixed({"callback": lambda _: None})


class SingleWithBar(Single):
    more = Fixed({"options": {"disp": True}})


class SingleWithCheckpoint(Single):
    def extra(self):
        return {"options": {"checkpoint": str(self.folder / "single")}}

    def again(self):
        result = self.call()
        assert (result.status, result.nit) == (1, self.many)
        assert result.fun == single_reference(self.many)
        for path in self.folder.glob("single*"):
            path.unlink()


@functools.cache
def single_reference(many):
    options = {"learning_rate": 1e-6, "maxiter": many}
    return fastopt.minimize(fit, X0, args=(Y[0], T), options=options).fun


class Stochastic(Door):
    more, epochs = Fixed({}), 60

    def call(self, epochs=None):
        options = {"learning_rate": 1e-6, **self.more.get("options", {})}
        more = {**self.more, "options": options, "epochs": epochs or self.epochs, "seed": 1}
        return fastopt.minimize_stochastic(row, [1.0], Y[:, 0], **more)

    def again(self):
        return self.call(1)

    def check(self, result):
        if result is not None:
            assert result.status in (6, 8)
            assert result.status == 6 or result.epochs == self.epochs
            assert 1.0 <= result.x[0] < 1.1


class StochasticWithCallback(Stochastic):
    more = Fixed({"callback": lambda _: None})


class StochasticWithBar(Stochastic):
    more = Fixed({"options": {"disp": True}})


class Steps(Door):
    """A step and its count happen both, or neither of them, and all arrays are at the same step."""

    kind, sizes, steps = fastopt.SGD, (100,), 300

    def __init__(self, folder):
        super().__init__(folder)
        self.optimizer = self.kind(1.0, **self.options())
        self.xs = [np.zeros(size) for size in self.sizes]
        self.gs = [np.full(size, -1.0) for size in self.sizes]

    def options(self):
        return {"on_nonfinite": "propagate"}

    def one(self):
        self.optimizer.step(*((self.xs, self.gs) if self.xs[1:] else (self.xs[0], self.gs[0])))

    def call(self):
        for _ in range(self.steps):
            self.one()

    def again(self):
        self.one()

    def check(self, result):
        for x in self.xs:
            assert (x == self.optimizer.t).all(), (self.optimizer.t, np.unique(x))


class StepsElsewhere(Steps):
    def one(self):
        self.optimizer.step(self.xs[0][:], self.gs[0].copy())


class StepsBySchedule(Steps):
    def options(self):
        return {"learning_rate": None, **super().options()}

    def __init__(self, folder):
        Door.__init__(self, folder)
        self.optimizer = fastopt.SGD(lambda t: 1.0)
        self.xs, self.gs = [np.zeros(100)], [np.full(100, -1.0)]


class StepsOfSeveral(Steps):
    sizes = (100, 3, 50)


class StepsOfGroups(Steps):
    def __init__(self, folder):
        super().__init__(folder)
        self.xs = [np.zeros(100), np.zeros(5, np.float32)]
        self.gs = [np.full(100, -1.0), np.full(5, -1.0, np.float32)]


class StepsOfRows(Steps):
    def one(self):
        self.optimizer.step_rows(self.xs[0], np.arange(100), self.gs[0])


class LargeSteps(Steps):
    sizes, steps = (2_000_000,), 8

    def check(self, result):
        x, t = self.xs[0], self.optimizer.t
        assert x[0] == x[-1] == x[len(x) // 2] == t
        assert (x == t).all()


class StateDicts(Steps):
    """A state is that of one moment."""

    kind = fastopt.Adam

    def one(self):
        self.optimizer.step(self.xs[0], self.gs[0])
        self.optimizer.learning_rate = 1.0
        self.optimizer.load_state_dict(self.optimizer.state_dict())

    def check(self, result):
        state = self.optimizer.state_dict()
        if state["t"]:
            (own,) = state["arrays"].values()
            np.testing.assert_allclose(own["m"], 0.9 ** state["t"] - 1.0, rtol=1e-9)


class Gradients(Door):
    def __init__(self, folder):
        super().__init__(folder)
        self.slope = fastopt.value_and_grad(fit, size=3)
        self.x = np.array(X0)
        self.wanted = [self.slope(self.x, y, T) for y in Y[:500]]

    def call(self):
        found = [self.slope(self.x, y, T) for y in Y[:500]]
        for (f, g), (f0, g0) in zip(found, self.wanted, strict=True):
            assert f == f0
            assert (g == g0).all()


class Compare(Door):
    def call(self):
        return fastopt.compare_grad(fit, X0, (Y[0], T))

    def check(self, result):
        assert result is None or result.success


class SaveAndLoad(Door):
    """The file is whole at any moment, and nothing is left beside it."""

    number = 0

    def call(self):
        for _ in range(5):
            self.number += 1
            fastopt.save(self.folder / "saved", a=np.full(10_000, self.number), n=self.number)
            found = fastopt.load(self.folder / "saved")
            assert found["n"] == self.number

    def check(self, result):
        if (self.folder / "saved").exists():
            found = fastopt.load(self.folder / "saved")
            assert (found["a"] == found["n"]).all()
        assert {path.name for path in self.folder.iterdir()} <= {"saved"}


DOORS = [
    *(Batch, BatchWithCallback, BatchWithBar, BatchWithCheckpoint, BatchByExecutor, Starts),
    *(Single, Plain, SingleWithCallback, SingleWithBar, SingleWithCheckpoint),
    *(Stochastic, StochasticWithCallback, StochasticWithBar),
    *(Steps, StepsElsewhere, StepsBySchedule, StepsOfSeveral, StepsOfGroups, StepsOfRows),
    *(LargeSteps, StateDicts, Gradients, Compare, SaveAndLoad),
]


class Alarm:
    """So many signals of Ctrl-C, by a timer."""

    def __init__(self):
        self.left = 0

    def set(self, first, more):
        self.left = 1 + bool(more)
        signal.setitimer(signal.ITIMER_REAL, first, more)

    def clear(self):
        """Let none come from now on; the handler of one may be running."""
        self.left = 0
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def ring(self, *_):
        if self.left > 0:
            self.left -= 1
            if self.left == 0:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def alarms():
    """SIGALRM, which a timer sends, is Ctrl-C; a call that hangs ends the process.

    Python swallows what is raised in a destructor (of tqdm's bars, for instance) and says so by a
    hook; a second signal may come within that one. It is no fault.
    """
    alarm, hook = Alarm(), sys.unraisablehook
    sys.unraisablehook = lambda _: None
    before = [signal.signal(signal.SIGALRM, alarm.ring)]
    before.append(signal.signal(signal.SIGINT, signal.default_int_handler))
    faulthandler.dump_traceback_later(LIMIT, exit=True, file=sys.__stderr__)
    try:
        yield alarm
    finally:
        alarm.clear()
        faulthandler.cancel_dump_traceback_later()
        for number, handler in zip((signal.SIGALRM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
        sys.unraisablehook = hook


def strike(door, count, seed):
    """Send `count` signals, some twice, while `door` is called; how often it raised, or was cut.

    Nothing may run on after any of them, nothing hang, and what is returned must be true.
    """
    chance, raised, cut = random.Random(seed), 0, 0
    door.warm()
    door.again()
    began = time.perf_counter()
    door.warm()
    length = door.length or min(0.02, time.perf_counter() - began)
    again = [0.0, 0.0, 1e-4, 1e-3]  # seconds to a second signal
    door.again()
    for _ in range(3):
        thread_pool.map_threads(int, [("1",)] * 64)
    time.sleep(0.1)  # a thread counts once it runs
    idle = _thread._count()
    out, err = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with out, err, alarms() as alarm:
        for _k in range(count):
            faulthandler.dump_traceback_later(LIMIT, exit=True, file=sys.__stderr__)
            result = None
            try:
                try:
                    alarm.set(chance.uniform(5e-5, 1.1 * length), chance.choice(again))
                    result = door.call()
                    alarm.clear()
                except KeyboardInterrupt:
                    raised += 1
                    alarm.clear()
            except KeyboardInterrupt:  # the second one
                pass
            for _ in range(3):
                try:
                    alarm.clear()
                    break
                except KeyboardInterrupt:
                    pass
            require_idle(idle)
            door.check(result)
            cut += 6 in np.atleast_1d(getattr(result, "status", 0))
            door.again()
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    door.close()
    return raised, cut


PATIENCE = 5.0  # seconds


def require_idle(count):
    """Raise if more threads than so many go on, or one of them works."""
    until = time.perf_counter() + PATIENCE
    while _thread._count() > count:
        assert time.perf_counter() < until, f"{_thread._count()} threads, not {count}"
        time.sleep(1e-4)
    for pause in (2e-3, 2e-2, 0.2):
        spent = time.process_time()
        time.sleep(pause)
        if time.process_time() - spent < 0.5 * pause:
            return
    raise AssertionError("something goes on")


timed = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")


@timed
@pytest.mark.parametrize("kind", DOORS, ids=lambda kind: kind.__name__)
def test_nothing_is_torn_or_goes_on_after_a_signal(kind, tmp_path):
    strike(kind(tmp_path), FEW, 1)


@timed
def test_a_batch_that_is_not_told_to_stop_is_found(tmp_path, monkeypatch):
    """The test above finds the fault that it is for."""
    stop, crews = cpu.ThreadScheduler.stop, []
    monkeypatch.setattr(cpu.ThreadScheduler, "stop", lambda scheduler, _: crews.append(scheduler))
    monkeypatch.setitem(globals(), "PATIENCE", 1.0)  # which all threads spend at work
    with pytest.raises(AssertionError, match="threads, not"):
        strike(Batch(tmp_path), 3, 1)
    for scheduler in crews:
        stop(scheduler, 6)


def test_the_users_handler_is_called_and_stays():
    seen = []

    def own(number, frame):
        seen.append(number)

    before = signal.signal(signal.SIGINT, own)
    try:
        with DelayedInterrupts():
            signal.raise_signal(signal.SIGINT)
            assert seen == []
        assert seen == [signal.SIGINT]
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_second_signal_ends_what_never_returns(monkeypatch):
    """An executor whose submit blocks keeps the first one waiting."""
    monkeypatch.setattr(delayed_interrupts, "INSIST", 0.05)
    gone = threading.Event()

    class Stuck(concurrent.futures.Executor):
        def submit(self, *_args, **_more):
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.1)
            signal.raise_signal(signal.SIGINT)
            gone.wait(LIMIT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        began = time.perf_counter()
        result = fastopt.minimize_batch(fit, X0, Y[:8], args=(T,), workers=Stuck())
        assert time.perf_counter() - began < 0.5 * LIMIT
        assert (result.status == 7).all()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_was_set_meanwhile_stays():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with DelayedInterrupts():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        with DelayedInterrupts():  # nothing to call
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_nested_and_opened():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        reached = []

        def twice():
            with DelayedInterrupts():
                with DelayedInterrupts():
                    signal.raise_signal(signal.SIGINT)
                reached.append(True)

        with pytest.raises(KeyboardInterrupt):
            twice()
        assert reached
        with DelayedInterrupts() as interrupts:
            with pytest.raises(KeyboardInterrupt):
                interrupts.outside(signal.raise_signal, signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                interrupts.deliver()
            signal.raise_signal(signal.SIGINT)
            interrupts.forget()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def handler_here():
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_the_users_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with DelayedInterrupts():
            child = os.fork()
            if child == 0:
                os._exit(0 if handler_here() else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_in_the_midst_of_steps_and_batches_can_go_on():
    """Other threads hold locks, and Python's main thread waits in a batch, while one forks."""
    out = in_own_process("""
        import os, threading, warnings, numpy as np, numba, fastopt
        warnings.simplefilter("ignore")
        @numba.njit
        def fit(p, y):
            return np.sum((p - y) ** 2)
        Y = np.random.default_rng(0).normal(size=(2000, 3))
        opt, going, codes = fastopt.RMSProp(0.01), True, []
        x, g = np.ones(50), np.ones(50)
        big = np.ones(1_000_000)
        def slow(t):
            entered.set(); release.wait(60); return 0.1
        entered, release = threading.Event(), threading.Event()
        stepped = fastopt.SGD(slow, groups={})
        def step():
            stepped.step([x, g.copy()], [g, g])
        fastopt.minimize_batch(fit, [0.0] * 3, Y[:10])
        fastopt.SGD(1e-3).step(big, big * 1.0)
        opt.step(x, g)
        def work():
            while going:
                opt.step(np.ones(50), np.ones(50))
                opt.step(x, g)
        own, z = fastopt.SGD(1e-3), np.zeros(1_000_000)
        def large():
            while going:
                own.step(z, big)
        def child():
            stepped.step([x, g.copy()], [g, g])
            opt.step(x, g)
            own.step(z, big)
            fastopt.SGD(1e-3).step(np.zeros(1_000_000), big)
            ok = fastopt.minimize_batch(fit, [0.0] * 3, Y[:50]).success.all()
            return 0 if ok else 3
        threads = [threading.Thread(target=f, daemon=True) for f in (work, large, step)]
        [t.start() for t in threads]
        entered.wait(60)
        def forker():
            for _ in range(4):
                pid = os.fork()
                if pid == 0:
                    release.set()
                    os._exit(child())
                codes.append(os.waitpid(pid, 0)[1])
        f = threading.Thread(target=forker); f.start()
        while f.is_alive():
            fastopt.minimize_batch(fit, [0.0] * 3, Y)
        going = False; release.set()
        print(codes)
    """)
    assert out.split("\n")[0] == str([0] * 4)


def test_a_step_within_a_step_is_an_error():
    """So it is in a schedule; whatever it is, steps and their count agree."""
    x, g = [np.zeros(3), np.zeros(2)], [-np.ones(3), -np.ones(2)]

    def schedule(t):
        if t > 1:
            opt.step(x, g)
        return 1.0

    opt = fastopt.SGD(schedule)
    opt.step(x, g)
    with pytest.raises(RuntimeError, match="in the midst of a step: its schedule"):
        opt.step(x, g)
    assert opt.t == 1
    assert (x[0] == 1.0).all()
    opt.learning_rate = 1.0
    opt.step(x, g)
    assert opt.t == 2
    assert (x[0] == 2.0).all()

    one, slope, inner = np.zeros(4), -np.ones(4), []

    def nested(t):
        if t == 2 and not inner:
            inner.append(t)
            single.step(one, slope)  # step 2 itself, before the one that asks
            assert single.state_dict()["t"] == 2
        return float(t)

    single = fastopt.SGD(nested)
    for _ in range(2):
        single.step(one, slope)
    assert single.t == 3
    assert (one == 1.0 + 2.0 + 3.0).all()


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
    faulthandler.enable()
    signals, *names = sys.argv[1:]
    for each in DOORS:
        if names and each.__name__ not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            raised = strike(each(folder), int(signals), os.getpid())
            print(
                each.__name__, signals, raised, f"{time.perf_counter() - began:.1f} s", flush=True
            )

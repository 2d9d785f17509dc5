"""Steps over large arrays that threads share."""

import os
import threading
import time

import numba
import numpy as np
import pytest

import fastopt
from fastopt.concurrency import thread_pool
from fastopt.targets.cpu.steps import shared_steps

SIZES = 100_003, 70_001, 5
RNG = np.random.default_rng(7)
GRADS = [RNG.normal(size=n).astype(np.float32) for n in SIZES]
ALONE = 1 << 60


@pytest.fixture(autouse=True)
def always(monkeypatch):
    for name in ("BYTES_TO_CALL", "BYTES_IF_HERE"):
        monkeypatch.setattr(shared_steps, name, 0)
    monkeypatch.setattr("fastopt.targets.cpu.steps.prepared_arrays.thread_limit", lambda: 3)


def stepped(steps=30, **options):
    params, opt = [np.ones_like(g) for g in GRADS], fastopt.RMSProp(1e-2, **options)
    for _ in range(steps):
        opt.step(params, GRADS)
    return b"".join(x.tobytes() for x in params)


@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}, {"on_nonfinite": "propagate"}])
def test_the_bits_do_not_depend_on_who_comes(monkeypatch, options):
    together = stepped(**options)
    monkeypatch.setattr(shared_steps.Assistant, "call", lambda *_: None)  # nobody comes
    assert stepped(**options) == together
    monkeypatch.setattr(shared_steps, "BYTES_TO_CALL", ALONE)
    assert stepped(**options) == together


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="there is one processor")
def test_threads_come():
    """Blocks that the caller leaves alone are computed."""
    params, opt = [np.ones_like(g) for g in GRADS], fastopt.RMSProp(1e-2)
    opt.step(params, GRADS)
    team = opt._work.prepared.batches[0].team
    team.lead = lambda team, *_: team.__setitem__(shared_steps.THERE, team[shared_steps.THERE] + 3)
    before = team.team[shared_steps.DONE]
    team.run(shared_steps.STEP, 1, 3, threads=2)
    for _ in range(10_000):
        if team.team[shared_steps.DONE] == before + 3:
            break
        time.sleep(0.001)
    assert team.team[shared_steps.DONE] == before + 3


@pytest.mark.parametrize("place", [0, 40_000, 100_002])
def test_a_gradient_that_is_not_finite_is_found_in_every_block(place):
    params, opt = [np.ones_like(g) for g in GRADS], fastopt.RMSProp(1e-2)
    grads = [g.copy() for g in GRADS]
    grads[0][place] = np.inf
    with pytest.raises(FloatingPointError):
        opt.step(params, grads)
    assert all((x == 1.0).all() for x in params)
    opt.step(params, GRADS)
    assert (params[0] != 1.0).all()


def test_two_optimizers_step_in_two_threads():
    expected, found = stepped(), []
    threads = [threading.Thread(target=lambda: found.append(stepped())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 2


def test_where_no_thread_can_be_started_the_caller_does_all(monkeypatch):
    """As in containers with a limit of threads, or at the end of the interpreter."""
    expected = stepped()

    def refused(*_):
        raise RuntimeError("can't start new thread")

    for pool in ("_assistants", "_pool"):
        monkeypatch.setattr(thread_pool, pool, thread_pool._Pool())
    monkeypatch.setattr(thread_pool._thread, "start_new_thread", refused)
    assert stepped() == expected
    assert thread_pool.map_threads(int, [("1",), ("2",), ("3",)]) == [1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    params, opt = [np.ones_like(g) for g in GRADS], fastopt.RMSProp(1e-2)
    opt.step(params, GRADS)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            opt.step(params, GRADS)
            code = 0 if np.isfinite(params[0]).all() else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_a_child_that_was_forked_in_the_midst_of_a_pass_begins_anew():
    """The thread that took a block, and did not end it, is not in the child."""
    params, opt = [np.ones_like(g) for g in GRADS], fastopt.RMSProp(1e-2)
    opt.step(params, GRADS)
    team = opt._work.prepared.batches[0].team
    team.team[[shared_steps.TAKEN, shared_steps.THERE]] += 3, 5
    thread_pool._renew()
    expected, other = [x.copy() for x in params], fastopt.RMSProp(1e-2)
    other.load_state_dict(opt.state_dict())
    opt.step(params, GRADS)
    other.step(expected, GRADS)
    assert all((x == y).all() for x, y in zip(params, expected, strict=True))

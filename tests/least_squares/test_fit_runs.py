"""Fits on executors and from checkpoints: the bits of a run that nobody disturbed."""

import concurrent.futures
import math
import multiprocessing

import numpy as np
import pytest

import fastopt
from fastopt.storage import checkpoint_file

T = np.linspace(0.1, 4.0, 40)
START = np.array([1.0, 1.0, 0.0])
RNG = np.random.default_rng(7)
TRUE = RNG.uniform([2.0, 0.6, -0.5], [4.0, 2.0, 0.5], (20, 15, 3))
CUBE = TRUE[..., :1] * np.exp(-TRUE[..., 1:2] * T) + TRUE[..., 2:]
CUBE += RNG.normal(0.0, 0.05, CUBE.shape)
ROWS = CUBE.reshape(300, 40)
SLOW = np.arange(300) % 100 == 50  # three problems take long
TURNS, STARTS = np.where(SLOW, 5_000, 1), np.where(SLOW[:, None], [1e4, 1e-3, 0.0], START)
SIGMA = 0.05 + 0.02 * np.cos(T) ** 2 + 0.0 * CUBE
HOLES = CUBE.copy()
HOLES[3, 5, 7], HOLES[4, 4] = np.nan, np.nan


def decay(t, a, b, c):
    return a * np.exp(-b * t) + c


def misfit(p, y, turns, t):
    late = 0.0
    for _ in range(turns):
        late = math.sin(late + 0.1)
    if y[0] > 1e5:
        raise ValueError("y is too large")
    return p[0] * np.exp(-p[1] * t) + p[2] - y + 1e-9 * late


def residuals(options=None, rows=ROWS, **more):
    return fastopt.least_squares_batch(misfit, STARTS, (rows, TURNS), (T,), options=options, **more)


def curves(options=None, **more):
    how = {"nan_policy": "omit", "bounds": (-10.0, np.inf), "options": options, **more}
    return fastopt.curve_fit_batch(decay, T, HOLES, START, SIGMA, **how)


CALLS = {"residuals": residuals, "curves": curves}


@pytest.fixture(scope="module")
def alone():
    return {name: call() for name, call in CALLS.items()}


def same(one, other):
    """Equal to the last bit, in every field but the message, which says what was cut."""
    assert set(one) == set(other)
    for name in set(one) - {"message"}:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.fixture(scope="module")
def processes(alone):
    context = multiprocessing.get_context("spawn")  # nothing inherited: all that counts travels
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


@pytest.fixture
def often(monkeypatch):
    """Written at every look."""
    monkeypatch.setattr(checkpoint_file, "MIN_INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint_file, "MAX_TIME_FRACTION", np.inf)


def stop(done, total):
    raise StopIteration


def interrupt(done, total):
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", CALLS)
def test_processes(name, alone, processes):
    counts = []
    res = CALLS[name](workers=processes, callback=lambda *counted: counts.append(counted))
    same(res, alone[name])
    assert counts[-1] == (300, 300)
    assert len(counts) > 2


def test_models_that_look_at_all_points_travel_with_their_coordinates():
    def plane(x, a, b, c):
        return a * x[0] + b * x[1] + c * x.mean()

    x = np.stack([T, np.cos(T)])
    y = np.arange(1.0, 13.0)[:, None] * x[0] - x[1] + 0.01 * np.sin(9 * T)
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        res = fastopt.curve_fit_batch(plane, x, y, START, workers=executor)
    same(res, fastopt.curve_fit_batch(plane, x, y, START))
    np.testing.assert_allclose(res.x[:, 0], np.arange(1.0, 13.0), rtol=1e-2)


def test_ragged_data_options_and_bounds_are_cut_with_the_problems():
    lengths = np.random.default_rng(0).integers(12, 40, 300)
    ys, ts = [ROWS[b, :m] for b, m in enumerate(lengths)], [T[:m] for m in lengths]
    high = np.linspace(2.0, 5.0, 900).reshape(300, 3)
    given = {"bounds": (np.full((300, 3), -1.0), high), "loss": "cauchy"}
    given["options"] = {"maxfev": 3 + np.arange(300)}
    call = decay, ts, ys, np.tile(START, (300, 1)), None
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        parts = fastopt.curve_fit_batch(*call, workers=executor, **given)
    same(parts, fastopt.curve_fit_batch(*call, **given))


def test_problems_that_raise_keep_the_others(alone, processes):
    rows = ROWS.copy()
    rows[7] = 1e6
    res = residuals(rows=rows, workers=processes)
    assert [*res.errors] == [7]
    assert str(res.errors[7]) == "y is too large"
    assert res.status[7] == -5
    others = np.delete(np.arange(300), 7)
    np.testing.assert_array_equal(res.cov[others], alone["residuals"].cov[others])


class Failing(concurrent.futures.ThreadPoolExecutor):
    """Takes two parts; then it is broken."""

    taken = 0

    def submit(self, *call, **more):
        self.taken += 1
        if self.taken > 2:
            raise RuntimeError("out of order")
        return super().submit(*call, **more)


def test_an_executor_that_fails_keeps_what_is_finished(alone):
    with Failing(2) as executor, pytest.warns(RuntimeWarning, match="out of order") as warned:
        res = curves(workers=executor)
    assert warned[0].filename == __file__
    done = res.status != 7
    assert 0 < done.sum() < 300
    np.testing.assert_array_equal(res.cov[done], alone["curves"].cov[done])
    assert np.isnan(res.cost[~done]).all()
    assert (res.x[~done] == START).all()


def test_an_interrupt_ends_what_has_begun(alone):
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        res = residuals(workers=executor, callback=interrupt)
        assert res.message.endswith(" Interrupted.")
        assert set(res.status.tolist()) <= {0, 2, 3, 4, 6, 7}
        assert (res.status >= 6).any()
        same(residuals(workers=executor), alone["residuals"])  # it is free for others


@pytest.mark.parametrize("name", CALLS)
def test_batches_cut_by_the_callback(name, alone, tmp_path, often):
    """On other numbers of threads each time; then a call that finds all done."""
    path, begun, call = tmp_path / "fits.npz", [0], CALLS[name]
    options = {"checkpoint": path}
    for k in range(200):
        result = call(options, workers=1 + k % 3, callback=stop)
        begun.append(len(fastopt.load(path)["begun"]))
        if not (result.status >= 5).any():
            break
    same(result, alone[name])
    assert max(begun) > 0 or name == "curves"
    same(call(options), alone[name])


def test_batches_on_executors_and_interrupted(alone, tmp_path, often):
    options = {"checkpoint": tmp_path / "fits.npz"}
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        cut = residuals(options, workers=executor, callback=stop)
        assert (cut.status >= 5).any()
        cut = residuals(options, callback=interrupt)
        assert cut.message.endswith("Interrupted.")
        same(residuals(options, workers=executor), alone["residuals"])


def test_another_batch_is_an_error_that_names_what_differs(tmp_path):
    options = {"checkpoint": tmp_path / "fits.npz"}
    first = curves(options)
    for change, says in (
        ({"loss": "huber"}, "loss"),
        ({"f_scale": 2.0}, "f_scale"),
        ({"method": "sgd"}, "method"),
        ({"bounds": None}, "bounds"),
        ({"options": {**options, "maxfev": 7}}, r"maxfev"),
    ):
        with pytest.raises(ValueError, match=f"checkpoint of another problem; .*{says}"):
            curves(**{"options": options, **change})
    how = {"nan_policy": "omit", "bounds": (-10.0, np.inf), "options": options}
    other = HOLES.copy()
    other[-1, -1, -1] += 1e-9
    for given, says in (
        ((T, other, START, SIGMA), "ydata"),
        ((T + 1e-9, HOLES, START, SIGMA), r"xdata"),
        ((T, HOLES, START + 1e-9, SIGMA), "p0"),
        ((T, HOLES, START, SIGMA + 1e-9), "sigma"),
    ):
        with pytest.raises(ValueError, match=rf"another problem; these differ: {says}\. "):
            fastopt.curve_fit_batch(decay, *given, **how)
    same(curves(options), first)
    scaled = curves(options, absolute_sigma=True)  # made of the same fits
    np.testing.assert_allclose(scaled.cov * first.reduced_chi2[..., None, None], first.cov)
    with pytest.raises(ValueError, match=r"these differ: call .*, fun, .*data\[0\]"):
        residuals(options)


# One problem.

WAYS = {"compiled": {"jac": "autodiff"}, "python": {"jac": "3-point", "bounds": (-9.0, 9.0)}}


def single(way, options=None, **more):
    given = misfit, START, (ROWS[0], 1, T)
    return fastopt.least_squares(*given, options=options, **WAYS[way], **more)


@pytest.mark.parametrize("way", WAYS)
def test_a_fit_cut_after_each_step(way, tmp_path):
    options, steps = {"checkpoint": tmp_path / "one.npz"}, []

    def once(intermediate_result):
        steps.append(intermediate_result.nit)
        raise StopIteration

    for _ in range(50):
        result = single(way, options, callback=once)
        if result.status != 99:
            break
    whole = single(way)
    same(result, whole)
    assert steps == [*range(1, whole.nit + 1)]
    same(single(way, options), whole)


@pytest.mark.parametrize("way", WAYS)
def test_a_limit_that_is_raised(way, tmp_path, often):
    whole, options = single(way), {"checkpoint": tmp_path / "one.npz"}
    first = single(way, {**options, "maxfev": 3})
    assert first.status == 4
    same(single(way, options), whole)


class Interrupted:
    """Residuals that Ctrl-C interrupts in the ninth call; their counter is no part of them."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, p):
        self.calls += 1
        if self.calls == 9:
            raise KeyboardInterrupt
        return misfit(p, ROWS[0], 1, T)

    def __getstate__(self):
        return None


def test_an_interrupt_inside_fun(tmp_path, often):
    """The evaluation that it interrupted is done again."""
    given = {"options": {"checkpoint": tmp_path / "one.npz"}}
    assert fastopt.least_squares(Interrupted(0), START, **given).status == 6
    resumed = fastopt.least_squares(Interrupted(9), START, **given)
    same(resumed, fastopt.least_squares(Interrupted(9), START))


def test_curve_fit_goes_on_after_its_error(tmp_path):
    options = {"checkpoint": tmp_path / "one.npz"}
    given = decay, T, ROWS[0], START, SIGMA[0, 0]
    with pytest.raises(RuntimeError, match="maxfev"):
        fastopt.curve_fit(*given, options={**options, "maxfev": 3})
    found, wanted = fastopt.curve_fit(*given, options=options), fastopt.curve_fit(*given)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"these differ: sigma\. "):
        fastopt.curve_fit(*given[:4], SIGMA[0, 0] + 1e-9, options=options)


def test_refits_have_no_checkpoint(tmp_path):
    for call in (fastopt.confidence, fastopt.bootstrap):
        with pytest.raises(ValueError, match="one batch of fits"):
            call(decay, T, ROWS[0], START, options={"checkpoint": tmp_path / "x.npz"})

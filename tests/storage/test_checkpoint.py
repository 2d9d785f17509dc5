"""Runs that were cut short go on from their checkpoint, and end with the same bits."""

import _thread
import concurrent.futures
import functools
import os
import subprocess
import sys
import threading
import types

import kill_and_resume
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from batch_problems import X0, T, decays, misfit, same
from kill_and_resume import rosenbrock

import fastopt
from fastopt.storage import batch_checkpoint, checkpoint_file, problem_identity
from fastopt.targets import dispatch

KILLS = int(os.environ.get("FASTOPT_KILLS", "2"))  # each takes a second and a half
START = np.linspace(-1.0, 1.0, 30)
BOX = [(-2.0, 3.0)] * 30
FEW = np.linspace(-1.0, 1.0, 6)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


@pytest.fixture
def often(monkeypatch):
    """Written at every look."""
    monkeypatch.setattr(checkpoint_file, "MIN_INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint_file, "MAX_TIME_FRACTION", np.inf)


@pytest.mark.parametrize("case", ["search", "batch", "loop"])
def test_killed_again_and_again(case):
    ended, resumed, _ = kill_and_resume.check(case, KILLS)
    assert ended
    assert resumed >= KILLS // 2


def equal(a, b):
    """In every field, to the last bit."""
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def plain(x):
    return rosenbrock.py_func(x)


def with_gradient(x):
    return plain(x), scipy.optimize.rosen_der(x)


COSINE = fastopt.schedules.cosine(1e-3, 40)
RATE = {"learning_rate": 1e-3, "maxiter": 40}
CASES = {
    "search": {"bounds": BOX},
    "a rate, momentum": {"options": {**RATE, "momentum": 0.9, "centered": True}},
    "plain": {"fun": plain, "x0": FEW},
    "plain, pairs unused": {"fun": plain, "x0": FEW, "options": {"maxcor": 0}},
    "plain, shaped": {"fun": lambda x: plain(x[:, 0]), "x0": FEW.reshape(6, 1)},
    "plain, gradient given": {"fun": with_gradient, "jac": True},
    "plain, schedule": {"fun": plain, "options": {**RATE, "learning_rate": COSINE}},
    "plain, adam": {"fun": plain, "method": "adam", "x0": np.float32(FEW), "options": RATE},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cut_by_the_callback(case, path):
    """Each iteration is seen once."""
    given = {"fun": rosenbrock, "x0": START, **case}
    whole, seen = [], []
    wanted = fastopt.minimize(callback=lambda x: whole.append(x), **given)
    given["options"] = {**case.get("options", {}), "checkpoint": path}

    def stop(x):
        seen.append(x)
        if len(seen) % 9 == 0:
            raise StopIteration

    calls = 0
    while True:
        result = fastopt.minimize(callback=stop, **given)
        calls += 1
        if result.status != 99:
            break
    assert calls > 3
    equal(result, wanted)
    np.testing.assert_array_equal(seen, whole)


def compiled(options):
    return fastopt.minimize(rosenbrock, START, bounds=BOX, options=options)


class Counted:
    """A function that knows how often it was called, which does not count."""

    def __init__(self, fails_at=0):
        self.calls, self.fails_at = 0, fails_at

    def __call__(self, x):
        self.calls += 1
        if self.calls == self.fails_at:
            raise KeyboardInterrupt
        return plain(x)

    def __getstate__(self):
        return {}


def test_a_finished_run_is_not_run_again(path):
    fun, options = Counted(), {"checkpoint": str(path)}
    first = fastopt.minimize(fun, FEW, options=options)
    assert fun.calls == first.nfev
    again = fastopt.minimize(fun, FEW, options=options)
    assert fun.calls == first.nfev
    equal(again, first)


def test_an_interrupt_inside_fun(path, often):
    """The state of half an iteration is not kept."""
    wanted = fastopt.minimize(plain, FEW)
    for fails_at in (30, 1, 50, 2, 71):
        fun = Counted(fails_at)
        cut = fastopt.minimize(fun, FEW, options={"checkpoint": path})
        assert cut.status == 6
    result = fastopt.minimize(Counted(), FEW, options={"checkpoint": path})
    equal(result, wanted)


def test_an_interrupt_of_compiled_code(path):
    """What was done so far is kept, although no write was due."""
    options = {"learning_rate": 1e-9, "maxiter": 1e15, "checkpoint": path}
    compiled({**options, "checkpoint": None, "maxtime": 0})
    nit = [0]
    for _ in range(2):
        threading.Timer(0.3, _thread.interrupt_main).start()
        result = compiled(options)
        assert result.status == 6
        nit.append(result.nit)
    assert nit[2] > nit[1] > 0


@pytest.mark.parametrize("option", ["maxiter", "maxfev"])
@pytest.mark.parametrize("rate", [{}, {"learning_rate": 1e-3}])
def test_a_limit_that_is_raised(path, option, rate):
    def solve(limit, **more):
        return compiled({**rate, option: limit, **more})

    for limit in (5, 17, 30):
        result = solve(limit, checkpoint=path)
        assert result.status == {"maxiter": 1, "maxfev": 4}[option]
    wanted = solve(30)
    equal(result, wanted)


def test_through_scipy(path):
    options = {"checkpoint": path}
    given = {"bounds": BOX, "options": options}
    first = scipy.optimize.minimize(rosenbrock, START, method=fastopt.rmsprop, **given)
    assert path.exists()
    equal(compiled(options), first)


SCALE = 1.0
TABLE = np.arange(4.0)


def helper(x):
    return SCALE * np.sum(x**2)


def scaled(x, a, b=0):
    return helper(x) + np.sum(a * TABLE) + np.sum(b)


def other(x, a, b=0):
    return helper(x) - np.sum(a * TABLE) - np.sum(b)


GIVEN = {"fun": scaled, "x0": [1.0, 2.0], "args": (np.ones(4), 3), "options": {"eps": 1e-3}}
ANOTHER = {
    "fun": ({"fun": other}, r"differ: fun\. "),
    "start": ({"x0": [1.0, 2.5]}, "differ: x0. "),
    "shape": ({"x0": [[1.0], [2.0]]}, "differ: x0. "),
    "type": ({"x0": np.float32([1.0, 2.0])}, "differ: x0, "),
    "method": ({"method": "adagrad"}, r"method \('rmsprop' there, 'adagrad' here\)"),
    "number": ({"args": (np.ones(4), 4)}, r"differ: args\[1\] \(3 there, 4 here\)\. "),
    "array": ({"args": (np.ones(4) + 1e-16 + np.eye(4)[2], 3)}, r"differ: args\[0\]\. "),
    "fewer": ({"args": (np.ones(4),)}, r"differ: args\[1\] \(3 there, none here\)\. "),
    "bounds": ({"bounds": [(0, 5)] * 2}, "differ: bounds. "),
    "gradient": ({"jac": lambda x, a, b: 2 * x}, "differ: jac"),
    "option": ({"options": {"eps": 1e-2}}, r"options\['eps'\] \(0.001 there, 0.01 here\)"),
    "rate": (
        {"options": {"eps": 1e-3, "learning_rate": 0.1}},
        r"options\['learning_rate'\] \('auto' there, 0.1 here\)",
    ),
}


@pytest.mark.parametrize(("change", "says"), ANOTHER.values(), ids=ANOTHER)
def test_another_problem_is_an_error_that_names_what_differs(path, change, says):
    def solve(**change):
        given = {**GIVEN, **change}
        given["options"] = {**given["options"], "checkpoint": path, "maxiter": 2}
        return fastopt.minimize(**given)

    first, before = solve(), path.read_bytes()
    with pytest.raises(ValueError, match=f"run.npz is the checkpoint of another .*{says}"):
        solve(**change)
    assert path.read_bytes() == before
    equal(solve(), first)
    with pytest.raises(ValueError, match=r"call .'minimize' there, 'minimize_batch' here"):
        fastopt.minimize_batch(rosenbrock, np.ones((3, 2)), options={"checkpoint": path})


def digests(value):
    return problem_identity.identity({"it": value})


def test_what_a_function_reads_is_part_of_it(monkeypatch):
    before = digests(scaled)
    assert set(before) == {
        "it",
        *(f"{n}, which it reads" for n in ("helper", "SCALE", "np", "TABLE")),
    }
    for name, value in {"SCALE": 2.0, "TABLE": np.ones(4), "helper": np.sum}.items():
        with monkeypatch.context() as patch:
            patch.setitem(globals(), name, value)
            assert problem_identity.differences(before, digests(scaled)).startswith(
                f"{name}, which it"
            )
    assert digests(scaled) == before


def adder(n):
    return lambda x: x[0] + n


class Model:
    def __init__(self, data):
        self.data = data

    def loss(self, x):
        return np.sum((x - self.data) ** 2)


LARGE = np.arange(3_000_000.0)
DIFFER = {
    "closures": (adder(1), adder(2)),
    "defaults": (lambda x, a=1: x, lambda x, a=2: x),
    "partial": (functools.partial(scaled, b=1), functools.partial(scaled, b=2)),
    "methods": (Model(np.ones(2)).loss, Model(np.zeros(2)).loss),
    "objects": (Model(np.ones(2)), Counted()),
    "sparse": (scipy.sparse.eye(3, format="csr"), 2 * scipy.sparse.eye(3, format="csr")),
    "lists": ([1, [2.0]], [1, [2.5]]),
    "sets": ({1, 2}, {1, 3}),
    "types": (1, 1.0),
    "large": (LARGE, LARGE[::-1]),
    "large, strided": (np.stack([LARGE, LARGE], 1)[:, 0], np.stack([LARGE + 1, LARGE], 1)[:, 0]),
}


@pytest.mark.parametrize(("one", "two"), DIFFER.values(), ids=DIFFER)
def test_other_contents_differ(one, two):
    assert digests(one) == digests(one)
    assert problem_identity.differences(digests(one), digests(two))


@pytest.mark.parametrize("at", [0, 1_234_567, -1])
def test_every_number_of_a_large_array_counts(at):
    """Where it lies in memory does not matter."""
    other, strided = LARGE.copy(), np.stack([LARGE, LARGE], 1)[:, 0]
    other[at] = np.nextafter(other[at], 1e9)
    assert digests(other) != digests(LARGE) == digests(strided)


def test_installed_packages_count_by_name():
    """Their code is not followed, which would be long."""
    assert digests(pytest.approx) == digests(pytest.approx)
    assert not any(
        "which" in name for name in digests(lambda x: pytest.approx(x)) if "pytest" not in name
    )


def solve(path, fun=rosenbrock, **options):
    return fastopt.minimize(fun, START, bounds=BOX, options={"checkpoint": path, **options})


def test_files_that_are_no_checkpoint(path, tmp_path, monkeypatch):
    solve(path)
    good = path.read_bytes()
    for data in (
        b"",
        b"hello",
        good[:-100],
        good[: len(good) // 2] + b"x" + good[len(good) // 2 :],
    ):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"run\.npz is not a \.npz file that fastopt\.save"):
            solve(path)
        assert path.read_bytes() == data
    fastopt.save(path, params=np.ones(3))
    with pytest.raises(ValueError, match=r"run\.npz is no checkpoint"):
        solve(path)
    path.unlink()
    monkeypatch.setattr(checkpoint_file, "VERSION", (0, "status"))
    solve(path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"run\.npz is the checkpoint of another version"):
        solve(path)


def test_paths(path, tmp_path):
    with pytest.raises(TypeError, match="checkpoint must be the path of a file, not 3"):
        solve(3)
    with pytest.raises(FileNotFoundError):
        solve(tmp_path / "none" / "run.npz")
    assert not list(tmp_path.iterdir())


def test_only_files_of_our_own_are_deleted(path, tmp_path):
    """Those that a killed process has left: of our names, with our content, no links."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [tmp_path / f"run.npz.{dead.pid}-{k}.part" for k in range(2)]
    left[0].touch()
    left[1].write_bytes(b"PK half of it")
    target = tmp_path / "target"
    target.touch()
    others = {
        "run.npz.backup.part": "precious",
        "run.npz.1.part": "",
        f"run.npz.{dead.pid}-7.part": "precious",  # not of ours
        f"run.npz.{os.getpid()}-7.part": "",  # of a process that runs
        f"xrun.npz.{dead.pid}-7.part": "",
    }
    for name, text in others.items():
        (tmp_path / name).write_text(text)
    link = tmp_path / f"run.npz.{dead.pid}-8.part"
    link.symlink_to(target)
    (tmp_path / f"run.npz.{dead.pid}-9.part").mkdir()
    kept = set(tmp_path.iterdir()) - set(left)
    solve(path)
    assert set(tmp_path.iterdir()) == {path, *kept}
    assert {name: (tmp_path / name).read_text() for name in others} == others


def test_rows_are_written_to_a_file_of_our_own_alone(path, tmp_path):
    """Not over another file, nor through a link of any kind; nothing runs before that is said."""
    rows, precious = tmp_path / "run.npz.rows", tmp_path / "precious"
    precious.write_text("precious")
    ways = {
        "exists, but the checkpoint .* does not": lambda: rows.write_text("precious"),
        "is a symbolic link": lambda: rows.symlink_to(precious),
        "rows is a symbolic link": lambda: rows.symlink_to(tmp_path / "nowhere"),
        "other names too": lambda: os.link(precious, rows),
        "is not a plain file": lambda: os.mkfifo(rows),
    }
    for says, put in ways.items():
        put()
        with pytest.raises(OSError, match=f"{says}"):
            run_batch("long", path, callback=stop)
        assert precious.read_text() == "precious"
        assert not (tmp_path / "nowhere").exists()
        assert not path.exists()
        rows.unlink()
    run_batch("long", path, callback=stop)
    rows.rename(precious)
    rows.symlink_to(precious)  # while the checkpoint is there
    with pytest.raises(OSError, match="is a symbolic link"):
        run_batch("long", path)


def test_killed_between_the_two_files(path, often, monkeypatch):
    """Rows are on disk that no checkpoint counts yet."""
    with monkeypatch.context() as patch:
        patch.setattr(batch_checkpoint.BatchCheckpoint, "append", killed)
        with pytest.raises(SystemExit):
            run_batch("long", path)
    assert os.path.getsize(f"{path}.rows") == 7
    same(run_batch("long", path), undisturbed("long"))


def killed(self, finished):
    with open(self.path, "r+b") as file:
        file.write(b"a part.")
    raise SystemExit


def test_a_run_that_fails_at_once_leaves_no_file(path):
    """So that the function can be mended."""
    with pytest.raises(ZeroDivisionError):
        solve(path, lambda x: 1 / 0)
    assert not path.exists()


def test_a_full_disk_does_not_end_the_run(path, often, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    wanted = solve(None)
    monkeypatch.setattr(checkpoint_file, "save", full)
    with pytest.warns(
        RuntimeWarning, match=r"run\.npz cannot be written \(.*No space left.*goes on"
    ):
        result = solve(path)
    assert result.success
    np.testing.assert_array_equal(result.x, wanted.x)


def test_a_dear_write_is_rare(path, monkeypatch):
    """One that takes 0.2 s is paid for by 20 s of work."""
    writes, real = [], checkpoint_file.save

    def slow(*args, **options):
        writes.append(1)
        threading.Event().wait(0.02)
        real(*args, **options)

    monkeypatch.setattr(checkpoint_file, "save", slow)
    monkeypatch.setattr(checkpoint_file, "MIN_INTERVAL", 0.0)
    compiled({"learning_rate": 1e-9, "maxiter": 1e15, "maxtime": 0.5, "checkpoint": path})
    assert len(writes) == 2  # the first, and the end


def test_not_on_a_gpu(path, monkeypatch):
    """Which need not be there."""
    gpu = types.SimpleNamespace(NAME="cuda", adopt=lambda name, array, wait=True: array)
    monkeypatch.setattr(dispatch, "target", lambda *_, **__: gpu)
    with pytest.raises(ValueError, match=r"options\['checkpoint'\] works on the CPU only"):
        fastopt.minimize(plain, FEW, jac=True, options={"checkpoint": path}, device="cuda")
    with pytest.raises(ValueError, match=r"options\['checkpoint'\] works on the CPU only"):
        fastopt.minimize_batch(misfit, X0, np.ones((3, 40)), (T,), options={"checkpoint": path})


Y, _ = decays(300)
LENGTHS = np.random.default_rng(0).integers(12, 40, 300)
LONG = np.where(np.arange(300) % 100 == 50, 1_000_000, 1000)
LONGER = {**RATE, "maxiter": LONG}
BATCHES = {
    "long": {"data": Y, "args": (T,), "options": LONGER},
    "ragged, bounded": {
        "data": ([y[:n] for y, n in zip(Y, LENGTHS, strict=True)], [T[:n] for n in LENGTHS]),
        "bounds": np.stack([np.zeros((300, 3)), np.linspace(2, 3, 900).reshape(300, 3)], -1),
        "options": {**LONGER, "momentum": 0.9},
    },
}


def run_batch(case, path=None, **more):
    given = {**BATCHES[case], **more}
    given["options"] = {**given.get("options", {}), "checkpoint": path}
    return fastopt.minimize_batch(misfit, X0, method="rmsprop", **given)


@functools.cache
def undisturbed(case):
    return run_batch(case)


def stop(done, total):
    raise StopIteration


@pytest.mark.parametrize("case", BATCHES)
def test_batches_cut_by_the_callback(case, path, often):
    """On other numbers of threads each time; then a call that finds all done."""
    begun = [0]
    for k in range(200):
        result = run_batch(case, path, workers=1 + k % 3, callback=stop)
        state = fastopt.load(path)
        begun.append(len(state["begun"]))
        if not (result.status >= 5).any():
            break
    same(result, undisturbed(case))
    size = state["size"]
    assert os.path.getsize(f"{path}.rows") == size == 300 * (3 * 24 + 7 * 8)  # each row once
    assert max(begun) > 0
    again = run_batch(case, path)
    same(again, result)
    assert again.message == undisturbed(case).message


def test_batches_written_while_they_run(path, often):
    """Stopping and starting again changes nothing; all problems are counted."""
    counts = []
    result = run_batch("long", path, workers=2, callback=lambda done, total: counts.append(done))
    same(result, undisturbed("long"))
    assert counts == sorted(counts)
    assert counts[-1] == 300
    assert len(counts) > 2


def test_batches_on_executors(path, often):
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        run_batch("long", path, workers=executor, callback=stop)
        assert fastopt.load(path)["size"] < 38_400
        same(run_batch("long", path, workers=executor), undisturbed("long"))
    same(run_batch("long", path), undisturbed("long"))


def interrupt(done, total):
    raise KeyboardInterrupt


def test_batches_cut_by_the_clock_and_by_an_interrupt(path):
    """Nothing was due: what is done is kept all the same."""
    wanted, options = undisturbed("long"), LONGER
    cut = run_batch("long", path, options={**options, "maxtime": 0.05})
    assert (cut.status == 5).any()
    before = cut.nit.sum()
    cut = run_batch("long", path, callback=interrupt)
    assert cut.message.endswith("Interrupted.")
    assert cut.nit.sum() > before
    same(run_batch("long", path), wanted)


def test_another_batch(path):
    run_batch("long", path)
    other, tight = Y.copy(), np.full(300, 1e-5)
    other[299, 39] += 1e-9
    for change, says in (
        ({"data": other}, r"differ: data\[0\]\. "),
        (
            {"options": {**RATE, "maxiter": LONG, "gtol": tight}},
            r"differ: options\['gtol'\] \(0.0 there",
        ),
        ({"options": {**RATE, "maxiter": 7}}, r"differ: options\['maxiter'\]\. "),
        ({"bounds": [(0, 9)] * 3}, "differ: bounds. "),
    ):
        with pytest.raises(ValueError, match=f"run.npz is the checkpoint of another .*{says}"):
            run_batch("long", path, **change)


def test_rows_that_are_damaged(path, tmp_path):
    run_batch("long", path)
    rows = tmp_path / "run.npz.rows"
    good = rows.read_bytes()
    for data in (good[:-1], b"", good[:1000] + b"?" + good[1001:], b"\xff" * len(good)):
        rows.write_bytes(data)
        with pytest.raises(ValueError, match=r"run\.npz\.rows does not hold the 38,400 bytes"):
            run_batch("long", path)
    rows.write_bytes(good + b"of a write that was never finished")
    same(run_batch("long", path), undisturbed("long"))
    rows.unlink()
    with pytest.raises(FileNotFoundError, match=r"run\.npz\.rows is missing.*Delete this one"):
        run_batch("long", path)
    path.unlink()
    same(run_batch("long", path), undisturbed("long"))


def raising(x, d):
    s = 0.0
    for _ in range(1000):
        s += (x[0] - d) ** 2
    if d == 777.0:
        raise ValueError("777 is too much")
    return s


def test_what_fun_raises_is_not_lost(path, often):
    """The threads are stopped and started again all the time."""
    given = {"jac": "2-point", "options": {**RATE, "checkpoint": path}}
    for _ in range(2):  # the problem runs again when the rest is resumed
        res = fastopt.minimize_batch(raising, [0.0], np.arange(1e3), **given)
        assert list(res.errors) == [777]
        assert np.flatnonzero(res.status == -5) == [777]

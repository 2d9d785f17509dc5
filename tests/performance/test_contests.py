"""The contests of the benchmarks: programs that wait for turns, and what they must come to."""

import pathlib
import sys
import types

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import report, stochastic  # noqa: E402
from benchmarks.contests import array_steps, contest, rosenbrock_solves, works  # noqa: E402
from benchmarks.contests.contest_types import Entry, Work  # noqa: E402
from benchmarks.contests.rmsprop_formulas import descended  # noqa: E402
from benchmarks.contests.works import WORKS  # noqa: E402
from benchmarks.reports import bars  # noqa: E402

PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
import time, turns

def squares(data):
    print("a library that talks")
    x = data["x"] ** 2
    return lambda: time.sleep(0.01), x, {{"version": "1", "part": 0.5}}

def cubes(data):
    return lambda: None, data["x"] ** 3, {{"version": "1"}}

def missing(data):
    import no_such_library

def broken(data):
    raise ValueError("no such luck")

def dying(data):
    return lambda: sys.exit("no strength left"), data["x"] ** 2, {{"version": "1"}}

turns.take_part({{f.__name__: f for f in (squares, cubes, missing, broken, dying)}})
"""


@pytest.fixture
def work(tmp_path):
    """A contest of squares: ours, and the named jobs of a program made here."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM.format(folder=str(contest.PROGRAMS)))

    def differs(answer):
        return "" if np.array_equal(answer, [1.0, 4.0]) else "it is no square"

    def make(*jobs, **more):
        entries = tuple(Entry(f"NumPy {job}", str(file), job) for job in jobs)
        data = {"x": np.array([1.0, 2.0])}
        return Work("squares", "Squares", lambda: data, differs, entries, **more)

    return make


def test_a_turn_is_the_whole_works_time(work):
    figures = contest.hold(work("squares", limit=lambda: 0.01), rounds=3, least=0.02)
    ours, limit = figures["NumPy squares"], figures["limit"]
    assert len(ours.seconds) == len(limit.seconds) == 3
    assert ours.median >= 0.02  # half of the work takes 0.01 s
    assert ours.about == {"version": "1"}
    assert ours.over(limit) == [s / 0.01 for s in ours.seconds]


def test_other_work_is_refused(work):
    with pytest.raises(contest.Different, match="squares, NumPy cubes: it is no square"):
        contest.hold(work("squares", "cubes"), rounds=1)
    figures = contest.hold(work("squares", "cubes"), rounds=1, least=0.0, strict=False)
    assert figures["NumPy cubes"].reason == "squares, NumPy cubes: it is no square"
    assert len(figures["NumPy squares"].seconds) == 1
    assert not figures["NumPy cubes"].seconds


def test_a_missing_library_is_named_and_others_go_on(work):
    figures = contest.hold(work("squares", "missing"), rounds=1, least=0.0)
    assert figures["NumPy missing"].reason == "NumPy missing: No module named 'no_such_library'"
    assert not figures["NumPy missing"].seconds
    assert len(figures["NumPy squares"].seconds) == 1


def test_a_program_that_fails_is_an_error_in_its_own_words(work):
    with pytest.raises(RuntimeError, match="broken: ValueError: no such luck"):
        contest.hold(work("broken"), rounds=1)


@pytest.mark.parametrize("job", ["broken", "dying"])
def test_a_report_goes_on_without_a_peer_that_fails(work, job):
    words = {"broken": "no such luck", "dying": "no strength left"}[job]
    figures = contest.hold(work("squares", job), rounds=2, least=0.0, strict=False)
    assert words in figures[f"NumPy {job}"].reason
    assert not figures[f"NumPy {job}"].seconds
    assert len(figures["NumPy squares"].seconds) == 2
    with pytest.raises(contest.Ended, match=words):
        contest.hold(work(job, "squares"), rounds=2, least=0.0, strict=False)


def test_a_silent_program_is_stopped(work, monkeypatch):
    monkeypatch.setattr(contest, "PATIENCE", 0.01)
    with pytest.raises(RuntimeError, match="it was stopped"):
        contest.hold(work("squares"), rounds=1)


def test_no_limit_without_a_compiler(work, monkeypatch):
    monkeypatch.setattr(contest.limits, "program", lambda: None)
    figures = contest.hold(work("squares", limit=lambda: 0.01), rounds=1, least=0.0)
    assert figures["limit"].reason == "no C compiler with OpenMP"
    assert not figures["limit"].seconds


def test_ours_must_be_right_at_any_rate(work):
    with pytest.raises(contest.Different, match="it is no square"):
        contest.hold(work("cubes", "squares"), rounds=1, strict=False)


@pytest.mark.parametrize(
    "name", ["rmsprop over 1,000 float32", "iterations", "solve, 2 parameters"]
)
def test_real_programs_do_the_same_work(name):
    """fastopt's, NumPy's and SciPy's; other peers are not installed with the tests."""
    work = works.WORKS[name]
    own = {e.program: e.name for e in work.entries[::-1] if e.name.startswith(contest.OWN)}
    assert len(own) > 1
    figures = contest.hold(work, own.values(), rounds=1, least=0.0)
    assert all(f.seconds[0] > 0.0 for f in figures.values())


def test_whole_processes(work, tmp_path):
    file = tmp_path / "whole.py"
    file.write_text(
        "import sys, numpy as np\n"
        "np.save(sys.argv[3], np.load(sys.argv[2])['x'] ** 2)\n"
        'print(\'{"version": "2"}\')\n'
    )
    whole = work(whole=True)
    entry = Entry("NumPy process", str(file), "any")
    whole = Work(whole.name, whole.title, whole.data, whole.differs, (entry,), whole=True)
    found = contest.hold(whole, rounds=2)["NumPy process"]
    assert len(found.seconds) == 2
    assert min(found.seconds) > 0.01
    assert found.about == {"version": "2"}


@pytest.mark.parametrize("name", works.WORKS)
def test_checks_see_other_work(name):
    """An answer a little off, as from another rate or a looser tolerance, is not the same work."""
    work = works.WORKS[name]
    data = work.data()
    if name == "epoch":
        x = 1.001 * stochastic.losses(data["a"], data["b"], data["orders"])
    elif name.startswith("gradient of"):
        x = np.ones_like(data["x"])
    elif "start" in data:
        x = data["start"]
    elif "y" in data:
        x = np.ones((len(data["y"]), data["x0"].size if "x0" in data else 3))
    else:
        x = data["x" if "x" in data else "x0"]
    assert work.differs(np.array(x, float))


def test_checks_take_the_formulas_own_answers():
    data = array_steps.arrays((1_000,), "float32")
    x, g = data["x"].astype(float), data["g"].astype(float)
    for method in ("rmsprop", "adagrad", "adam"):
        assert not array_steps.sweep(method, "1,000", "float32").differs(
            array_steps.stepped(method, x, g)
        )
    assert not rosenbrock_solves.solved(np.ones(10))
    start = np.array([-1.2, 1.0])
    assert not rosenbrock_solves.iterated(
        descended(rosenbrock_solves.slope, start, 1e-4, rosenbrock_solves.SOME)
    )


def figures(**seconds):
    found = {n: contest.Figures(n, s, {"version": n}) for n, s in seconds.items()}
    found["fastopt"].about["version"] = report.MINE
    return found


def test_tables():
    work = types.SimpleNamespace(title="Squares", entries=[Entry("fastopt", "", "")])
    found = figures(fastopt=[1.0, 2.0, 3.0], torch=[2.0, 4.0, 6.0])
    found["optax"] = contest.Figures("optax", reason="optax: no")
    text = report.table(work, found)
    assert "| **fastopt** | 2.00 s | 25 % |  |" in text
    assert "| torch | 4.00 s | 25 % | 2 ± 0 % | torch |" in text
    assert "| optax | n/a | | | optax: no |" in text


def test_a_glance_without_a_limit_or_a_peer():
    found = {"fastopt": figures(fastopt=[1.0])["fastopt"]}
    found["limit"] = contest.Figures("limit", about={"version": "C"}, reason="no C compiler")
    text = report.glance({"iterations": found})
    assert "| 1.00 s |  | none installed |  |" in text


def test_a_misspelt_work_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["report", "--only", "fist"])
    with pytest.raises(SystemExit):
        report.main()
    assert "'fist' is in no name of a work: rmsprop over" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.34, "12.3 s"), (0.0123, "12.3 ms"), (4.56e-6, "4.56 µs")]
)
def test_units(seconds, text):
    assert report.shown(seconds) == text


def test_every_peer_in_the_picture_has_a_colour():
    entries = [entry.name for name in bars.SHORT for entry in WORKS[name].entries]
    peers = {bars.family_of(who) for who in entries if not who.startswith("fastopt")}
    assert peers - {"limit"} <= bars.COLORS.keys()


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib")
    results = {"iterations": figures(fastopt=[1.0], limit=[0.9], torch=[30.0], NumPy=[20.0])}
    bars.draw(results, report.MINE, tmp_path / "bars.png")
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")

"""The commands around the asv suite: what is compared, what history says, what the README shows."""

import importlib.util
import json
import pathlib
import re
import subprocess
import sys

import pytest
from asv.config import Config
from asv.results import Results
from asv_runner import discovery

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import compare, history, run  # noqa: E402 (the suite is not installed)
from benchmarks.dashboard import plugin  # noqa: E402 (the suite is not installed)

SLOW, SAME = "sweeps.TrackCall.track_call('rmsprop')", "minimize.TrackCall.track_call('compiled')"


def test_example_of_the_readme(tmp_path):
    """It is found by asv, and measures."""
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    file = tmp_path / "example.py"
    file.write_text(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], encoding="utf-8")
    spec = importlib.util.spec_from_file_location("benchmarks.example", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = discovery._get_benchmark(
        "track_call", module, module.TrackAdamax, module.TrackAdamax.track_call
    )
    assert (found.name, found.unit) == ("example.TrackAdamax.track_call", "ns")
    found.do_setup()
    assert 10 < found.do_run() < 1e6


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home of its own for what asv knows of machines."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "git", lambda *words: "0" * 40)
    return tmp_path


def compared(monkeypatch, folder, values):
    """Exit status of a comparison in which asv finds these values, by round and commit."""
    asked = []

    def once(self, commit, bench):
        (folder / "benchmarks.json").write_text('{"version": 2}')
        self.conf.results_dir = str(folder)
        self.params = {"sweeps.TrackCall.track_call": [["'rmsprop'"]]}
        self.params["minimize.TrackCall.track_call"] = [["'compiled'"]]
        asked.append(bench)
        found = values(len(asked) - 1)
        return [
            (n, v) for n, v in found.items() if not bench or any(re.search(b, n) for b in bench)
        ]

    monkeypatch.setattr(compare.Measure, "once", once)
    monkeypatch.setattr(sys, "argv", ["compare", "A", "B"])
    return compare.main(), asked


def turn(k):
    """Which of the two commits is measured at that place: 0 1 1 0 0 1, and from 6 on again."""
    return ((k if k < 6 else k - 6) + 1) // 2 % 2


def test_same_code_under_a_burst_of_other_work(home, monkeypatch, capsys):
    """It is measured again, and nothing is said to be worse."""
    burst = {SLOW: 2.0, SAME: 1.0}
    quiet = {SLOW: 1.0, SAME: 1.01}
    status, asked = compared(
        monkeypatch, home, lambda k: burst if turn(k) and k < 6 else {**quiet, SAME: 1.0}
    )
    assert status == 0
    assert asked == [None] * 6 + [[f"^{re.escape(SLOW)}$"]] * 12
    assert "Nothing got worse" in capsys.readouterr().out


def test_a_kernel_slowed_down_by_30_percent(home, monkeypatch, capsys):
    """It is flagged, though a sixth of the rounds are disturbed; so is a benchmark that fails."""

    def noisy(k):
        return {SLOW: (1.3 if turn(k) else 1.0) * (3.0 if k % 6 == 2 else 1.0), SAME: 1.0}

    assert compared(monkeypatch, home, noisy)[0] == 1
    out = capsys.readouterr().out
    assert re.search(r"\| \+ .*1\.3 .*sweeps.TrackCall", out)
    assert "minimize.TrackCall" not in out
    failing = compared(monkeypatch, home, lambda k: {SLOW: 1.0, SAME: None if turn(k) else 1.0})
    assert failing[0] == 1
    assert re.search(r"\| ! .*failed.*minimize.TrackCall", capsys.readouterr().out)


def test_what_cannot_be_compared_is_said(home, monkeypatch):
    with pytest.raises(SystemExit, match="No benchmark of that name"):
        compared(monkeypatch, home, lambda k: {})


def test_a_commit_that_does_not_exist_is_named():
    with pytest.raises(SystemExit, match="no-such-commit"):
        run.git("rev-parse", "no-such-commit^{commit}")


def results(folder, commits, values):
    """Write asv's results: of each commit, those of both parameters of one benchmark."""
    key = "minimize.TrackCall.track_call"
    params = [["'compiled'", "'interpreted'"]]
    about = {"name": key, "params": params, "version": "1", "unit": "µs"}
    (folder / "benchmarks.json").write_text(json.dumps({key: about, "version": 2}))
    machine = {"machine": "here", "cpu": "A processor", "num_cpu": "2", "version": 1}
    (folder / "here").mkdir()
    (folder / "here" / "machine.json").write_text(json.dumps(machine))
    versions = {"machine": "here", "python": "3.11", "numba": "1", "numpy": "2"}
    for k, (commit, pair) in enumerate(zip(commits, values, strict=True)):
        made = Results(versions, {}, commit, k * 86_400_000, "3.11", "present", {})
        made._results, made._stats = {key: pair}, {key: None}
        made._benchmark_params, made._benchmark_version = {key: params}, {key: "1"}
        made.save(str(folder))


def test_history(tmp_path):
    """Commits in order of time, what was not possible as n/a, steps told."""
    commits = ["8acd392" + "0" * 33, "b" * 40, "c" * 40]
    results(tmp_path, commits, [[100.0, None], [50.0, 3000.0], [51.0, 6000.0]])
    read = history.read(tmp_path)
    text = history.text(*read)
    assert "| 8acd392 core<br>1970-01-01 | bbbbbbb<br>1970-01-02 | ccccccc<br>1970-01-03 |" in text
    assert "track_call: compiled | µs | 100 | 50 | 51 |" in text
    assert "track_call: interpreted | µs | n/a | 3,000 | 6,000 |" in text
    assert "**bbbbbbb**: minimize.TrackCall.track_call: compiled × 0.50; 1 for the first" in text
    assert "**ccccccc**: minimize.TrackCall.track_call: interpreted × 2.00." in text
    history.draw(*read[:2], tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size > 10_000


def test_commits_of_the_history_exist():
    oldest = ["git", "-C", ROOT, "cat-file", "-e", next(iter(history.ENDS))]
    if subprocess.run(oldest, check=False, capture_output=True).returncode:
        pytest.skip("no git repository with the whole history")
    assert len(run.newest_first(list(history.ENDS))) == len(history.ENDS) >= 5


def test_measured_is_the_fastopt_of_the_commit(tmp_path):
    """Also by processes that a benchmark starts; another one is never taken in its place."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository")
    conf = Config.load(str(run.CONFIG))
    conf.repo, conf.env_dir = str(ROOT), str(tmp_path)
    here = plugin.Present(conf, "3.11", {}, {})
    here.install_project(conf, None, run.git("rev-parse", "HEAD").strip())
    (tmp_path / "where.py").write_text("import fastopt\nprint(fastopt.__file__)")
    assert here.run([str(tmp_path / "where.py")]).startswith(here._path)
    here.installed_commit_hash = "f" * 40
    with pytest.raises(AssertionError):
        here.run(["-c", "pass"])

"""What the README promises: its code runs, its tables name everything there is."""

import pathlib
import re

import numpy as np

import fastopt
from fastopt import rules, schedules
from fastopt.inputs import run_options
from fastopt.solver import status_codes

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(section):
    """The Python code of a section, without what needs more than fastopt."""
    text = re.search(rf"^## {section}$(.*?)^## ", TEXT, re.DOTALL | re.MULTILINE)
    assert text, section
    return re.findall(r"(?<!-->\n)```python\n(.*?)```", text.group(1), re.DOTALL)


def test_code_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {}
    quickstart, batch, with_scipy = blocks("Quickstart")
    exec(quickstart, scope)  # the README's own code
    assert "[2.5 1.3 0.5]" in capsys.readouterr().out
    assert scope["res"].success
    exec(batch, scope)
    assert "10,000 of 10,000 problems converged." in capsys.readouterr().out
    np.testing.assert_allclose(scope["res"].x[:, 1], scope["rates"], rtol=1e-4)
    exec(with_scipy, scope)
    np.testing.assert_allclose(scope["res"].x, [2.5, 1.3, 0.5], rtol=1e-4)
    for section in ("Your own loop", "Finite sums: mini-batches", "Save and resume", "Gradients"):
        for block in blocks(section):
            exec(block, scope)
            if "def fit" in block:
                np.testing.assert_allclose(scope["x"], [1.0, 2.0, 3.0], atol=0.1)
    out = capsys.readouterr().out
    assert "[ 2.  -1.   0.5] All epochs are done." in out
    assert "agrees with central differences" in out
    np.testing.assert_allclose(scope["params"]["w"], 2.0, atol=0.3)
    assert np.flatnonzero(scope["table"].any(axis=1)).tolist() == [7, 99]
    assert (tmp_path / "fits.npz").exists()


def test_every_method_option_and_status_is_described():
    for method in fastopt.methods():
        row = re.search(rf'^\| `"{method}"` \|.*$', TEXT, re.MULTILINE)
        assert row, method
        kind = rules.options_class(rules.get(method))
        for name, default in kind._field_defaults.items():
            if name != "learning_rate":
                shown = f"`{name}` {default}" if isinstance(default, bool) else f"`{name}` "
                assert shown in row.group(), (method, name)
                assert re.search(rf"^\| .*`{name}`.* \|", TEXT, re.MULTILINE)
    for name in run_options.COMMON:
        assert re.search(rf"^\| `{name}` \|", TEXT, re.MULTILINE), name
    for status in status_codes.MESSAGES:
        shown = str(status).replace("-", "\N{MINUS SIGN}")
        assert re.search(rf"^\| {shown} \|", TEXT, re.MULTILINE), status
    for kind in schedules.KINDS:
        assert kind.__name__ in TEXT


def test_defaults_in_words():
    limits = run_options.parse(rules.get("rmsprop"), None, None, np.dtype(float)).limits
    assert f"{limits.gtol:.0e}".replace("-0", "-") in TEXT
    assert f"{int(limits.maxfev):,}" in TEXT


def test_files_exist():
    """Those that the text or a command names."""
    named = re.findall(r"\b(?:benchmarks|examples|tests|fastopt)/[\w/-]+(?:\.\w+)?", TEXT)
    assert len(set(named)) > 5
    for path in named:
        assert (ROOT / path).exists(), path


def test_pictures_exist():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", TEXT):
        assert (ROOT / path).is_file()

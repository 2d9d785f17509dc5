"""What README and the pages promise: their code runs, their tables name everything there is."""

import importlib.util
import pathlib
import re

import numpy as np
import pytest

import fastopt
from fastopt import rules, schedules
from fastopt.algorithms import status_codes
from fastopt.inputs import run_options

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
METHODS, FAILED = TEXTS["docs/methods.md"], TEXTS["docs/it-failed.md"]

spec = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)


def test_code_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {}
    quickstart, batch, with_scipy, errors = [block.code for block in pages.blocks(README)]
    exec(quickstart, scope)  # README's own code
    assert "[2.5 1.3 0.5]" in capsys.readouterr().out
    assert scope["res"].success
    exec(batch, scope)
    assert "10,000 of 10,000 problems converged." in capsys.readouterr().out
    np.testing.assert_allclose(scope["res"].x[:, 1], scope["rates"], rtol=1e-4)
    exec(with_scipy, scope)
    np.testing.assert_allclose(scope["res"].x, [2.5, 1.3, 0.5], rtol=1e-4)
    exec(errors, scope)
    shown = errors.rpartition("# ")[2].strip()
    assert capsys.readouterr().out.strip() == shown
    gaps = np.abs(scope["res"].x[:, 1] - scope["rates"][:1000]) / scope["res"].stderr[:, 1]
    assert 0.6 < np.mean(gaps < 1.0) < 0.76


@pytest.mark.parametrize("name", ["gradients", "own-loop", "save-and-resume"])
def test_code_of_pages_runs(name):
    """Those that need nothing but fastopt; `test_pages.py` runs the others."""
    assert pages.run(DOCS / f"{name}.md")[1] == []


def test_readme_is_brief():
    assert len(README.splitlines()) <= 200


def test_every_method_option_and_status_is_described():
    for method in fastopt.methods():
        row = re.search(rf'^\| `"{method}"` \|.*$', METHODS, re.MULTILINE)
        assert row, method
        kind = rules.options_class(rules.get(method))
        for name, default in kind._field_defaults.items():
            if name != "learning_rate":
                shown = f"`{name}` {default}" if isinstance(default, bool) else f"`{name}` "
                assert shown in row.group(), (method, name)
                assert re.search(rf"^\| .*`{name}`.* \|", METHODS, re.MULTILINE)
        assert method in README
    for name in run_options.COMMON:
        assert re.search(rf"^\| `{name}` \|", METHODS, re.MULTILINE), name
    for status in status_codes.MESSAGES:
        shown = str(status).replace("-", "\N{MINUS SIGN}")
        assert re.search(rf"^\| {shown} \|", FAILED, re.MULTILINE), status
    for kind in schedules.KINDS:
        assert kind.__name__ in METHODS


def test_defaults_in_words():
    limits = run_options.parse(rules.get("rmsprop"), None, None, np.dtype(float)).limits
    assert limits.gtol == run_options.WITHOUT_UNITS
    assert "| `gtol` | none: [tests without units]" in METHODS
    epsilons = limits.ftol / np.finfo(float).eps
    assert f"| `ftol` | {epsilons:.0f} machine epsilons |" in METHODS
    assert f"{int(limits.maxfev):,}" in METHODS


def test_every_public_name_has_a_page():
    """In the API: from its docstring, which has an example."""
    texts = [text for name, text in TEXTS.items() if name.startswith("docs/api/")]
    shown = "\n".join(map(pages.expanded, texts))
    names = [name for name in dir(fastopt) if name not in ("kernels", "precompile", "schedules")]
    names += [f"kernels.{method}" for method in fastopt.methods()]
    names += [f"schedules.{kind.__name__}" for kind in schedules.KINDS]
    for name in names:
        assert re.search(rf"auto(function|class):: fastopt\.{name}$", shown, re.MULTILINE), name
        found = fastopt
        for part in name.split("."):
            found = getattr(found, part)
        assert "Examples\n" in found.__doc__, name
    assert re.search(r"autofunction:: fastopt\.precompile$", shown, re.MULTILINE)


def test_files_exist():
    """Those that a text or a command names."""
    for name, text in TEXTS.items():
        named = re.findall(r"\b(?:benchmarks|examples|tests|fastopt|docs)/[\w/-]+(?:\.\w+)?", text)
        made = ("docs/_build", "fastopt/rules/", "examples/pictures")
        for path in named:
            assert (ROOT / path).exists() or path.startswith(made), (name, path)


def test_links_exist():
    """Files that links and pictures point to; `nox -s docs` follows their anchors."""
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if not re.match(r"\w+:|gallery/|pictures/|\.\./gallery", target):
                assert (ROOT / name).parent.joinpath(target).is_file(), (name, target)


def anchors(text):
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


def test_anchors_are_headings():
    """In a clone there are no other anchors: a label of MyST is known to the site alone."""
    for name, text in TEXTS.items():
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", text):
            page = (ROOT / name).parent / target if target else ROOT / name
            there = pages.expanded(page.read_text(encoding="utf-8"))
            assert anchor in anchors(there), (name, target, anchor)


MADE = {"docs/differentiable.md", "docs/changelog.md"}  # from the code; from CHANGELOG.md
# Words and a length that PROSE, the rules of style, forbid.
FORBIDDEN = """dear|anew|beside|so many|as they come|the one before|the like|whoever|for ever|yet|
    said|stands|apart|alike""".replace("\n    ", "")


def sentences(text):
    """Return the sentences of a page: no code, tables, headings or links' targets."""
    text = re.sub(r"^(```|:::+|\$\$)[^\n]*\n.*?^\1[`:]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^(\||#|:|\().*$", ".", text, flags=re.MULTILINE)
    text = re.sub(r"^(- |\d+\. )", ". ", text, flags=re.MULTILINE)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)|\$[^$]*\$", "", text)
    text = re.sub(r"`[^`]*`", "code", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.split(r"[.!?][)*\"]*\s+|\n\n|:\s*\n", text)


@pytest.mark.parametrize("name", sorted(TEXTS.keys() - MADE))
def test_prose_is_plain(name):
    for sentence in sentences(TEXTS[name]):
        words = sentence.split()
        assert len(words) <= 25, (name, sentence)
        found = re.search(rf"\b({FORBIDDEN})\b", sentence)
        assert not found, (name, found[0], sentence)
        assert not re.match(r"\W*(Of|What|Where) [^?]*$", sentence) or len(words) < 4, sentence

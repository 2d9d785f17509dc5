"""The code of the documentation's pages runs, prints what they show, and draws their pictures."""

import importlib.util
import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
spec = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)
ELSEWHERE = "gradients.md", "own-loop.md", "save-and-resume.md"  # in test_readme.py
TEXTS = {page: page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md"))}
WITH_CODE = [p for p, text in TEXTS.items() if pages.blocks(text) and p.name not in ELSEWHERE]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_code_of_pages_runs(page, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    _, left_out = pages.run(page, tmp_path)
    assert all(reason.startswith("needs ") for _, reason in left_out)
    shown = re.findall(r"!\[[^\]]*\]\(pictures/(.*?)\)", TEXTS[page])
    assert {picture.name for picture in tmp_path.glob("*.png")} == set(shown)


def test_a_page_that_is_wrong_is_found(tmp_path):
    wrong = {"prints": "```python\nprint(1)\n```\n\n```text\n2\n```\n"}
    wrong |= {"ZeroDivisionError": "Text.\n\n```python\n1 / 0\n```\n"}
    wrong |= {"KeyError": "<!-- as a script -->\n```python\n{}[0]\n```\n"}
    for said, text in wrong.items():
        (tmp_path / "page.md").write_text(text)
        with pytest.raises(pages.Wrong, match=rf"(?s)page.md, line \d.*{said}"):
            pages.run(tmp_path / "page.md")
    (tmp_path / "page.md").write_text("<!-- needs: no_such -->\n```python\n1 / 0\n```\n")
    assert pages.run(tmp_path / "page.md")[1] == [(3, "needs no_such")]

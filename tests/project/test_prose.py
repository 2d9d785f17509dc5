"""Docstrings and comments in plain English: short sentences, and none of a list of words."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "fastopt")
FILES = ("noxfile.py",)
MAX_WORDS = 25  # longer sentences are hard to follow
WORDS = (
    "dear|anew|beside|so many|as they come|the one before|the like|whoever|for ever|stands?(?!-)|apart"
    "|alike"
)
BANNED = re.compile(rf"\b({WORDS})\b", re.IGNORECASE)
FIRST = re.compile(r"(Of|What) ")
SECTIONS = "Parameters", "Returns", "Raises", "Attributes", "See Also"  # of names, not of prose
CODE = re.compile(r"``.+?``|`.+?`|https?://\S+|arXiv:\S+")
WORD = re.compile(r"[^\W\d_]{2,}|\b[aAI]\b")  # not those of formulas
END = re.compile(r"(?<=[.?!])[\")]?\s+(?=[A-Z\"(])")
TOOLS = ("noqa", "pyright:", "type:", "fmt:", "doctest:")  # comments for tools


def sentences(path):
    """Yield (line, sentence) for each sentence of the docstrings and comments of a file."""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
            doc := ast.get_docstring(node)
        ):
            yield from split(node.body[0].lineno, doc.splitlines())
    comments, before = [], None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            if before != (row - 1, column):
                comments.append((row, []))
            comments[-1][1].append(token.string.lstrip("#! "))
            before = row, column
    for row, lines in comments:
        yield from split(row, lines)


def split(first, lines):
    """Yield (line, sentence) from lines. Names, headings, doctests and items end a sentence."""
    pieces, start, section, in_example, in_block = [], first, "", False, False
    for row, line in enumerate([*lines, ""], first):
        in_block = in_block and line[:1] in (" ", "")  # of code, after "::"
        if in_block:
            continue
        text, name = line.strip(), section in SECTIONS and line[:1] not in (" ", "")
        in_example = bool(text) and (in_example or text.startswith(">>>"))
        underline = set(text) in ({"-"}, {"="})
        section = pieces.pop() if underline and pieces else section
        if not text or in_example or name or underline or text.startswith(("- ", *TOOLS)):
            prose = CODE.sub("Code", " ".join(pieces))
            in_block = prose.endswith("::")
            yield from ((start, sentence) for sentence in END.split(prose) if sentence)
            pieces, text = [], text[2:] if text.startswith("- ") else ""
        start = start if pieces else row
        pieces += [text] if text else []


@pytest.mark.parametrize("place", [*FOLDERS, *FILES])
def test_sentences_are_short_and_plain(place):
    root = ROOT / place
    found = []
    for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
        for line, sentence in sentences(path):
            long = len(WORD.findall(sentence)) > MAX_WORDS
            if long or BANNED.search(sentence) or FIRST.match(sentence):
                found.append(f"{path.relative_to(ROOT)}:{line} {sentence}")
    assert not found, "\n".join(found)

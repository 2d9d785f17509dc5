"""Run the Python code of a page, compare what it prints, and keep the pictures it saves.

``python docs/pages.py README.md docs/*.md --pictures docs/pictures`` runs pages. The site's build
and the tests call `run`.

Blocks of a page run in their order, in one scope, in a folder of their own. A ``text`` block after
a Python block is what it must print, by the rules of doctest. A comment before a block says more:

- ``<!-- needs: NAME -->``: run only if the module can be imported; "GPU" is never there;
- ``<!-- as a script -->``: run in a process of its own, from a file;
- ``<!-- not run: REASON -->``: shown only.

What is between ``<!-- each method -->`` or ``<!-- each optimizer -->`` and ``<!-- end -->`` is
repeated for every rule of the package, with its name in place of NAME (`expanded`).
"""

import argparse
import contextlib
import doctest
import importlib.util
import io
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from typing import NamedTuple

BLOCK = re.compile(
    r"(?:^<!-- (?P<how>[^\n]*) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
REPEATED = re.compile(r"<!-- each (\w+) -->\n(.*?)<!-- end -->\n", re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A Python block of a page."""

    line: int
    code: str
    how: str  # the comment before it
    expected: str | None  # what it prints, if the page shows it


class Wrong(Exception):
    """A block failed, or printed something else."""


def blocks(text):
    """Return the Python blocks of a page."""
    found = list(BLOCK.finditer(text))
    result = []
    for match, after in zip(found, [*found, None][1:], strict=True):
        if match["kind"] != "python":
            continue
        shown = after and after["kind"] == "text" and not text[match.end() : after.start()].strip()
        line = text.count("\n", 0, match.start("text")) + 1
        expected = after["text"] if shown else None
        result.append(Block(line, match["text"], match["how"] or "", expected))
    return result


def expanded(text):
    """Return a page with its repeated parts; names with a heading of their own have no other."""
    import fastopt
    from fastopt.optimizers import rule_classes

    names = {"method": fastopt.methods(), "optimizer": sorted(rule_classes.names(), key=str.lower)}

    def repeat(match):
        own = [name for name in names[match[1]] if f"\n## {name}\n" not in text]
        return "\n".join(match[2].replace("NAME", name) for name in own)

    return REPEATED.sub(repeat, text)


def lacking(how):
    """Return what a block needs that is not here."""
    names = how.partition("needs: ")[2].split(", ") if "needs: " in how else []
    return [name for name in names if name == "GPU" or not importlib.util.find_spec(name)]


def run(path, pictures=None):
    """Run a page; return the scope of its code, and (line, reason) of each block that did not."""
    path, scope, left_out = pathlib.Path(path), {"__name__": "__main__"}, []
    text = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for block in blocks(text):
            if "not run: " in block.how:
                left_out.append((block.line, block.how.partition("not run: ")[2]))
            elif missing := lacking(block.how):
                left_out.append((block.line, f"needs {', '.join(missing)}"))
            else:
                _check(path, block, scope)
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        if pictures:
            pathlib.Path(pictures).mkdir(parents=True, exist_ok=True)
            for picture in pathlib.Path(folder).glob("*.png"):
                shutil.copy(picture, pictures)
    return scope, left_out


def _check(path, block, scope):
    where = f"{path.name}, line {block.line}"
    out = io.StringIO()
    try:
        if "as a script" in block.how:
            pathlib.Path("script.py").write_text(block.code, encoding="utf-8")
            command = [sys.executable, "script.py"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Wrong(done.stderr)
            out.write(done.stdout)
        else:
            # A line of a page is the line of its code, in tracebacks too.
            code = compile("\n" * (block.line - 1) + block.code, str(path), "exec")
            with contextlib.redirect_stdout(out), warnings.catch_warnings():
                exec(code, scope)  # the page's own code
    except Exception as error:
        raise Wrong(f"{where}: {type(error).__name__}: {error}") from error
    got, expected = out.getvalue(), block.expected
    if expected is not None and not doctest.OutputChecker().check_output(expected, got, FLAGS):
        raise Wrong(f"{where} prints\n{got}\nbut the page shows\n{expected}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path, help="folder for what the pages draw")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at an error")
    options = parser.parse_args()
    pictures, failed = options.pictures and options.pictures.absolute(), 0
    for page in [page.absolute() for page in options.pages]:
        begin = time.process_time()
        try:
            _, left_out = run(page, pictures)
        except Wrong as error:
            if not options.keep_going:
                raise
            failed += 1
            print(f"FAILED {error}", flush=True)
            continue
        print(f"{page.name}: {time.process_time() - begin:.1f} s", flush=True)
        for line, reason in left_out:
            print(f"    line {line} did not run: {reason}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())

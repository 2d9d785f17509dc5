"""The documentation site, built by `nox -s docs`: links, pictures, names, and its looks."""

import functools
import html.parser
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import urllib.parse

import pytest

import fastopt

SITE = pathlib.Path(os.environ.get("FASTOPT_SITE", "none"))
pytestmark = pytest.mark.skipif(
    not (SITE / "index.html").is_file(), reason="the site is built and tested by nox -s docs"
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), 0
)
QUIET = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update --hide-scrollbars""".split()
SHOWN = "index", "fit-your-data", "methods", "api/minimisers"  # pictures are taken of these
WIDTHS = 1400, 420  # a screen and a telephone


class Page(html.parser.HTMLParser):
    """Links, sources and anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.loaded, self.text = [], set(), [], path.read_text("utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors.update(filter(None, (found.get("id"), found.get("name"))))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("img", "script", "iframe") and found.get("src"):
            self.loaded.append(found["src"])
        if tag == "link" and "stylesheet" in (found.get("rel") or ""):
            self.loaded.append(found["href"])


@functools.cache
def pages():
    """Return all pages of ours: not those of asv's dashboard, nor the theme's pieces."""
    found = (path.relative_to(SITE) for path in SITE.rglob("*.html"))
    return {p: Page(SITE / p) for p in found if p.parts[0] not in ("_static", "dashboard")}


def test_links_inside_lead_somewhere():
    count = 0
    for path, page in pages().items():
        for link in page.links + page.loaded:
            target, anchor = urllib.parse.urldefrag(urllib.parse.unquote(link))
            if re.match(r"\w+:|//", target):
                continue
            target = target.partition("?")[0]
            there = (SITE / path.parent / target).resolve() if target else SITE / path
            assert there.is_file(), (str(path), link)
            other = pages().get(pathlib.Path(os.path.relpath(there, SITE)))
            if anchor and other:
                assert anchor in other.anchors, (str(path), link)
            count += 1
    assert count > 1000


def test_nothing_is_loaded_from_the_internet():
    for path, page in pages().items():
        assert not [s for s in page.loaded if re.match(r"\w+:|//", s)], path


def test_every_public_name_is_in_the_api():
    anchors = set().union(*(p.anchors for path, p in pages().items() if path.parts[0] == "api"))
    names = set(dir(fastopt)) - {"kernels", "schedules"}
    names |= {f"kernels.{method}" for method in fastopt.methods()}
    for name in names:
        assert f"fastopt.{name}" in anchors, name
    index = (SITE / "searchindex.js").read_text("utf-8")
    assert "Search.setIndex" in index


def test_code_and_formulas_are_rendered():
    text = "".join(page.text for page in pages().values())
    assert "\\(" not in re.sub(r"<pre>.*?</pre>|<script.*?</script>", "", text, flags=re.DOTALL)
    assert text.count('<svg style="vertical-align') > 20


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    handler = functools.partial(Silent, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def chromium(*arguments):
    command = [CHROMIUM, *QUIET, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


MEASURE = """<!doctype html><body><script>
const todo = PAGES, found = {};
const next = () => {
  const page = todo.pop();
  if (!page) { document.body.innerHTML = `<pre>${JSON.stringify(found)}</pre>`; return; }
  const frame = document.createElement("iframe");
  [frame.width, frame.height] = [page[1], 900];
  frame.onload = () => {
    const inside = frame.contentDocument;
    const broken = [...inside.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src);
    found[`${page[0]} ${page[1]}`] = [inside.documentElement.scrollWidth - page[1], broken];
    frame.remove(); next();
  };
  frame.src = page[0];
  document.body.append(frame);
};
next();
</script></body>"""


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
def test_no_page_is_wider_than_its_window(address, tmp_path):
    """Neither tables nor code nor pictures push a page wide; no picture is missing."""
    mine = [str(p) for p in pages() if p.parts[0] not in ("_modules", "search.html")]
    todo = [(f"{address}/{path}", width) for path in mine for width in WIDTHS]
    (SITE / "measure.html").write_text(MEASURE.replace("PAGES", json.dumps(todo)))
    try:
        arguments = "--virtual-time-budget=60000", f"--user-data-dir={tmp_path}", "--dump-dom"
        out = chromium(*arguments, f"{address}/measure.html")
    finally:
        (SITE / "measure.html").unlink()
    found = json.loads(re.search(r"<pre>(.*?)</pre>", out, re.DOTALL)[1])
    assert len(found) == len(todo)
    assert {page: what for page, what in found.items() if what[0] > 0 or what[1]} == {}


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
def test_pictures_of_pages(address, tmp_path):
    """Kept where FASTOPT_SCREENSHOTS says: the pictures, wide and narrow."""
    folder = pathlib.Path(os.environ.get("FASTOPT_SCREENSHOTS", tmp_path))
    folder.mkdir(exist_ok=True)
    for name in SHOWN:
        for width in WIDTHS:
            picture = folder / f"{name.replace('/', '-')}-{width}.png"
            size = f"--window-size={width},2400"
            profile = f"--user-data-dir={tmp_path / 'profile'}"
            how = size, profile, "--virtual-time-budget=4000", f"--screenshot={picture}"
            chromium(*how, f"{address}/{name}.html")
            assert picture.stat().st_size > 30_000

"""The site that asv makes of the benchmarks, as a person sees it: in a browser, no internet."""

import functools
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import pytest

from benchmarks.dashboard import scripts

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), 0
)
QUIET = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update --virtual-time-budget=8000
    --dump-dom""".split()
GRAPHS = {  # a benchmark, what of it is measured and shown, the unit on its axis
    "minimize.TrackCall.track_call": (
        "'one iteration', 'interpreted'",
        "p-fun='interpreted'",
        "µs",
    ),
    "sweeps.TrackCall.track_call": (
        "'rmsprop', 'float32'",
        "p-method='rmsprop'&p-dtype='float32'",
        "ns",
    ),
}


def history():
    """The present commit and the one before it, if there is a repository with both."""
    command = ["git", "-C", ROOT, "rev-parse", "HEAD", "HEAD~1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.split() if run.returncode == 0 else None


@pytest.fixture
def site(tmp_path):
    """Address of the site of a quick run on two commits."""
    try:
        scripts.bring()
    except scripts.Unavailable as error:
        pytest.skip(str(error))
    conf = json.loads((ROOT / "benchmarks" / "asv.conf.json").read_text())
    conf |= {"repo": str(ROOT), "benchmark_dir": str(ROOT / "benchmarks")}
    conf |= {name: str(tmp_path / name) for name in ("env_dir", "results_dir", "html_dir")}
    conf["plugins"] = [".benchmarks.dashboard.plugin"]
    (tmp_path / "asv.conf.json").write_text(json.dumps(conf))
    (tmp_path / "commits").write_text("\n".join(history()))
    (tmp_path / ".asv-machine.json").write_text('{"here": {"machine": "here"}, "version": 1}')
    chosen = [f"-b{re.escape(name)}.*{params}" for name, (params, *_) in GRAPHS.items()]
    run = ["run", "--quick", "--machine=here", f"HASHFILE:{tmp_path / 'commits'}", *chosen]
    for command in (run, ["publish"]):
        command = [sys.executable, "-m", "asv", *command, "--config", tmp_path / "asv.conf.json"]
        env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        out = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert out.returncode == 0, out.stdout + out.stderr
    handler = functools.partial(Silent, directory=tmp_path / "html_dir")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def look(address, picture, profile, height=800):
    """What the page says when its scripts have run, and a picture of it."""
    size = f"--window-size=1280,{height}"
    command = [CHROMIUM, *QUIET, size, f"--user-data-dir={profile}", f"--screenshot={picture}"]
    command.append(address)
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return out.stdout


def drawn(picture, rows, columns):
    """How many pixels in that part are coloured or dark: not paper, and not the light grid."""
    from matplotlib.image import imread

    pixels = imread(picture)[slice(*rows), slice(*columns), :3]
    most, least = pixels.max(axis=2), pixels.min(axis=2)
    return int(((most - least > 0.3) | (most < 0.6)).sum())


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
@pytest.mark.skipif(not history(), reason="there is no git repository with two commits")
def test_grid_and_graphs(site, tmp_path):
    """Kept where FASTOPT_SCREENSHOTS says: the pictures."""
    folder = pathlib.Path(os.environ.get("FASTOPT_SCREENSHOTS", tmp_path))
    grid = look(f"{site}#/", folder / "grid.png", tmp_path / "profile", 3000)  # drawn once in sight
    assert 'src="http' not in grid  # nor could it be loaded here
    for name in GRAPHS:
        module, _, function = name.partition(".")
        assert re.search(rf"<h1[^>]*>{module}</h1>", grid)
        assert f">{function}<" in grid
    assert grid.count("<canvas") >= len(GRAPHS)
    assert drawn(folder / "grid.png", (60, None), (0, 1250)) > 1000
    for name, (_, shown, unit) in GRAPHS.items():
        page = look(f"{site}#{name}?{shown}", folder / f"{name}.png", tmp_path / "profile")
        assert re.search(rf'id="title"[^>]*>\s*{re.escape(name)}', page)
        assert len(re.findall(r'class="flot-tick-label[^>]*>[\d.]+', page)) > 1
        inside, unit_of_axis = ((125, 655), (500, 1230)), ((125, 655), (218, 234))
        assert drawn(folder / f"{name}.png", *inside) > 100  # right of the legend: the line
        assert drawn(folder / f"{name}.png", *unit_of_axis) > 5  # on a canvas, too
        index = json.loads((tmp_path / "html_dir" / "index.json").read_text())
        assert index["benchmarks"][name]["unit"] == unit

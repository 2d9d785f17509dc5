"""Report on fastopt on this machine's GPU, compared with a copy's rate, the CPU and its peers.

Usage::

    python benchmarks/gpu_report.py                 # under 8 minutes
    python benchmarks/gpu_report.py --minutes 3     # parts are dropped from the end, by name
    python benchmarks/gpu_report.py --quick         # small sizes: does all of it run here?
    python benchmarks/gpu_report.py --only sweeps,torch

It needs numba, numba-cuda (with the CUDA wheels: ``numba-cuda[cu13]``), numpy and scipy. Peers are
measured if they are installed: PyTorch, JAX (with CUDA), optax, jaxopt and CuPy. They come from
this Python, or from the one that FASTOPT_PEERS_PYTHON names. fastopt itself need not be installed.
Each part runs in its own process with a time limit, one after the other. Failures are named in the
report, and the other parts go on. Work on the device is timed by its events. Calls with their wait
are timed by the clock.

On a machine without a network, bring the wheels that it lacks: numba, numba-cuda, cuda-core,
cuda-bindings, cuda-pathfinder and scipy. Without a toolkit also bring the CUDA libraries
nvidia-nvvm, nvidia-nvjitlink, nvidia-cuda-nvrtc and nvidia-cuda-runtime. All must be of one CUDA
version, of the driver's major version. Unpack them with ``pip install --no-index --no-deps
--target``, and put that folder and this repository on PYTHONPATH. With a toolkit, CUDA_HOME tells
numba-cuda where it is. The tests run as ``python -m pytest -n0 -m gpu tests/gpu``.

The report is ``benchmarks/results/gpu-<device>-<date>.json`` and ``.md``. It is written after every
part, so that an interruption loses no figures. Without a GPU the script prints what is missing, and
the exit status is 1. In Numba's simulator (``NUMBA_ENABLE_CUDASIM=1 ... --quick``) every path of
the code runs at tiny sizes, and the figures are no measurements.
"""

import argparse
import contextlib
import datetime
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose modules are benchmarks.something

from benchmarks.gpu_parts import lines as said  # noqa: E402
from benchmarks.gpu_parts import plan, table  # noqa: E402

LEAST = 15.0  # seconds that must be left for a part to start
RESULTS = ROOT / "benchmarks" / "results"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=7.0, help="for all parts together")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--only", default="", help="names of parts, with commas between them")
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS, help="folder")
    parser.add_argument("--here", action="store_true", help="our own parts in this process")
    parser.add_argument("--part", help="run this one alone and print its lines")
    parser.add_argument("--folder", type=pathlib.Path, help="with the parts' data")
    return parser.parse_args()


def main():
    given = arguments()
    missing = why_not()
    if missing:
        print(f"No report: {missing}", file=sys.stderr)
        return 1
    simulated = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
    how = plan.SIMULATED if simulated else plan.QUICK if given.quick else plan.How()
    if given.part:
        plan.run(given.part, said.Lines(given.part), how._replace(folder=given.folder))
        return 0
    with tempfile.TemporaryDirectory(dir=fast_disk()) as folder:
        runner = Runner(given, how._replace(folder=pathlib.Path(folder)), simulated)
        return runner.run()


def why_not():
    """Return a sentence that says why there can be no report, or None."""
    try:
        from fastopt.targets import dispatch
    except ImportError as error:
        return f"{error}; numba, numba-cuda, numpy and scipy are needed."
    return dispatch.why_not_cuda()


def fast_disk():
    """Return a folder in memory if it has room for the data of a million fits, else None."""
    with contextlib.suppress(OSError, AttributeError):
        room = os.statvfs("/dev/shm")
        if room.f_bavail * room.f_frsize > 4e9:
            return "/dev/shm"
    return None


class Runner:
    """A run of the parts in sequence, within the time limit."""

    def __init__(self, given, how, simulated):
        self.given, self.how, self.simulated = given, how, simulated
        self.ends = time.monotonic() + 60.0 * given.minutes
        self.report = {"figures": [], "errors": [], "notes": [], "machine": {}, "seconds": {}}
        self.report |= {"date": datetime.date.today().isoformat(), "quick": given.quick}
        self.report |= {"simulator": simulated}

    def run(self):
        only = [name for name in self.given.only.split(",") if name]
        for name in {*only} - {part.name for part in plan.PARTS}:
            self.note(f"there is no part called {name}")
        self.part(plan.ours("machine", "The machine", "machine.run", 60))
        if not self.report["machine"]:
            print(f"No report: {'; '.join(self.report['errors'])}", file=sys.stderr)
            return 1
        self.part(plan.ours("data", "Data", "data.data", 90))
        for part in plan.PARTS:
            if not only or part.name in only:
                self.part(part)
            self.write()
        print(self.write())
        return 0

    def note(self, text):
        self.report["notes"].append(text)

    def part(self, part):
        left = self.ends - time.monotonic()
        if left < LEAST:
            self.note(f"{part.name}: dropped, the {self.given.minutes:g} minutes are over")
            return
        print(f"{part.title} ...", file=sys.stderr, flush=True)
        began, limit = time.monotonic(), min(part.limit, left)
        if self.given.here and not part.peer:
            text, failure = self.inside(part)
        else:
            text, failure = self.outside(part, limit)
        self.report["seconds"][part.name] = round(time.monotonic() - began, 1)
        if failure:
            self.report["errors"].append(f"{part.name}: {failure}")
        for line in said.parse(text):
            if "machine" in line:
                self.report["machine"] = line["machine"]
            elif "error" in line:
                self.report["errors"].append(f"{part.name}: {line['error']}")
            elif "skipped" in line:
                self.note(f"{part.name}: {line['skipped']}")
            else:
                self.report["figures"].append({**line, "part": part.name})

    def inside(self, part):
        """Run a part in this process; return its output, and its failure or ""."""
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                plan.run(part.name, said.Lines(part.name), self.how)
        except Exception as error:
            return out.getvalue(), f"{type(error).__name__}: {error}"
        return out.getvalue(), ""

    def outside(self, part, limit):
        """Run a part in its own process, stopped after `limit` seconds; return the same."""
        command = [sys.executable, str(pathlib.Path(__file__).resolve()), "--part", part.name]
        command += ["--folder", str(self.how.folder), *["--quick"] * self.given.quick]
        environment = {
            **os.environ,
            "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS": "0",
            "FASTOPT_CACHE_DIR": str(self.how.folder / "cache"),  # first calls compile
        }
        if part.peer:
            python = os.environ.get("FASTOPT_PEERS_PYTHON", sys.executable)
            script = ROOT / "benchmarks" / "contests" / "programs" / part.module
            sizes = (self.how.folder, self.how.elements, self.how.problems)
            command = [python, str(script), *map(str, sizes), f"{0.9 * limit:.0f}"]
        log = self.how.folder / "errors.txt"
        with open(log, "w") as errors, open(self.how.folder / "out.txt", "w") as out:
            try:
                code = subprocess.run(
                    *(command,), stdout=out, stderr=errors, env=environment, timeout=limit
                ).returncode
                failure = f"exit status {code}: {last(log)}" if code else ""
            except subprocess.TimeoutExpired:
                failure = f"stopped after {limit:.0f} s"
            except OSError as error:
                failure = str(error)
        return (self.how.folder / "out.txt").read_text(errors="replace"), failure

    def write(self):
        """Write the report as far as it goes; return the path of its table."""
        device = str(self.report["machine"].get("device", "unknown"))
        slug = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
        quick = "-quick" if self.given.quick and not self.simulated else ""
        self.given.output.mkdir(parents=True, exist_ok=True)
        path = self.given.output / f"gpu-{slug}{quick}-{self.report['date']}"
        return table.write(self.report, path)


def last(file):
    """Return the last lines that a process wrote."""
    rows = file.read_text(errors="replace").strip().splitlines()
    return " | ".join(rows[-3:])[-600:] or "it wrote nothing"


if __name__ == "__main__":
    sys.exit(main())

"""Contests: the same work by us, by peers and at the limit, in turn, each in its own process.

Every contestant prepares (compiles, warms up, shows its answer), then waits. In each round every
contestant runs alone for a moment, and the median of its calls is taken. So other work on the
machine affects all of them, and each ratio is that of one round.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

from ..helpers import limits
from ..helpers.shared import environment as surroundings

PROGRAMS = pathlib.Path(__file__).parent / "programs"
OWN = "fastopt", "NumPy", "SciPy"  # first words of the names of entries that run in this Python
PATIENCE = 150  # seconds for one answer


class Absent(Exception):
    """An error for a peer that is not installed; the text names it."""


class Ended(RuntimeError):
    """An error for a program that ended early, or was stopped; the text has its last words."""


class Different(Exception):
    """An error for a peer whose answer is different; the text gives the distance."""


@dataclasses.dataclass
class Figures:
    """A contestant's seconds for the whole work, a median for each round, and its settings."""

    name: str
    seconds: list = dataclasses.field(default_factory=list)
    about: dict = dataclasses.field(default_factory=dict)
    reason: str = ""  # the reason, if there are no figures

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def spread(self):
        return spread(self.seconds)

    def over(self, other):
        """Return the ratios to another's seconds, round by round."""
        return [a / b for a, b in zip(self.seconds, other.seconds, strict=True)]


def spread(values):
    """Return half the distance between the quartiles, relative to the median."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return (high - low) / 2 / middle


def command(entry, folder):
    """Return an entry's command: arguments, environment, and the path of its answer."""
    answer = pathlib.Path(folder, "answer.npy")
    python, environment = sys.executable, surroundings()
    if not entry.name.startswith(OWN) and os.environ.get("FASTOPT_PEERS_PYTHON"):
        python, environment = os.environ["FASTOPT_PEERS_PYTHON"], dict(os.environ)
    words = [python, PROGRAMS / entry.program, entry.job, f"{folder}/data.npz", answer]
    return [str(word) for word in words], environment, answer


def failed(entry, text):
    """Return the exception for a program that ended early, from its output."""
    last = (text.strip().splitlines() or [f"it was stopped, or silent for {PATIENCE} s"])[-1]
    if last.startswith(("ModuleNotFoundError", "ImportError")):
        return Absent(f"{entry.name}: {last.partition(': ')[2]}")
    return Ended(f"{entry.program} {entry.job}: {last}")


class Contestant:
    """A program that waits for its turns in its own process."""

    def __init__(self, entry, folder):
        words, environment, answer = command(entry, folder)
        self.entry = entry
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the process)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = subprocess.Popen(words, text=True, env=environment, **pipes)
        self.about = self.read()
        self.part = self.about.pop("part", 1.0)
        self.answer = np.load(answer)

    def read(self):
        """Return the next line of JSON; stop a program that is silent for too long."""
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        while (line := self.process.stdout.readline()) and not line.startswith(("{", "[")):
            pass  # output of a library
        timer.cancel()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        error = failed(self.entry, self.errors.read())
        self.close()
        raise error

    def turn(self, least):
        """Return the median seconds of the whole work, from calls of `least` seconds together."""
        with contextlib.suppress(BrokenPipeError):  # `read` says why
            self.process.stdin.write(f"{least}\n")
            self.process.stdin.flush()
        return statistics.median(self.read()) / self.part

    def close(self):
        if self.errors.closed:
            return
        with self.process, self.errors, contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()  # `with` closes the other pipes, and waits


class Whole:
    """A program that is started again for each turn."""

    def __init__(self, entry, folder):
        self.entry, (self.words, self.environment, answer) = entry, command(entry, folder)
        self.about = json.loads(self.run().splitlines()[-1])
        self.answer = np.load(answer)

    def run(self):
        ended = subprocess.run(
            self.words,
            capture_output=True,
            check=False,
            text=True,
            env=self.environment,
            timeout=PATIENCE,
        )
        if ended.returncode:
            raise failed(self.entry, ended.stderr)
        return ended.stdout

    def turn(self, least):
        begin = time.perf_counter()
        self.run()
        return time.perf_counter() - begin

    def close(self):
        pass


class Limit:
    """Hand-written C, which runs in a new process every time."""

    def __init__(self, measure):
        self.measure, self.about = measure, {"version": "C"}

    def turn(self, least):
        return self.measure()

    def close(self):
        pass


def hold(work, names=None, rounds=7, least=0.2, strict=True):
    """Return the figures of every entry of a work, or of the named ones, ours first.

    Raises `Different` if our answer is wrong, and `Ended` if our program ends early. With `strict`
    that holds for any contestant. Those that are not installed have a reason in place of seconds.
    So have peers with a wrong answer or a program that ends, and a limit that cannot be compiled.
    """
    kind = Whole if work.whole else Contestant
    entries = [e for e in work.entries if names is None or e.name in names]
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/data.npz", **work.data())
        figures, running = {}, {}
        try:
            for entry in entries:
                figures[entry.name] = found = Figures(entry.name)
                try:
                    running[entry.name] = one = kind(entry, folder)
                except (Absent, Ended) as reason:
                    found.reason = str(reason)
                    if isinstance(reason, Ended) and (strict or entry is work.entries[0]):
                        raise
                    continue
                found.about = one.about
                if wrong := work.differs(one.answer):
                    found.reason = f"{work.name}, {entry.name}: {wrong}"
                    running.pop(entry.name).close()
                    if strict or entry is work.entries[0]:
                        raise Different(found.reason)
            if work.limit and (names is None or "limit" in names):
                figures["limit"] = found = Figures("limit", about={"version": "C"})
                if limits.program() is None:
                    found.reason = "no C compiler with OpenMP"
                else:
                    running["limit"] = Limit(work.limit)
            for _ in range(rounds):
                for name, one in [*running.items()]:
                    try:
                        figures[name].seconds.append(one.turn(least))
                    except Ended as reason:
                        if strict or name == work.entries[0].name:
                            raise
                        figures[name].reason, figures[name].seconds = str(reason), []
                        del running[name]
        finally:
            for one in running.values():
                one.close()
    return figures

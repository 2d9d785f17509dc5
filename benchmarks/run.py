"""Measure commits in the present Python and build the site of all results.

Usage::

    python -m benchmarks.run                       # the present commit, everything
    python -m benchmarks.run --quick -b minimize   # what `asv run` takes is passed on
    python -m benchmarks.run --commits A,B,C       # others, by the present benchmarks
    python -m benchmarks.run --history             # what benchmarks/history.py shows

The measured fastopt is the committed one; the benchmarks are those of this checkout. Results are
added to .asv/results, the site is written to .asv/html.
"""

import argparse
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "benchmarks" / "asv.conf.json"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.partition("::")[2].partition("\n\nThe")[0])
    parser.add_argument("--commits", default="HEAD", help="names of commits, with commas between")
    parser.add_argument("--history", action="store_true", help="its commits, and the present one")
    known, rest = parser.parse_known_args()
    commits = known.commits.split(",")
    if known.history:
        from .history import ENDS, MATTER

        commits += ENDS
        rest += [word for pattern in MATTER for word in ("-b", pattern)]
    commits = newest_first(commits)
    warn_of_changes()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(commits))
        file.flush()
        status = asv("run", f"HASHFILE:{file.name}", "--machine", machine(), *rest)
    status = asv("publish") or status
    print("\nSee it: (cd benchmarks && asv preview), and open the address that this prints")
    return status


def git(*arguments):
    command = ["git", "-C", str(ROOT), *arguments]
    out = subprocess.run(command, check=False, capture_output=True, text=True)
    if out.returncode:
        sys.exit(out.stderr.strip())
    return out.stdout


def newest_first(commits):
    """Return hashes of commits, newest first: asv reads the list of benchmarks from the first."""
    return git("rev-list", "--no-walk=sorted", *commits, "--").split()


def warn_of_changes():
    changed = git("status", "--porcelain", "--", "fastopt").splitlines()
    if changed:
        print(f"Not measured, since not committed: changes to {len(changed)} files of fastopt")


def machine():
    """Return the name of this machine for asv, its processor and cores, and register it."""
    from asv.machine import Machine, MachineCollection

    about = Machine.get_defaults()
    name = re.sub(r"\W+", "-", f"{about['cpu']} {about['num_cpu']} cores").strip("-")
    MachineCollection.save(name, {**about, "machine": name, "os": platform.system()})
    return name


def asv(*arguments, **options):
    """Run an asv command; return its exit status."""
    command = [sys.executable, "-m", "asv", *arguments, "--config", str(CONFIG)]
    return subprocess.run(command, check=False, **options).returncode


if __name__ == "__main__":
    sys.exit(main())

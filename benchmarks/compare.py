"""Compare two commits, measured in turn in the present Python.

Usage::

    python -m benchmarks.compare A B                  # B against A, everything
    python -m benchmarks.compare A B -b REGEX         # part of it; may be given again
    python -m benchmarks.compare A B --rounds 5 --factor 1.1

Both commits are measured in each of several rounds, in the order A B B A A B. Their lower quartiles
over the rounds are compared, because other work on the machine only adds time. If these differ by
more than the square root of the factor, the benchmark is measured again in twice as many rounds.
Then only the new rounds count, because the same benchmark is unlikely to be disturbed twice. The
table and its marks are those of `asv compare`. The exit status is 1 if something got worse or
failed.
"""

import argparse
import math
import os
import re
import sys
import tempfile

from . import run


def main():
    parser = argparse.ArgumentParser(usage=__doc__.partition("::")[2].partition("\n\nBoth")[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("-b", "--bench", action="append", help="regular expression")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--factor", type=float, default=1.15, help="least ratio of a change")
    parser.add_argument("--all", action="store_true", help="print unchanged benchmarks too")
    known = parser.parse_args()
    names = known.before, known.after
    pair = [run.git("rev-parse", f"{name}^{{commit}}").strip() for name in names]
    run.warn_of_changes()
    with tempfile.TemporaryDirectory(prefix="fastopt-compare-") as folder:
        measure = Measure(pair, folder)
        found = measure(known.bench, known.rounds)
        if not found:
            sys.exit("No benchmark of that name was measured at both commits")
        half = known.factor**0.5
        doubtful = [name for name, values in found.items() if differ(*values, half)]
        if doubtful:
            print(f"Measured again: {len(doubtful)} of {len(found)}")
            exactly = [f"^{re.escape(name)}$" for name in doubtful]
            found |= measure(exactly, 2 * known.rounds)
        return measure.table(found, known.factor, known.all)


def differ(before, after, factor):
    """Return True if the ratio is above `factor`, or if one value is None (a failure)."""
    if before is None or after is None:
        return before is not after
    return max(before, after) > factor * min(before, after)


class Measure:
    """A measurement of a pair of commits by asv, with its own results in a folder."""

    def __init__(self, pair, folder):
        from asv.config import Config

        from .dashboard import plugin  # noqa: F401 (it adds the type of environment)

        os.chdir(run.CONFIG.parent)
        self.pair, self.folder, self.machine = pair, folder, run.machine()
        self.conf, self.params = Config.load(str(run.CONFIG)), {}

    def __call__(self, bench, rounds):
        """Return the values of both commits after some rounds, by name with parameters."""
        values = [{}, {}]
        for k in range(rounds):
            for which in (0, 1) if k % 2 == 0 else (1, 0):
                print(f"Round {k + 1} of {rounds}, {self.pair[which][:8]}", flush=True)
                for name, value in self.once(self.pair[which], bench):
                    values[which].setdefault(name, []).append(value)
        both = values[0].keys() & values[1].keys()
        return {name: (quartile(values[0][name]), quartile(values[1][name])) for name in both}

    def once(self, commit, bench):
        """Yield pairs of name and value, after one run of asv."""
        from asv.commands.compare import unroll_result
        from asv.commands.run import Run
        from asv.results import iter_results

        self.conf.results_dir = tempfile.mkdtemp(dir=self.folder)
        options = {"bench": bench, "attribute": {"rounds": 1}, "machine": self.machine}
        Run.run(self.conf, range_spec=[commit], **options)
        (result,) = iter_results(self.conf.results_dir)
        for key in result.get_all_result_keys():
            params = self.params[key] = result.get_result_params(key)
            for name, value in unroll_result(key, params, result.get_result_value(key, params)):
                if value is None or not math.isnan(value):  # nan: n/a, or not selected
                    yield name, value

    def table(self, found, factor, everything):
        """Print asv's table of the changes; return 1 if something got worse."""
        from asv.commands.compare import Compare, unroll_result

        def rows(which):
            for key, params in self.params.items():
                names = [name for name, _ in unroll_result(key, params, None)]
                values = [found.get(name, (math.nan, math.nan))[which] for name in names]
                yield key, params, values, None, None, None, self.machine, "present"

        worse, _ = Compare.print_table(
            self.conf,
            *self.pair,
            factor,
            split=False,
            resultset_1=rows(0),
            resultset_2=rows(1),
            only_changed=not everything,
            sort="ratio",
        )
        ratios = [b / a for a, b in found.values() if a and b and not differ(a, b, factor)]
        if ratios:
            between = f"{min(ratios):.2f} and {max(ratios):.2f}"
            print(f"Not changed: {len(ratios)}, ratios between {between}")
        print("Something got worse" if worse else "Nothing got worse")
        return int(worse)


def quartile(values):
    """Return the lower quartile of the rounds that did not fail; None if all failed."""
    numbers = sorted(value for value in values if value is not None)
    return numbers[(len(numbers) - 1) // 4] if numbers else None


if __name__ == "__main__":
    sys.exit(main())

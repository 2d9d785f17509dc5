"""A command: checks thousands of random programs in reverse mode, and prints what is wrong.

See `loop_programs` and `slice_programs` for what it takes.
"""

import collections
import sys
import time
import warnings

import loop_programs
import slice_programs


def check(seed):
    """Return what is wrong with the program of a seed, and its source."""
    if "--arrays" in sys.argv:
        return slice_programs.check_arrays(seed)
    how = {name: f"--{name}" in sys.argv for name in ("buffers", "states")}
    kind = slice_programs.Writer if "--slices" in sys.argv else loop_programs.Writer
    return loop_programs.check(seed, both="--tape" not in sys.argv, **how, kind=kind)


if __name__ == "__main__":
    count, first = int(sys.argv[1]), int(sys.argv[2])
    warnings.simplefilter("ignore")
    found, began = collections.Counter(), time.process_time()
    for seed in range(first, first + count):
        wrong, source = check(seed)
        found[wrong.partition(": ")[0] or "right"] += 1
        if wrong.startswith("refused") and "--reasons" in sys.argv:
            found[wrong[:120]] += 1
        if wrong and not wrong.startswith(("refused", "skipped")):
            print(f"# seed {seed}: {wrong}\n{source[source.index('def fun(') :]}")
    print(dict(found.most_common(40)), f"{time.process_time() - began:.0f} s")

"""The progress bar of ``disp=True``: tqdm, if it is installed."""

import math
import threading

from fastopt.compiling import compiler
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts

LONG = 1.0  # seconds of compiling after which a message explains the wait
EVERY = 0.1  # seconds between two checks


def bar(**options):
    """Return a tqdm bar; if tqdm is not installed, print a hint and return None."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        print("No progress bar: pip install tqdm")
        return None
    with DelayedInterrupts():  # tqdm uses locks
        return tqdm(**options)


class Progress:
    """A progress bar of iterations, or of evaluations if only those are limited."""

    def __init__(self, shown, limits):
        self.bar = None
        if shown:
            self.by_nit = limits.maxiter < math.inf
            total = limits.maxiter if self.by_nit else limits.maxfev
            unit = "it" if self.by_nit else "ev"
            self.bar = bar(total=None if total == math.inf else int(total), unit=unit)

    def update(self, run):
        if self.bar is not None:
            with DelayedInterrupts():
                self.bar.set_postfix(f=f"{run.f:.6g}", refresh=False)
                self.bar.update(int(run.nit if self.by_nit else run.nfev) - self.bar.n)

    def close(self):
        if self.bar is not None:
            with DelayedInterrupts():
                self.bar.close()


class Counter:
    """A progress bar of the problems of a batch, or of rows of data."""

    def __init__(self, shown, total, unit="problem"):
        self.bar = bar(total=total, unit=unit, unit_scale=True) if shown else None

    def update(self, done):
        if self.bar is not None:
            with DelayedInterrupts():
                self.bar.update(done - self.bar.n)

    def close(self):
        if self.bar is not None:
            with DelayedInterrupts():
                self.bar.close()


def report(result):
    """Print a summary of a run in SciPy's format."""
    print(result.message)
    print(f"         Current function value: {result.fun:g}")
    print(f"         Iterations: {result.nit}")
    print(f"         Function evaluations: {result.nfev}")
    print(f"         Gradient evaluations: {result.njev}")


class Compiling:
    """A context that prints a message if compiling in it takes over a second."""

    def __init__(self, shown, fun):
        self.fun, self.over = fun, threading.Event() if shown else None

    def __enter__(self):
        if self.over:
            name = getattr(self.fun, "__name__", type(self.fun).__name__)
            threading.Thread(target=_watch, args=(self.over, name), daemon=True).start()

    def __exit__(self, *_):
        if self.over:
            self.over.set()

    __del__ = __exit__  # Ctrl-C may arrive before either method has started


def _watch(over, name):
    """Wait until compiling has taken long, and print one message."""
    while not over.wait(EVERY):
        if compiler.seconds() > LONG:
            print(f"Compiling {name} ... (first call for this function)", flush=True)
            return

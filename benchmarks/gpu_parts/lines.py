"""The output of a part or a peer of the report: a line of JSON for each figure."""

import contextlib
import json
import math


class Lines:
    """Figures of a part, printed at once, so that those of an interrupted part remain."""

    def __init__(self, part):
        self.part = part

    def figure(self, name, value, unit, **more):
        """Print a figure; `value` is a number, or a dict of times from `clock`."""
        if isinstance(value, dict):
            value, more = value["median"], {**{k: value[k] for k in ("low", "high")}, **more}
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
        self.line(name=name, value=float(value), unit=unit, **more)

    def line(self, **what):
        print(json.dumps({"part": self.part, **what}), flush=True)

    @contextlib.contextmanager
    def attempt(self, what):
        """Catch and print an error inside the context, so that the rest goes on."""
        try:
            yield
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            self.line(error=f"{what}: {said[:600]}")


def parse(text):
    """Yield the lines of a part; other output of libraries and partial lines are left out."""
    for line in text.splitlines():
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                yield json.loads(line)

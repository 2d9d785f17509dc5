"""What a part or a peer of the report says: a line of JSON for each figure."""

import contextlib
import json
import math


class Lines:
    """Figures of a part, printed as they come, so that those of a part cut short remain."""

    def __init__(self, part):
        self.part = part

    def figure(self, name, value, unit, **more):
        """`value` is a number, or times as `clock` gives them."""
        if isinstance(value, dict):
            value, more = value["median"], {**{k: value[k] for k in ("low", "high")}, **more}
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
        self.line(name=name, value=float(value), unit=unit, **more)

    def line(self, **what):
        print(json.dumps({"part": self.part, **what}), flush=True)

    @contextlib.contextmanager
    def attempt(self, what):
        """What fails is said, and the rest goes on."""
        try:
            yield
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            self.line(error=f"{what}: {said[:600]}")


def parse(text):
    """The lines of a part; what else a library printed, or a line cut short, is left out."""
    for line in text.splitlines():
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                yield json.loads(line)

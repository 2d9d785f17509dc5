"""The error for functions that reverse mode does not differentiate."""

from typing import Any

from numba import TypingError


class NotReversible(TypingError):
    """A function that reverse mode refuses: `reason` says why, and `line` where."""

    def __init__(self, reason, loc: Any = None):
        self.reason = reason
        self.line = "" if loc is None else loc.strformat().strip()
        place = "" if loc is None else f" (line {loc.line} of {loc.filename})"
        super().__init__(f"fun has no gradient in reverse mode: {reason}{place}")
        self.loc = loc

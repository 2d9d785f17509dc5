"""The parts of a contest: a work, and the programs that enter for it."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Entry:
    """A contestant: a program of `programs/` and the name of its job."""

    name: str
    program: str
    job: str


@dataclasses.dataclass(frozen=True)
class Work:
    """One work. `differs(answer)` returns a text on how an answer is wrong, "" if it is right."""

    name: str
    title: str
    data: Callable[[], dict]
    differs: Callable[[np.ndarray], str]
    entries: tuple[Entry, ...]
    limit: Callable[[], float] | None = None
    whole: bool = False  # whether a turn is a whole process

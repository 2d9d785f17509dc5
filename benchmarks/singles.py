"""Figures of the report that have no peer: they are the suite's own benchmarks, several times."""


def section():
    return []

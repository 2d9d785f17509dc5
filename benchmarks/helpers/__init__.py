"""Helpers that several benchmarks share: clocks, objectives, data, and the limits in C."""

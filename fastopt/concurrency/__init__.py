"""Signals and threads kept away from what must not be left halfway."""

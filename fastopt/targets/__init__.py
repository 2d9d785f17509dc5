"""Targets: thin loops around the shared mathematics. `cuda` is imported only when asked for."""

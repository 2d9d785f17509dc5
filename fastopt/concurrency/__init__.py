"""Protection of critical sections from signals and threads."""

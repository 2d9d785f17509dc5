"""Intervals of a fit's parameters: by its profile, and by the bootstrap, as batches of refits."""

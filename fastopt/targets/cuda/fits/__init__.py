"""Batches of fits on a GPU."""

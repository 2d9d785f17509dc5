"""Runs of `minimize_stochastic`: their arrays, their slices, and the results of their epochs."""

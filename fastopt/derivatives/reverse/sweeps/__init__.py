"""The forward and the reverse sweep, as code for Numba."""

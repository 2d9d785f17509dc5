"""Prepared solvers: one call in compiled code, its memory, and its Numba type."""

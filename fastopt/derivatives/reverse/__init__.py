"""Reverse mode: gradients by a transformation of Numba's intermediate code."""

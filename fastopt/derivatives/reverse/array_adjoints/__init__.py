"""Adjoints of NumPy's functions of arrays: the reverse of each, as a plain function of NumPy."""

"""NumPy's functions, methods and attributes for what depends on x."""

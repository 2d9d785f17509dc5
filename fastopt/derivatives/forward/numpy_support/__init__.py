"""NumPy's functions, methods and attributes for numbers and arrays that depend on x."""

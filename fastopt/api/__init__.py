"""Public functions, one in each file: signature, docstring, checks, and the call of a driver."""

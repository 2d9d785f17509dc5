"""Front doors, one a file: signature, docstring, checks, and the way to a driver."""

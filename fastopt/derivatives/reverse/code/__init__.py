"""A user's function as blocks of operations: its loops, tuples, arrays and what depends on x."""

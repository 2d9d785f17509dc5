"""Reverse mode of plain Python: a tape of operations, for code that is not compiled."""

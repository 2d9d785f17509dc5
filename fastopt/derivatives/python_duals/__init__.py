"""Dual numbers of plain Python, for code that no compiler sees."""

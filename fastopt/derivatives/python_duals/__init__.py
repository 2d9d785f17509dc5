"""Dual numbers of plain Python, for code that is not compiled."""

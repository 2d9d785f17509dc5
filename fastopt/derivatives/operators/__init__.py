"""Operators on duals and on arrays of them: arithmetic, array expressions as loops."""

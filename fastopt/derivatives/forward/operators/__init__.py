"""Operators on duals and on arrays of them: arithmetic, and array expressions as loops."""

"""Low-level parts that both targets share: intrinsics, rows of arrays, steps, constants."""

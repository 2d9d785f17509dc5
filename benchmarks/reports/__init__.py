"""Reports of measurements: their tables and pictures."""

"""Array expressions that need no arrays, for CUDA and for what no code changes."""

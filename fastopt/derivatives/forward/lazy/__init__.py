"""Array expressions that need no arrays, for CUDA and for arrays that no code changes."""

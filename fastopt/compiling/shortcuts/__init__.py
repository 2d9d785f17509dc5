"""Work of Numba's and numba-cuda's that nobody reads, left out while fastopt compiles."""

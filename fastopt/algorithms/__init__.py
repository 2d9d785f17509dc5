"""The mathematics of a solve, once for the interpreter, the CPU and CUDA: no Numba, no target."""

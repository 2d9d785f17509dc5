"""CUDA: kernels, memory, launches. Empty, since the target is imported late."""

"""The CUDA target: kernels, memory, launches. Empty, since the target is imported late."""

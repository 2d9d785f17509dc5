"""The adjoint of each operation."""

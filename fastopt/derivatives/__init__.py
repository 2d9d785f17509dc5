"""Gradients of the user's functions, and messages for functions without one."""

"""Gradients of the user's functions, and what to say where there is none."""

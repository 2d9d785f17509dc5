"""Optimizer objects for those who own the loop: steps, state, conventions of other libraries."""

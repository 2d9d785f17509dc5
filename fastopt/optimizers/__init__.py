"""Optimizer objects for users with a loop of their own: steps, state, other libraries' styles."""

"""The loops of `minimize_stochastic`: compiled code, its memory, and its threads."""

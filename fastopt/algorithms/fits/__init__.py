"""Least squares: damped Gauss-Newton steps, whose damping has the diagonal of an update rule."""

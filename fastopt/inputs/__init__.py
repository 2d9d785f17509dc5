"""What the user gives, checked and made ready: starts, bounds, options, data."""

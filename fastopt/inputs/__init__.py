"""Checks and conversion of the user's arguments: starts, bounds, options, data."""

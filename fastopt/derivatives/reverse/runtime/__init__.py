"""Compiled helpers of both sweeps: the store, arrays and shadows."""

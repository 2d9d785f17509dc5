"""Tests that tell minima from failures, at points where no step reduces f."""

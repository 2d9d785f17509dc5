"""Fits: residuals and curves as objectives, one problem during its run, and batches."""

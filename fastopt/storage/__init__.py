"""Files for the user, and the digests that identify the problem of a checkpoint."""

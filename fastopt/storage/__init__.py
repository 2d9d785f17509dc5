"""Files the user sees, and the digests that say to which problem a checkpoint belongs."""

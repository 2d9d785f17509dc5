"""Contests: the same work by us, by peers and at the limit, in turn, each in its own process."""

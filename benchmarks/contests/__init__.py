"""Contests: the same work by us, by peers and at the limit, in turn, in processes of their own."""

"""Steps of optimizer objects over arrays of the host."""

"""Steps of optimizer objects over arrays on a device."""

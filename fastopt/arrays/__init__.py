"""Arrays and their rows, on the host or on a device, and arguments for compiled code."""

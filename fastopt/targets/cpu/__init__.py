"""The CPU: loops in threads, steps over arrays, objectives called by their addresses."""

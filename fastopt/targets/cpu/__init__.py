"""The CPU target: loops in threads, steps over arrays, objectives called by address."""

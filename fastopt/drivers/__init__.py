"""Python around compiled loops: clock, callback, Ctrl-C, checkpoints, threads, executors."""

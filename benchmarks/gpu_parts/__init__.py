"""The parts of gpu_report.py, each run in its own process; their output is lines of JSON."""

"""The parts of gpu_report.py, each run in a process of its own; what they find is lines of JSON."""

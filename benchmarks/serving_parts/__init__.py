"""The parts of `benchmarks/serving.py`, one a module."""

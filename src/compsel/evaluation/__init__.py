"""Evaluate: the oracle, baselines, metrics, and the comparison on the real runtime."""

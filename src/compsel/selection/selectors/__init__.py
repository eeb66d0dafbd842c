"""Selectors over features of the input, and the baselines."""

"""Measure: quality of variants, features of samples, cost of choices."""

"""Quantisation: calibration, ranges, rounding, QDQ graphs."""

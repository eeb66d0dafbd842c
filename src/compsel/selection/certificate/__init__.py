"""Promises that a bundle carries, from distribution-free risk control over the operating points of a cascade."""

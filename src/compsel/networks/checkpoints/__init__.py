"""Weights files, read without executing anything in them."""

"""Structured pruning of channels: which are coupled, in which order they can go, and their removal."""

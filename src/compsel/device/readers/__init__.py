"""Readings of a machine: one reader an operating system."""

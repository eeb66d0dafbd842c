"""Characterisation: compression techniques side by side, measured and written as tables and pictures."""

"""Compression techniques side by side: measured, judged, written down."""

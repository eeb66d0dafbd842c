"""Weights in other forms: storage, encodings, clusters."""

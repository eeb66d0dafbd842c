"""Texts: tokenizers, and how a text becomes the tensors of a model."""

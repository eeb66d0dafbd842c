"""Bundles that are signed: the OpenSSF model-signing format, by its library."""

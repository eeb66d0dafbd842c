"""Machinery of `float16`: which control flow stays in float32, and casts that lead nowhere."""

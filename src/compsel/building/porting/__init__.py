"""A bundle for another device, with few measurements."""

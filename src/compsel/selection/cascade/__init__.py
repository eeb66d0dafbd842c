"""The cascade: run a cheap variant, read its answer, stop or escalate."""

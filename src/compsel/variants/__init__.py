"""A variant on disk: made, verified, written, opened as an engine."""

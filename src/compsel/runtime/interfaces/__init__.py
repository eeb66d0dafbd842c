"""The faces of other libraries that a runtime shows."""

"""The bundle: its format, written, checked, loaded."""

"""Parts of `large_tables.py`."""

"""Files that are whole or absent: JSON, Parquet, checkpoints of long work."""

"""Files that are complete or absent: JSON, Parquet, checkpoints of long work."""

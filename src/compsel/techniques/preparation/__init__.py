"""What techniques do before and after: folding, statistics of layers, their correction."""

"""Statistics of the values inside a graph, measured on calibration samples, and their correction."""

"""Prepare a graph for compression: fold batch norms, merge paddings, give layers biases of their own."""

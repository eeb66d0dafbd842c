"""Low-rank factorisation: the decompositions, and the replacement of a layer by several smaller ones."""

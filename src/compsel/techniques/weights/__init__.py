"""Weight storage: encodings that the graph decodes, bit packing, clustering."""

"""Images: encoded files to arrays, arrays to the tensors of a model."""

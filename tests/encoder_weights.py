"""Checkpoints of encoders, made here: random weights under the names and in the layout of Hugging Face."""

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.model import Model

Arrays = dict[str, np.ndarray]


def published(model: Model, seed: int = 5) -> Arrays:
    """Return random arrays, none of them 0 or 1, under the names and shapes of Hugging Face's checkpoint."""
    generator = np.random.default_rng(seed)
    arrays = {}
    for tensor in model.proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.dims:
            value = numpy_helper.to_array(tensor)
            value = value.T if value.ndim == 2 and "embeddings" not in tensor.name else value
            arrays[tensor.name] = (value + generator.normal(0, 0.05, value.shape)).astype(np.float32)
    return arrays

"""Shapes of all values of a graph for one sample, so that work can be counted."""

from collections.abc import Mapping

import numpy as np
import onnx

from compsel.models.editable import EditableGraph
from compsel.models.editing import infer_types

__all__ = ["sample_shapes"]


def sample_shapes(draft: EditableGraph, feeds: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """Infer the shape of every value when the graph is fed with `feeds`; values with an unknown axis are left out.

    >>> from compsel.networks import build
    >>> from compsel.models.editing import editable
    >>> draft = editable(build("mobilenet-v1", width=0.25, resolution=32))
    >>> sample_shapes(draft, {"input": np.zeros((1, 3, 32, 32), np.float32)})["input"]
    (1, 3, 32, 32)
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(draft.proto)
    del fixed.graph.value_info[:]
    for value in fixed.graph.input:
        if value.name in feeds:
            axes = value.type.tensor_type.shape.dim
            for axis, length in zip(axes, np.shape(feeds[value.name]), strict=True):
                axis.ClearField("dim_param")
                axis.dim_value = length
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    found = {}
    for name, value in infer_types(EditableGraph(fixed, draft.lent)).items():
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
            axes = value.type.tensor_type.shape.dim
            if all(axis.HasField("dim_value") for axis in axes):
                found[name] = tuple(axis.dim_value for axis in axes)
    return found

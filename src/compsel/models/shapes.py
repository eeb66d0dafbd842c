"""Types and shapes of the values of a graph, inferred without its weights."""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import shape_inference

from compsel.errors import NotApplicableError
from compsel.models.editable_graph import EditableGraph
from compsel.models.ort_errors import first_line

__all__ = ["float_values", "infer_types", "sample_shapes"]


def infer_types(editable: EditableGraph) -> dict[str, onnx.ValueInfoProto]:
    """Return element type and shape of every value that shape inference finds, inputs and outputs included.

    Raises:
        NotApplicableError: shape inference fails.
    """
    try:
        inferred = shape_inference.infer_shapes(editable.proto, data_prop=True).graph
    except (shape_inference.InferenceError, RuntimeError) as error:
        raise NotApplicableError(f"the types inside the graph cannot be inferred ({first_line(error)})") from error
    return {value.name: value for values in (inferred.value_info, inferred.output, inferred.input) for value in values}


def float_values(types: Mapping[str, onnx.ValueInfoProto]) -> set[str]:
    """Return the names of the float32 values among those of `infer_types`."""
    return {name for name, info in types.items() if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}


def sample_shapes(editable: EditableGraph, feeds: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """Infer the shape of every value when the graph is fed with `feeds`; values with an unknown axis are left out.

    >>> from compsel.networks import build
    >>> from compsel.models.editing import edit_graph
    >>> editable = edit_graph(build("mobilenet-v1", width=0.25, resolution=32))
    >>> sample_shapes(editable, {"input": np.zeros((1, 3, 32, 32), np.float32)})["input"]
    (1, 3, 32, 32)
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(editable.proto)
    del fixed.graph.value_info[:]
    for value in fixed.graph.input:
        if value.name in feeds:
            axes = value.type.tensor_type.shape.dim
            for axis, length in zip(axes, np.shape(feeds[value.name]), strict=True):
                axis.ClearField("dim_param")
                axis.dim_value = length
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    shapes = {}
    for name, value in infer_types(EditableGraph(fixed, editable.borrowed)).items():
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
            axes = value.type.tensor_type.shape.dim
            if all(axis.HasField("dim_value") for axis in axes):
                shapes[name] = tuple(axis.dim_value for axis in axes)
    return shapes

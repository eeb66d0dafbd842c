"""A linear head as the last layer of a graph: put there, found again, fitted anew."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from compsel.errors import TechniqueError
from compsel.models.editable_graph import EditableGraph, add_constant
from compsel.models.model import Model
from compsel.techniques.heads.softmax_regression import LinearHead

__all__ = ["add_head", "has_head", "head_input", "replace_head"]

_WEIGHT, _BIAS = "compsel_head.weight", "compsel_head.bias"


def add_head(editable: EditableGraph, features: str, head: LinearHead, output: str) -> None:
    """Add a head on a tensor (n, features); its scores become the only output."""
    graph = editable.graph
    add_constant(graph, _WEIGHT, head.weights)
    add_constant(graph, _BIAS, head.bias)
    graph.node.append(helper.make_node("Gemm", [features, _WEIGHT, _BIAS], [output], "compsel_head"))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", len(head.bias)]))


def has_head(model: Model) -> bool:
    """Whether the last layer of a model is a head that can be fitted anew."""
    return any(node.op_type == "Gemm" and node.input[1] == _WEIGHT for node in model.proto.graph.node)


def head_input(model: Model) -> str:
    """Return the name of the tensor that the head of a model reads.

    Raises:
        TechniqueError: it has no such head, or no longer.
    """
    for node in model.proto.graph.node:
        if node.op_type == "Gemm" and node.input[1] == _WEIGHT:
            return str(node.input[0])
    raise TechniqueError(
        f"{model.name!r}: has no head that can be fitted anew: it was compressed after it had learned; "
        "fit the uncompressed model anew, and compress that"
    )


def replace_head(model: Model, head: LinearHead) -> Model:
    """Return a model with another head of the same shape."""
    proto = model.copy_proto()
    for tensor in proto.graph.initializer:
        if tensor.name in (_WEIGHT, _BIAS):
            values = head.weights if tensor.name == _WEIGHT else head.bias
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
    return model.with_proto(proto)

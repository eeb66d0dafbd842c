"""Weights in their plain form: constants that layers read directly, and products without factors.

Exporters write weights behind a Transpose (a dense layer of PyTorch), a Reshape, a Cast from float16, and products with
factors. A runtime computes them while it loads the model; what changes weights has to see them as layers read them.
"""

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from compsel.models.editable_graph import EditableGraph, add_constant, replace_nodes
from compsel.models.graph_queries import attribute, constants, is_standard, uses
from compsel.models.layers import bias_name, is_float
from compsel.models.moved_axes import MovedAxes
from compsel.models.weights import read_weights

__all__ = ["make_weights_plain"]

_HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
_MOVES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten")
_UNIT = 1.0


def make_weights_plain(editable: EditableGraph) -> None:
    """Compute weights that are moved or converted before layers read them, and put factors into weights, in place.

    What somebody else reads too stays as it is: a table of embeddings that is also the last layer is held once. So do
    weights that are stored as integers.
    """
    _compute_moved(editable)
    for node in editable.graph.node:
        if is_standard(node, "Gemm"):
            _absorb_factors(editable, node)


def _compute_moved(editable: EditableGraph) -> None:
    graph = editable.graph
    weights, counter = constants(graph), uses(graph)
    chains = [weight.readers[0].chain for weight in read_weights(editable).values() if not weight.others]
    gone: set[str] = set()
    for chain in chains:
        for node in chain:
            tensor = weights.get(node.input[0])
            values = _computed(editable, node, tensor) if tensor is not None and counter[tensor.name] == 1 else None
            if values is None:
                break
            weights[node.output[0]] = add_constant(graph, node.output[0], np.ascontiguousarray(values))
            gone.add(node.output[0])
    replace_nodes(graph, [node for node in graph.node if node.output[0] not in gone])


def _computed(editable: EditableGraph, node: onnx.NodeProto, tensor: onnx.TensorProto) -> np.ndarray | None:
    """Return what an operator makes of a constant; None for those that stay."""
    if is_standard(node, "Identity"):
        return editable.array(tensor)
    if is_standard(node, "Cast"):
        halves = tensor.data_type in _HALVES and attribute(node, "to") == TensorProto.FLOAT
        return editable.array(tensor).astype(np.float32) if halves else None
    if is_standard(node, "Transpose"):
        return editable.array(tensor).transpose(attribute(node, "perm"))
    if not is_standard(node, *_MOVES):
        return None
    weights = constants(editable.graph)
    settings = [editable.array(weights[name]) if name in weights else None for name in node.input[1:]]
    axes = MovedAxes.of(tuple(tensor.dims)).through(node, settings)
    return None if axes is None else editable.array(tensor).reshape(axes.shape)


def _absorb_factors(editable: EditableGraph, node: onnx.NodeProto) -> None:
    """Multiply `alpha` into the weight of a Gemm and `beta` into its bias, where these are constants of its own."""
    weights, counter = constants(editable.graph), uses(editable.graph)
    for name, factor in ((node.input[1], "alpha"), (bias_name(node), "beta")):
        value = float(attribute(node, factor, _UNIT))
        tensor = weights.get(name)
        own = tensor is not None and is_float(tensor) and counter[name] == 1
        if value == _UNIT or (name and not own) or not np.isfinite(value):
            continue
        if tensor is not None:
            values = editable.array(tensor) * np.float32(value)
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(values, np.float32), name))
        kept = [entry for entry in node.attribute if entry.name != factor]
        del node.attribute[:]
        node.attribute.extend(kept)

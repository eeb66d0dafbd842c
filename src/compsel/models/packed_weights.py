"""Weights that a graph holds in a packed form: recognised by the names of their nodes, unpacked, scaled.

`compsel.techniques.weights.encoding` writes them.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compsel.errors import ModelError
from compsel.models.editable_graph import EditableGraph, add_constant, replace_nodes
from compsel.models.graph_queries import constants
from compsel.models.graph_session import open_session
from compsel.models.weights import output_channels

__all__ = ["PREFIX", "STEPS", "make_dense", "scale_channels"]

PREFIX = "compsel.unpack/"
STEPS = "steps"


def scale_channels(editable: EditableGraph, node: onnx.NodeProto, gain: np.ndarray) -> None:
    """Multiply each output channel of a layer's weight, however it is stored, in place.

    Args:
        editable: the graph.
        node: the layer.
        gain: float32 (channels,).
    """
    graph, name = editable.graph, node.input[1]
    weights = constants(graph)
    steps = weights.get(f"{PREFIX}{name}/{STEPS}")
    if name in weights:
        weight = editable.array(weights[name])
        scaled = weight * _factors(node, weight.shape, gain)
        weights[name].CopyFrom(numpy_helper.from_array(scaled.astype(weight.dtype), name))
    elif steps is not None:
        values = editable.array(steps)
        scaled = values * np.repeat(gain, len(values) // len(gain)).reshape(values.shape)
        steps.CopyFrom(numpy_helper.from_array(scaled.astype(values.dtype), steps.name))
    else:
        index, last = next((index, node) for index, node in enumerate(graph.node) if name in node.output)
        shape = tuple(int(size) for size in editable.array(weights[last.input[1]]))
        unscaled, factor = f"{PREFIX}{name}/plain", f"{PREFIX}{name}/gain"
        last.output[0] = unscaled
        add_constant(graph, factor, _factors(node, shape, gain))
        graph.node.insert(index + 1, helper.make_node("Mul", [unscaled, factor], [name], f"{PREFIX}{name}/scaled"))


def _factors(node: onnx.NodeProto, shape: tuple[int, ...], gain: np.ndarray) -> np.ndarray:
    layout = output_channels(node, 1, shape)
    assert layout is not None
    return np.ascontiguousarray(layout.factors(gain))


def make_dense(editable: EditableGraph) -> EditableGraph:
    """Unpack the weights of a graph that `PackedWeightWriter` wrote, one at a time and in place, and return it."""
    graph = editable.graph
    producers = {node.output[0]: node for node in graph.node if node.name.startswith(PREFIX)}
    if not producers:
        return editable
    packed = constants(graph)
    for name in [output for output in producers if not output.startswith(PREFIX)]:
        add_constant(graph, name, _compute(editable, name, producers, packed))
    replace_nodes(graph, [node for node in graph.node if not node.name.startswith(PREFIX)])
    for name, tensor in packed.items():
        if name.startswith(PREFIX):
            graph.initializer.remove(tensor)
    return editable


def _compute(
    editable: EditableGraph, name: str, producers: dict[str, onnx.NodeProto], packed: dict[str, onnx.TensorProto]
) -> np.ndarray:
    """Return what the operators before a value compute from their constants."""
    needed: set[str] = set()
    inputs: dict[str, onnx.TensorProto] = {}
    pending = [name]
    while pending:
        value = pending.pop()
        if value in producers and value not in needed:
            needed.add(value)
            pending.extend(producers[value].input)
        elif value in packed:
            inputs[value] = packed[value]
    output = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
    nodes = [node for value, node in producers.items() if value in needed]
    graph = helper.make_graph(nodes, "unpack", [], [output], list(inputs.values()))
    proto = helper.make_model(graph, opset_imports=editable.proto.opset_import, ir_version=editable.proto.ir_version)
    try:
        return np.asarray(open_session(EditableGraph(proto, editable.borrowed), optimise=False).run(None, {})[0])
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ModelError(f"{name}: its compact form cannot be unpacked ({error}): compress the model again") from error

"""Weights that a graph holds in a packed form: recognised by the names of their nodes, unpacked, scaled.

`compsel.techniques.weights.encoding` writes them.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compsel.errors import ModelError
from compsel.models.editable import EditableGraph
from compsel.models.graph_session import open_session

__all__ = ["PREFIX", "STEPS", "make_dense", "scale_channels"]

PREFIX = "compsel.unpack/"
STEPS = "steps"


def scale_channels(draft: EditableGraph, name: str, gain: np.ndarray) -> None:
    """Multiply each output channel of a convolution's weight, however it is stored, in place.

    Args:
        draft: the graph.
        name: of the weight (out, in, ...).
        gain: float32 (out,).
    """
    graph = draft.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    steps = stored.get(f"{PREFIX}{name}/{STEPS}")
    if name in stored:
        weight = draft.array(stored[name])
        scaled = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
        stored[name].CopyFrom(numpy_helper.from_array(scaled.astype(weight.dtype), name))
    elif steps is not None:
        values = draft.array(steps)
        scaled = values * np.repeat(gain, len(values) // len(gain)).reshape(values.shape)
        steps.CopyFrom(numpy_helper.from_array(scaled.astype(values.dtype), steps.name))
    else:
        index, last = next((index, node) for index, node in enumerate(graph.node) if name in node.output)
        shape = next(tensor for tensor in graph.initializer if tensor.name == last.input[1]).dims[0]
        plain, factor = f"{PREFIX}{name}/plain", f"{PREFIX}{name}/gain"
        last.output[0] = plain
        graph.initializer.append(numpy_helper.from_array(gain.reshape(-1, *[1] * (shape - 1)), factor))
        graph.node.insert(index + 1, helper.make_node("Mul", [plain, factor], [name], f"{PREFIX}{name}/scaled"))


def make_dense(draft: EditableGraph) -> EditableGraph:
    """Unpack the weights of a graph that `PackedWeightWriter` wrote, one at a time and in place, and return it."""
    graph = draft.graph
    makers = {node.output[0]: node for node in graph.node if node.name.startswith(PREFIX)}
    if not makers:
        return draft
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for name in [output for output in makers if not output.startswith(PREFIX)]:
        weight = _compute(draft, name, makers, stored)
        graph.initializer.append(numpy_helper.from_array(weight, name))
    own = [node for node in graph.node if not node.name.startswith(PREFIX)]
    merged = onnx.GraphProto(node=own)
    del graph.node[:]
    graph.node.extend(merged.node)
    for name, tensor in stored.items():
        if name.startswith(PREFIX):
            graph.initializer.remove(tensor)
    return draft


def _compute(
    draft: EditableGraph, name: str, makers: dict[str, onnx.NodeProto], stored: dict[str, onnx.TensorProto]
) -> np.ndarray:
    """Return what the operators before a value make of their constants."""
    wanted: set[str] = set()
    constants: dict[str, onnx.TensorProto] = {}
    pending = [name]
    while pending:
        value = pending.pop()
        if value in makers and value not in wanted:
            wanted.add(value)
            pending.extend(makers[value].input)
        elif value in stored:
            constants[value] = stored[value]
    output = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
    nodes = [node for value, node in makers.items() if value in wanted]
    graph = helper.make_graph(nodes, "unpack", [], [output], list(constants.values()))
    proto = helper.make_model(graph, opset_imports=draft.proto.opset_import, ir_version=draft.proto.ir_version)
    try:
        return np.asarray(open_session(EditableGraph(proto, draft.lent), optimise=False).run(None, {})[0])
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ModelError(f"{name}: its compact form cannot be unpacked ({error}): compress the model again") from error

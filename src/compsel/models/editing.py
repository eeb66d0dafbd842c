"""Edit ONNX graphs: open one for editing, replace, sort and remove nodes."""

from collections import Counter
from graphlib import TopologicalSorter

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.editable_graph import EditableGraph, add_constant, borrow, fresh_name, replace_nodes
from compsel.models.graph_outputs import drop_repeated_outputs, make_outputs_by_nodes
from compsel.models.graph_queries import captured_names, is_standard, node_inputs
from compsel.models.model import Model
from compsel.models.packed_weights import make_dense

__all__ = ["edit_graph", "normalise", "remove_unused", "set_attribute", "sort_nodes"]

# the first file format in which a weight need not be an input too
_IR_WITH_PLAIN_WEIGHTS = 4


def edit_graph(model: Model) -> EditableGraph:
    """Return the graph in the form that techniques edit: every node named, every constant an initializer.

    Weights that older files also list as inputs (defaults that a caller may override) become plain weights, and so do
    sparse ones and those that another technique stored in a compact form. The large weights stay where they are (see
    `EditableGraph`). Outputs are listed once, and each is made by a node (`compsel.models.graph_outputs`).
    """
    editable = borrow(model.proto)
    editable.proto.metadata_props.extend(model.proto.metadata_props)
    graph = editable.proto.graph
    weights = {initializer.name for initializer in graph.initializer}
    if any(value.name in weights for value in graph.input):
        kept = [value for value in graph.input if value.name not in weights]
        del graph.input[:]
        graph.input.extend(kept)
    editable.proto.ir_version = max(editable.proto.ir_version, _IR_WITH_PLAIN_WEIGHTS)
    drop_repeated_outputs(graph)
    _make_sparse_dense(graph)
    normalise(graph)
    make_outputs_by_nodes(graph)
    return make_dense(editable)


def normalise(graph: onnx.GraphProto) -> None:
    """Name every node, and make every constant an initializer, in place."""
    _constants_to_initializers(graph)
    _name_nodes(graph)


def set_attribute(node: onnx.NodeProto, name: str, value: object) -> None:
    """Set an attribute, or remove it when `value` is None."""
    kept = [entry for entry in node.attribute if entry.name != name]
    if value is not None:
        kept.append(onnx.helper.make_attribute(name, value))
    del node.attribute[:]
    node.attribute.extend(kept)


def remove_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes with unused outputs, then unused weights and type annotations.

    The nodes must be in order (`sort_nodes`).
    """
    needed = {value.name for value in graph.output} | captured_names(graph)
    kept = []
    for node in reversed(graph.node):
        if any(name in needed for name in node.output if name):
            needed.update(node.input)
            kept.append(node)
    replace_nodes(graph, reversed(kept))
    for index in range(len(graph.initializer) - 1, -1, -1):
        if graph.initializer[index].name not in needed:
            del graph.initializer[index]
    produced = {name for node in graph.node for name in node.output}
    for index in range(len(graph.value_info) - 1, -1, -1):
        if graph.value_info[index].name not in produced:
            del graph.value_info[index]


def sort_nodes(graph: onnx.GraphProto) -> None:
    """Put the nodes into an order in which every value is made before it is read; otherwise the order stays."""
    nodes = list(graph.node)
    producers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    sorter = TopologicalSorter(
        {
            index: {producers[name] for name in node_inputs(node) if name in producers}
            for index, node in enumerate(nodes)
        }
    )
    sorter.prepare()
    order: list[int] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    replace_nodes(graph, [nodes[index] for index in order])


def _make_sparse_dense(graph: onnx.GraphProto) -> None:
    for sparse in graph.sparse_initializer:
        values = numpy_helper.to_array(sparse.values)
        dense = np.zeros(tuple(sparse.dims), values.dtype)
        indices = numpy_helper.to_array(sparse.indices)
        # positions in the flat tensor, or one index for each axis
        dense[np.unravel_index(indices, dense.shape) if indices.ndim == 1 else tuple(indices.T)] = values
        add_constant(graph, sparse.values.name, dense)
    del graph.sparse_initializer[:]


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    outputs = {value.name for value in graph.output}
    nodes = []
    for node in graph.node:
        tensor = _constant_value(node) if is_standard(node, "Constant") and node.output[0] not in outputs else None
        if tensor is None:
            nodes.append(node)
        else:
            graph.initializer.add().CopyFrom(tensor)
            graph.initializer[-1].name = node.output[0]
    replace_nodes(graph, nodes)


def _constant_value(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """Return what a Constant holds, None for kinds that are no plain tensor (strings, sparse ones)."""
    for entry in node.attribute:
        value = onnx.helper.get_attribute_value(entry)
        if entry.name == "value":
            return value if isinstance(value, onnx.TensorProto) else None
        if entry.name in ("value_int", "value_ints"):
            return numpy_helper.from_array(np.array(value, np.int64))
        if entry.name in ("value_float", "value_floats"):
            return numpy_helper.from_array(np.array(value, np.float32))
    return None


def _name_nodes(graph: onnx.GraphProto) -> None:
    taken = Counter(node.name for node in graph.node if node.name)
    for index, node in enumerate(graph.node):
        if node.name and taken[node.name] == 1:
            continue
        node.name = fresh_name(f"{node.op_type}_{index}", taken)
        taken[node.name] += 1

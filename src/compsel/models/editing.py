"""Small tools on ONNX graphs that the techniques share: who uses what, weights as arrays, types without the weights."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference, version_converter

from compsel.errors import NotApplicableError
from compsel.models.editable import EditableGraph, borrow
from compsel.models.model import Model
from compsel.models.packed_weights import make_dense

__all__ = [
    "attribute",
    "captured_names",
    "constants",
    "editable",
    "infer_types",
    "is_standard",
    "output_axis",
    "remove_unused",
    "replace_nodes",
    "set_attribute",
    "sort_nodes",
    "uses",
    "with_opset",
]

# the first file format in which a weight need not be an input too
_IR_WITH_PLAIN_WEIGHTS = 4


def editable(model: Model) -> EditableGraph:
    """Return the graph in the form that techniques edit: every node named, every constant an initializer.

    Weights that older files also list as inputs (defaults that a caller may override) become plain weights, and so do
    those that another technique stored in a compact form. The large weights stay where they are (see `EditableGraph`).
    """
    draft = borrow(model.proto)
    draft.proto.metadata_props.extend(model.proto.metadata_props)
    graph = draft.proto.graph
    weights = {initializer.name for initializer in graph.initializer}
    if any(value.name in weights for value in graph.input):
        kept = [value for value in graph.input if value.name not in weights]
        del graph.input[:]
        graph.input.extend(kept)
    draft.proto.ir_version = max(draft.proto.ir_version, _IR_WITH_PLAIN_WEIGHTS)
    _constants_to_initializers(graph)
    _name_nodes(graph)
    return make_dense(draft)


def uses(graph: onnx.GraphProto) -> Counter[str]:
    """Count how often each value is read: by nodes, by sub-graphs, as an output."""
    counter: Counter[str] = Counter()
    for node in graph.node:
        counter.update(name for name in node.input if name)
    counter.update(captured_names(graph))
    counter.update(value.name for value in graph.output)
    return counter


def captured_names(graph: onnx.GraphProto) -> set[str]:
    """Return the names that sub-graphs (If, Loop, Scan) read, their own included: these values must stay."""
    names: set[str] = set()
    pending = list(_subgraphs(graph))
    while pending:
        inner = pending.pop()
        names.update(name for node in inner.node for name in node.input)
        names.update(value.name for value in inner.output)
        pending.extend(_subgraphs(inner))
    return names


def constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Return the weights of a graph by name."""
    return {initializer.name: initializer for initializer in graph.initializer}


def is_standard(node: onnx.NodeProto, *op_types: str) -> bool:
    """Tell whether a node is one of these operators of the standard set."""
    return node.domain in ("", "ai.onnx") and node.op_type in op_types


def output_axis(node: onnx.NodeProto) -> int | None:
    """Return the axis of a layer's weight that runs over its output channels, None for other operators."""
    if is_standard(node, "Conv"):
        return 0
    if is_standard(node, "Gemm"):
        return 0 if attribute(node, "transB", 0) else 1
    return 1 if is_standard(node, "MatMul") else None


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """Return the value of an attribute, or `default`."""
    for entry in node.attribute:
        if entry.name == name:
            return onnx.helper.get_attribute_value(entry)
    return default


def set_attribute(node: onnx.NodeProto, name: str, value: object) -> None:
    """Set an attribute, or remove it when `value` is None."""
    kept = [entry for entry in node.attribute if entry.name != name]
    if value is not None:
        kept.append(onnx.helper.make_attribute(name, value))
    del node.attribute[:]
    node.attribute.extend(kept)


def remove_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes whose outputs nobody reads, then weights and type annotations that nobody needs.

    The nodes must be in order (`sort_nodes`).
    """
    needed = {value.name for value in graph.output} | captured_names(graph)
    kept = []
    for node in reversed(graph.node):
        if any(name in needed for name in node.output if name):
            needed.update(node.input)
            kept.append(node)
    replace_nodes(graph, list(reversed(kept)))
    for index in range(len(graph.initializer) - 1, -1, -1):
        if graph.initializer[index].name not in needed:
            del graph.initializer[index]
    produced = {name for node in graph.node for name in node.output}
    for index in range(len(graph.value_info) - 1, -1, -1):
        if graph.value_info[index].name not in produced:
            del graph.value_info[index]


def replace_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    """Make these the nodes of a graph."""
    if len(nodes) != len(graph.node):
        copies = onnx.GraphProto(node=nodes)
        del graph.node[:]
        graph.node.extend(copies.node)


def sort_nodes(graph: onnx.GraphProto) -> None:
    """Put the nodes into an order in which every value is made before it is read; otherwise the order stays."""
    produced = {name for node in graph.node for name in node.output}
    ready: set[str] = set()
    waiting: dict[str, list[int]] = {}
    missing: list[int] = []
    nodes = list(graph.node)
    for index, node in enumerate(nodes):
        needs = {name for name in _reads(node) if name in produced}
        missing.append(len(needs))
        for name in needs:
            waiting.setdefault(name, []).append(index)
    order: list[onnx.NodeProto] = []
    pending = [index for index, count in enumerate(missing) if count == 0]
    while pending:
        batch, pending = sorted(pending), []
        for index in batch:
            order.append(nodes[index])
            for name in nodes[index].output:
                if name in ready:
                    continue
                ready.add(name)
                for reader in waiting.get(name, ()):
                    missing[reader] -= 1
                    if missing[reader] == 0:
                        pending.append(reader)
    copies = onnx.GraphProto(node=order)
    del graph.node[:]
    graph.node.extend(copies.node)


def infer_types(draft: EditableGraph) -> dict[str, onnx.ValueInfoProto]:
    """Return element type and shape of every value that shape inference finds, inputs and outputs included.

    Raises:
        NotApplicableError: shape inference fails.
    """
    try:
        inferred = shape_inference.infer_shapes(draft.proto, data_prop=True).graph
    except (shape_inference.InferenceError, RuntimeError) as error:
        raise NotApplicableError(f"the types inside the graph cannot be inferred ({_first_line(error)})") from error
    return {value.name: value for values in (inferred.value_info, inferred.output, inferred.input) for value in values}


def with_opset(draft: EditableGraph, minimum: int) -> EditableGraph:
    """Return the graph at `minimum` or a newer version of the standard operator set.

    Raises:
        NotApplicableError: the converter cannot raise it.
    """
    proto = draft.proto
    current = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if current >= minimum:
        return draft
    reason = f"needs operator set {minimum}, the model has {current} and cannot be raised"
    advice = f"export it with operator set {minimum} or newer"
    try:
        converted = version_converter.convert_version(proto, minimum)
    except (RuntimeError, ValueError) as error:
        raise NotApplicableError(f"{reason} ({_first_line(error)}): {advice}") from error
    if [value.name for value in converted.graph.output] != [value.name for value in proto.graph.output]:
        raise NotApplicableError(f"{reason}: {advice}")
    del converted.metadata_props[:]
    converted.metadata_props.extend(proto.metadata_props)
    converted.ir_version = max(proto.ir_version, converted.ir_version)
    _constants_to_initializers(converted.graph)
    _name_nodes(converted.graph)
    return EditableGraph(converted, draft.lent)


def _subgraphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    for node in graph.node:
        for entry in node.attribute:
            if entry.type == onnx.AttributeProto.GRAPH:
                yield entry.g
            yield from entry.graphs


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    outputs = {value.name for value in graph.output}
    nodes = []
    for node in graph.node:
        value = attribute(node, "value") if is_standard(node, "Constant") else None
        if isinstance(value, onnx.TensorProto) and node.output[0] not in outputs:
            tensor = graph.initializer.add()
            tensor.CopyFrom(value)
            tensor.name = node.output[0]
        elif is_standard(node, "Constant") and node.output[0] not in outputs and _plain_constant(node) is not None:
            graph.initializer.append(numpy_helper.from_array(_plain_constant(node), node.output[0]))
        else:
            nodes.append(node)
    replace_nodes(graph, nodes)


def _plain_constant(node: onnx.NodeProto) -> np.ndarray | None:
    for entry in node.attribute:
        if entry.name in ("value_int", "value_ints"):
            return np.array(onnx.helper.get_attribute_value(entry), np.int64)
        if entry.name in ("value_float", "value_floats"):
            return np.array(onnx.helper.get_attribute_value(entry), np.float32)
    return None


def _name_nodes(graph: onnx.GraphProto) -> None:
    taken = Counter(node.name for node in graph.node if node.name)
    for index, node in enumerate(graph.node):
        if node.name and taken[node.name] == 1:
            continue
        name = f"{node.op_type}_{index}"
        while taken[name]:
            name += "_"
        taken[name] += 1
        node.name = name


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def _reads(node: onnx.NodeProto) -> set[str]:
    names = set(node.input)
    for entry in node.attribute:
        for inner in (*([entry.g] if entry.type == onnx.AttributeProto.GRAPH else []), *entry.graphs):
            made = {name for child in inner.node for name in child.output}
            names |= {name for child in inner.node for name in _reads(child)} - made
            names |= {value.name for value in inner.output} - made
    return names

"""Small tools on ONNX graphs that the techniques share: who uses what, weights as arrays, types without the weights."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference, version_converter

from compsel.errors import NotApplicableError
from compsel.model import Model

__all__ = [
    "attribute",
    "captured_names",
    "constants",
    "editable",
    "infer_types",
    "is_standard",
    "remove_unused",
    "replace_nodes",
    "set_attribute",
    "sort_nodes",
    "uses",
    "with_opset",
]

# tensors above this size take no part in shape inference: shapes and axes are far smaller
_LARGE_ELEMENTS = 1024
# the first file format in which a weight need not be an input too
_IR_WITH_PLAIN_WEIGHTS = 4


def editable(model: Model) -> onnx.ModelProto:
    """Return a copy of the graph in the form that techniques edit: every node named, every constant an initializer.

    Weights that older files also list as inputs (defaults that a caller may override) become plain weights.
    """
    proto = model.copy_proto()
    graph = proto.graph
    weights = {initializer.name for initializer in graph.initializer}
    if any(value.name in weights for value in graph.input):
        kept = [value for value in graph.input if value.name not in weights]
        del graph.input[:]
        graph.input.extend(kept)
    proto.ir_version = max(proto.ir_version, _IR_WITH_PLAIN_WEIGHTS)
    _constants_to_initializers(graph)
    _name_nodes(graph)
    return proto


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


def attribute(node: onnx.NodeProto, name: str, default: object = None) -> object:
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


def infer_types(proto: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Return element type and shape of every value that shape inference finds, inputs and outputs included.

    The large weights are left out of what is inferred on, so memory does not grow with them.
    """
    skeleton = _skeleton(proto)
    inferred = shape_inference.infer_shapes(skeleton, data_prop=True).graph
    return {value.name: value for values in (inferred.value_info, inferred.output, inferred.input) for value in values}


def with_opset(proto: onnx.ModelProto, minimum: int) -> onnx.ModelProto:
    """Return the graph at `minimum` or a newer version of the standard operator set.

    Raises:
        NotApplicableError: the converter cannot raise it.
    """
    current = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if current >= minimum:
        return proto
    skeleton = _skeleton(proto)
    large = {tensor.name: tensor for tensor in proto.graph.initializer if _is_large(tensor)}
    outputs = [value.name for value in proto.graph.output]
    try:
        converted = version_converter.convert_version(skeleton, minimum)
    except (RuntimeError, ValueError) as error:
        raise NotApplicableError(
            f"needs operator set {minimum}, the model has {current} and cannot be raised ({_first_line(error)}): "
            f"export it with opset {minimum} or newer"
        ) from error
    if [value.name for value in converted.graph.output] != outputs:
        raise NotApplicableError(f"needs operator set {minimum}: export the model with it, it has {current}")
    for tensor in converted.graph.initializer:
        if tensor.name in large:
            tensor.CopyFrom(large[tensor.name])
    converted.metadata_props.extend(proto.metadata_props)
    converted.ir_version = max(proto.ir_version, converted.ir_version)
    _constants_to_initializers(converted.graph)
    _name_nodes(converted.graph)
    return converted


def _subgraphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    for node in graph.node:
        for entry in node.attribute:
            if entry.type == onnx.AttributeProto.GRAPH:
                yield entry.g
            yield from entry.graphs


def _is_large(tensor: onnx.TensorProto) -> bool:
    return int(np.prod(tensor.dims, dtype=np.int64)) > _LARGE_ELEMENTS


def _skeleton(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Copy everything but the large weights; of those only name, type and shape, as if they lay in another file."""
    skeleton = onnx.ModelProto(ir_version=proto.ir_version)
    skeleton.opset_import.extend(proto.opset_import)
    skeleton.functions.extend(proto.functions)
    graph = skeleton.graph
    graph.name = proto.graph.name
    graph.node.extend(proto.graph.node)
    graph.input.extend(proto.graph.input)
    graph.output.extend(proto.graph.output)
    graph.value_info.extend(proto.graph.value_info)
    graph.sparse_initializer.extend(proto.graph.sparse_initializer)
    for tensor in proto.graph.initializer:
        if not _is_large(tensor):
            graph.initializer.append(tensor)
            continue
        stub = graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        stub.data_location = onnx.TensorProto.EXTERNAL
        stub.external_data.add(key="location", value="weights")
    return skeleton


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

"""An ONNX graph that can be edited without a copy of its large weights: those are borrowed from the model.

A copy of a model costs as much memory as the model, and so does each weight that is replaced in a copy (protobuf
frees memory only with the whole message). An `EditableGraph` copies structure and small weights only.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

__all__ = ["EditableGraph", "FreshNames", "add_constant", "borrow", "fresh_name", "replace_nodes"]

# shapes, axes and scalars are far smaller: shape inference and the opset converter need to see those
_LARGE_ELEMENTS = 1024
_BORROWED = "borrowed from the model"


@dataclass(frozen=True)
class EditableGraph:
    """A graph to edit.

    Attributes:
        proto: the graph; large weights are stubs with type and shape, marked as external data.
        borrowed: the weights that the stubs stand for; they belong to the model and must not be changed.

    >>> weight = numpy_helper.from_array(np.ones((64, 64), np.float32), "weight")
    >>> editable = borrow(onnx.ModelProto(graph=onnx.GraphProto(initializer=[weight])))
    >>> stub = editable.graph.initializer[0]
    >>> stub.HasField("raw_data"), editable.array(stub).sum()
    (False, np.float32(4096.0))
    """

    proto: onnx.ModelProto
    borrowed: Mapping[str, onnx.TensorProto]

    @property
    def graph(self) -> onnx.GraphProto:
        """The main graph."""
        return self.proto.graph

    def tensor(self, tensor: onnx.TensorProto) -> onnx.TensorProto:
        """Return an initializer of the graph with its data: for a stub, the weight that it stands for."""
        return self.borrowed[tensor.external_data[0].value] if _is_stub(tensor) else tensor

    def array(self, tensor: onnx.TensorProto) -> np.ndarray:
        """Return the values of an initializer of the graph."""
        return np.asarray(numpy_helper.to_array(self.tensor(tensor)))

    def copy(self) -> "EditableGraph":
        """Return a copy of the graph, which also borrows the large weights that this one holds itself."""
        copied = borrow(self.proto, self.borrowed)
        copied.proto.metadata_props.extend(self.proto.metadata_props)
        return copied

    def with_outputs(self, values: Iterable[str]) -> "EditableGraph":
        """Return a copy of the graph that has these values as outputs too."""
        copied = self.copy()
        present = {output.name for output in copied.graph.output}
        copied.graph.output.extend(onnx.ValueInfoProto(name=name) for name in values if name not in present)
        return copied

    def materialise(self) -> onnx.ModelProto:
        """Copy the weights that are still borrowed into the graph, and return it."""
        for tensor in self.graph.initializer:
            if _is_stub(tensor):
                name = tensor.name
                tensor.CopyFrom(self.tensor(tensor))
                tensor.name = name
        return self.proto


def borrow(proto: onnx.ModelProto, already_borrowed: Mapping[str, onnx.TensorProto] | None = None) -> EditableGraph:
    """Return an editable graph: a copy of everything but the large weights (and the metadata).

    Args:
        proto: the graph.
        already_borrowed: where `proto` belongs to an `EditableGraph`, the weights that its stubs stand for.
    """
    copy = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    copy.producer_name, copy.producer_version = proto.producer_name, proto.producer_version
    graph = copy.graph
    graph.name = proto.graph.name
    for field in ("node", "input", "output", "value_info", "sparse_initializer"):
        getattr(graph, field).extend(getattr(proto.graph, field))
    borrowed = dict(already_borrowed or {})
    for tensor in proto.graph.initializer:
        small = int(np.prod(tensor.dims, dtype=np.int64)) <= _LARGE_ELEMENTS
        if small or tensor.data_location == onnx.TensorProto.EXTERNAL:
            graph.initializer.append(tensor)
            continue
        key = fresh_name(tensor.name, borrowed)  # taken where a borrowed weight was replaced
        borrowed[key] = tensor
        stub = graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        stub.data_location = onnx.TensorProto.EXTERNAL
        stub.external_data.add(key="location", value=key)
        stub.external_data.add(key="comment", value=_BORROWED)
    return EditableGraph(copy, borrowed)


def add_constant(graph: onnx.GraphProto, name: str, values: np.ndarray) -> onnx.TensorProto:
    """Add an initializer to a graph, and return it; in place, for appending a tensor would copy it once more."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor = graph.initializer.add(name=name, data_type=kind, dims=values.shape)
    tensor.raw_data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    return tensor


def replace_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Make these the nodes of a graph; they may be among those that it has."""
    copies = onnx.GraphProto(node=nodes)
    del graph.node[:]
    graph.node.extend(copies.node)


def fresh_name(name: str, taken: Container[str]) -> str:
    """Return a name that is not taken: this one, with underscores behind it where needed.

    >>> fresh_name("weight", {"weight"})
    'weight_'
    """
    while name in taken:
        name += "_"
    return name


class FreshNames:
    """Gives names for new values and nodes of a graph, none of which any value, weight or node has, at any depth.

    Other exporters choose names freely: a node "fc1" beside a value "fc1", or a weight "fc1.scale".

    Args:
        graph: as it is now; names that are added to it later have to come from here.

    >>> node = onnx.helper.make_node("Relu", ["x"], ["fc1.scale"], "fc1")
    >>> names = FreshNames(onnx.GraphProto(node=[node]))
    >>> names("fc1.scale"), names("fc1.scale"), names("fc2.scale")
    ('fc1.scale_', 'fc1.scale__', 'fc2.scale')
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._taken: set[str] = set()
        self._add(graph)

    def __call__(self, name: str) -> str:
        """Return a name that is not taken, this one if it is free, and take it."""
        name = fresh_name(name, self._taken)
        self._taken.add(name)
        return name

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def _add(self, graph: onnx.GraphProto) -> None:
        for values in (graph.initializer, graph.input, graph.output, graph.node):
            self._taken.update(value.name for value in values)
        for node in graph.node:
            self._taken.update(node.input)
            self._taken.update(node.output)
            for entry in node.attribute:
                for inner in (entry.g, *entry.graphs) if entry.HasField("g") else entry.graphs:
                    self._add(inner)


def _is_stub(tensor: onnx.TensorProto) -> bool:
    return len(tensor.external_data) == 2 and tensor.external_data[1].value == _BORROWED

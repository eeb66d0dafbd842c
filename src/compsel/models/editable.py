"""A graph that is being edited, whose large weights still lie in the model that it came from.

A copy of a model costs as much memory as the model, and so does each weight that is replaced in a copy (protobuf
frees memory only with the whole message). A draft copies structure and small weights only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

__all__ = ["EditableGraph", "add_constant", "borrow"]

# shapes, axes and scalars are far smaller: shape inference and the opset converter need to see those
_LARGE_ELEMENTS = 1024
_LENT = "lent by the model"


@dataclass(frozen=True)
class EditableGraph:
    """A graph to edit.

    Attributes:
        proto: the graph; large weights are stubs with type and shape, marked as external data.
        lent: the weights that the stubs stand for; they belong to the model and must not be changed.

    >>> weight = numpy_helper.from_array(np.ones((64, 64), np.float32), "weight")
    >>> proto = onnx.ModelProto(graph=onnx.GraphProto(initializer=[weight]))
    >>> draft = borrow(proto)
    >>> draft.proto.graph.initializer[0].HasField("raw_data"), draft.array(draft.proto.graph.initializer[0]).sum()
    (False, np.float32(4096.0))
    """

    proto: onnx.ModelProto
    lent: Mapping[str, onnx.TensorProto]

    @property
    def graph(self) -> onnx.GraphProto:
        """The main graph."""
        return self.proto.graph

    def tensor(self, tensor: onnx.TensorProto) -> onnx.TensorProto:
        """Return a weight of the graph with its data: for a stub, the one that it stands for."""
        return self.lent[tensor.external_data[0].value] if _is_stub(tensor) else tensor

    def array(self, tensor: onnx.TensorProto) -> np.ndarray:
        """Return the numbers of a weight of the graph."""
        return np.asarray(numpy_helper.to_array(self.tensor(tensor)))

    def copy(self) -> "EditableGraph":
        """Return a draft of the same graph, which borrows also the large weights that this one has of its own."""
        copied = borrow(self.proto, self.lent)
        copied.proto.metadata_props.extend(self.proto.metadata_props)
        return copied

    def complete(self) -> onnx.ModelProto:
        """Copy the lent weights that are left into the graph, and return it."""
        for tensor in self.graph.initializer:
            if _is_stub(tensor):
                name = tensor.name
                tensor.CopyFrom(self.tensor(tensor))
                tensor.name = name
        return self.proto


def borrow(proto: onnx.ModelProto, already_lent: Mapping[str, onnx.TensorProto] | None = None) -> EditableGraph:
    """Return a draft of a graph: a copy of everything but the large weights (and the metadata).

    Args:
        proto: the graph.
        already_lent: of a draft, the weights that its stubs stand for.
    """
    copy = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    copy.producer_name, copy.producer_version = proto.producer_name, proto.producer_version
    graph = copy.graph
    graph.name = proto.graph.name
    for field in ("node", "input", "output", "value_info", "sparse_initializer"):
        getattr(graph, field).extend(getattr(proto.graph, field))
    lent = dict(already_lent or {})
    for tensor in proto.graph.initializer:
        small = int(np.prod(tensor.dims, dtype=np.int64)) <= _LARGE_ELEMENTS
        if small or tensor.data_location == onnx.TensorProto.EXTERNAL:
            graph.initializer.append(tensor)
            continue
        key = tensor.name
        while key in lent:  # the draft has replaced a weight that it was lent
            key += "_"
        lent[key] = tensor
        stub = graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        stub.data_location = onnx.TensorProto.EXTERNAL
        stub.external_data.add(key="location", value=key)
        stub.external_data.add(key="comment", value=_LENT)
    return EditableGraph(copy, lent)


def add_constant(graph: onnx.GraphProto, name: str, values: np.ndarray) -> onnx.TensorProto:
    """Add an initializer to a graph, and return it; in place, for appending a tensor would copy it once more."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor = graph.initializer.add(name=name, data_type=kind, dims=values.shape)
    tensor.raw_data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    return tensor


def _is_stub(tensor: onnx.TensorProto) -> bool:
    return len(tensor.external_data) == 2 and tensor.external_data[1].value == _LENT

"""Small ONNX graphs, written byte by byte in the encoding of protocol buffers: the runtime must not need `onnx`."""

from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["graph_bytes", "node", "tensor", "value"]

_ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3}
_IR_VERSION, _OPSET = 7, 13
# field numbers of the ONNX schema (onnx.proto): one message a line
_MODEL_VERSION, _MODEL_GRAPH, _MODEL_OPSET = 1, 7, 8
_OPSET_VERSION = 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_TYPE = 1, 2, 3, 4
_TENSOR_DIMENSION, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_BYTES = 1, 2, 8, 9


def graph_bytes(
    nodes: Iterable[bytes], initializers: Iterable[bytes], inputs: Iterable[bytes], outputs: Iterable[bytes]
) -> bytes:
    """Return an ONNX file of a graph; the parts are made by `node`, `tensor` and `value`.

    >>> import onnxruntime
    >>> file = graph_bytes([node("Relu", ["x"], "y")], [], [value("x", (1,))], [value("y", (1,))])
    >>> onnxruntime.InferenceSession(file).run(None, {"x": np.array([-2.0], np.float32)})
    [array([0.], dtype=float32)]
    """
    parts = [
        *(_bytes(_GRAPH_NODE, part) for part in nodes),
        _bytes(_GRAPH_NAME, b"small"),
        *(_bytes(_GRAPH_INITIALIZER, part) for part in initializers),
        *(_bytes(_GRAPH_INPUT, part) for part in inputs),
        *(_bytes(_GRAPH_OUTPUT, part) for part in outputs),
    ]
    opset = _number(_OPSET_VERSION, _OPSET)
    return _number(_MODEL_VERSION, _IR_VERSION) + _bytes(_MODEL_GRAPH, b"".join(parts)) + _bytes(_MODEL_OPSET, opset)


def node(kind: str, inputs: Iterable[str], output: str) -> bytes:
    """Return an operator without attributes."""
    fields = [_bytes(_NODE_INPUT, name.encode()) for name in inputs]
    fields += [
        _bytes(_NODE_OUTPUT, output.encode()),
        _bytes(_NODE_NAME, kind.encode()),
        _bytes(_NODE_TYPE, kind.encode()),
    ]
    return b"".join(fields)


def tensor(name: str, values: np.ndarray) -> bytes:
    """Return an initializer: float32, uint8 or int8."""
    dimensions = b"".join(_number(_TENSOR_DIMENSION, length) for length in values.shape)
    little = values.astype(values.dtype.newbyteorder("<"))
    content = _bytes(_TENSOR_NAME, name.encode()) + _bytes(_TENSOR_BYTES, little.tobytes())
    return dimensions + _number(_TENSOR_TYPE, _ELEMENT_TYPES[str(values.dtype)]) + content


def value(name: str, shape: Sequence[int], dtype: str = "float32") -> bytes:
    """Return an input or an output of the graph."""
    # ValueInfoProto(name=1, type=2: TypeProto(tensor_type=1: Tensor(elem_type=1, shape=2: (dim=1: (dim_value=1)))))
    dimensions = b"".join(_bytes(1, _number(1, length)) for length in shape)
    kind = _number(1, _ELEMENT_TYPES[dtype]) + _bytes(2, dimensions)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, kind))


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])

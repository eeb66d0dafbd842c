"""A smoke test of processors: a small graph, run on the processor and on the CPU.

A provider that ONNX Runtime lists may lack a driver, a device or a library, and may hand the graph to the CPU without a
word. So each is asked to run a convolution, an activation and a mean, and its answer is compared. The graph is written
here, byte by byte, in the encoding of protocol buffers, because the runtime must not need the `onnx` package.
"""

import functools
from collections.abc import Iterable

import numpy as np

from compsel.errors import CompselError
from compsel.processors.base import Availability, Processor
from compsel.processors.ort_session import OrtSession
from compsel.processors.plugins import provider_version

__all__ = ["smoke_feeds", "smoke_graph", "smoke_test"]

# accelerators may compute in half precision
_TOLERANCE = 0.02
_SHAPE = (1, 3, 8, 8)
_FLOAT = 1
# field numbers of the ONNX schema (onnx.proto): one message a line
_MODEL_VERSION, _MODEL_GRAPH, _MODEL_OPSET = 1, 7, 8
_OPSET_VERSION = 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_TYPE = 1, 2, 3, 4
_TENSOR_DIMENSION, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_BYTES = 1, 2, 8, 9


def smoke_test(processor: Processor, found: str) -> Availability:
    """Say whether `processor` runs the small graph with the CPU's answer.

    Args:
        processor: what to try.
        found: the reason to give when it does.
    """
    try:
        session = processor.open(smoke_graph())
        try:
            (answer,) = session.run(smoke_feeds())
        finally:
            session.close()
    except CompselError as error:
        reason = str(error).removeprefix(f"{processor.name}: ").removeprefix("model: ")
        return Availability(False, reason, provider_version(processor.provider))
    expected, version = _expected(), provider_version(processor.provider)
    if answer.shape != expected.shape or not np.allclose(answer, expected, rtol=_TOLERANCE, atol=_TOLERANCE):
        return Availability(False, "its answer to a small graph is not the CPU's: look for a newer driver", version)
    return Availability(True, found, version)


@functools.cache
def _expected() -> np.ndarray:
    with OrtSession(smoke_graph()) as session:
        return session.run(smoke_feeds())[0]


def smoke_feeds() -> dict[str, np.ndarray]:
    """Return the input of the small graph: float32 (1, 3, 8, 8), between -1 and 1."""
    return {"x": np.sin(np.arange(np.prod(_SHAPE), dtype=np.float32)).reshape(_SHAPE)}


@functools.cache
def smoke_graph() -> bytes:
    """Return the ONNX file of the small graph: y (1, 4, 1, 1) = mean(relu(conv3x3(x))).

    >>> [spec.shape for spec in OrtSession(smoke_graph()).outputs]
    [(1, 4, 1, 1)]
    """
    weight = np.cos(np.arange(4 * 3 * 3 * 3, dtype=np.float32)).reshape(4, 3, 3, 3)
    graph = b"".join(
        [
            _bytes(_GRAPH_NODE, _node("Conv", ["x", "w"], "a")),
            _bytes(_GRAPH_NODE, _node("Relu", ["a"], "b")),
            _bytes(_GRAPH_NODE, _node("GlobalAveragePool", ["b"], "y")),
            _bytes(_GRAPH_NAME, b"proof"),
            _bytes(_GRAPH_INITIALIZER, _tensor("w", weight)),
            _bytes(_GRAPH_INPUT, _value("x", _SHAPE)),
            _bytes(_GRAPH_OUTPUT, _value("y", (1, 4, 1, 1))),
        ]
    )
    opset = _number(_OPSET_VERSION, 13)
    return _number(_MODEL_VERSION, 7) + _bytes(_MODEL_GRAPH, graph) + _bytes(_MODEL_OPSET, opset)


def _node(kind: str, inputs: Iterable[str], output: str) -> bytes:
    fields = [_bytes(_NODE_INPUT, name.encode()) for name in inputs]
    fields += [
        _bytes(_NODE_OUTPUT, output.encode()),
        _bytes(_NODE_NAME, kind.encode()),
        _bytes(_NODE_TYPE, kind.encode()),
    ]
    return b"".join(fields)


def _tensor(name: str, values: np.ndarray) -> bytes:
    dimensions = b"".join(_number(_TENSOR_DIMENSION, length) for length in values.shape)
    content = _bytes(_TENSOR_NAME, name.encode()) + _bytes(_TENSOR_BYTES, values.astype("<f4").tobytes())
    return dimensions + _number(_TENSOR_TYPE, _FLOAT) + content


def _value(name: str, shape: Iterable[int]) -> bytes:
    # ValueInfoProto(name=1, type=2: TypeProto(tensor_type=1: Tensor(elem_type=1, shape=2: (dim=1: (dim_value=1)))))
    dimensions = b"".join(_bytes(1, _number(1, length)) for length in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, _FLOAT) + _bytes(2, dimensions)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])

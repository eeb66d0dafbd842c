"""Which axis of an output has its channels, read from the graph: the one that the last layer before it makes."""

from collections.abc import Mapping

import onnx

from compsel.errors import NotApplicableError
from compsel.models.editable_graph import borrow
from compsel.models.graph_queries import attribute, is_standard
from compsel.models.model import Model
from compsel.models.shapes import infer_types

__all__ = ["channel_axes", "passed_through"]

_FIRST = ("Conv", "ConvTranspose", "BatchNormalization", "InstanceNormalization", "GroupNormalization")
_LAST = ("MatMul", "Gemm", "LayerNormalization", "LSTM", "GRU", "RNN")
# operators that read one tensor and leave its axes where they are
_KEEP = (
    "Identity",
    "Cast",
    "Dropout",
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Elu",
    "Selu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Tanh",
    "Gelu",
    "Softplus",
    "Clip",
    "Exp",
    "Log",
    "Sqrt",
    "Neg",
    "Abs",
    "Erf",
    "Floor",
    "Softmax",
    "LogSoftmax",
    "Split",
    "Slice",
    "Pad",
    "Resize",
    "Upsample",
    "MaxPool",
    "AveragePool",
    "DequantizeLinear",
    "QuantizeLinear",
)
# and those that read several
_JOIN = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Concat")
_STEPS = 64

Shapes = Mapping[str, tuple[int | None, ...]]


def channel_axes(model: Model) -> tuple[int | None, ...]:
    """Return the axis of each output that has its channels; None where the graph does not tell.

    >>> from compsel.networks import build
    >>> channel_axes(build("mobilenet-v1", width=0.25, resolution=32))
    (1,)
    """
    graph = model.proto.graph
    makers = {name: node for node in graph.node for name in node.output}
    shapes = _shapes(model)
    return tuple(_axis(spec.name, makers, shapes, _STEPS) for spec in model.outputs)


def passed_through(model: Model) -> frozenset[int]:
    """Return which outputs are inputs as they came in."""
    graph = model.proto.graph
    makers = {node.output[0]: node.input[0] for node in graph.node if is_standard(node, "Identity")}
    inputs = {value.name for value in graph.input} - {tensor.name for tensor in graph.initializer}
    found = set()
    for index, spec in enumerate(model.outputs):
        name = spec.name
        while name in makers:
            name = makers[name]
        if name in inputs:
            found.add(index)
    return frozenset(found)


def _shapes(model: Model) -> Shapes:
    try:
        types = infer_types(borrow(model.proto))
    except NotApplicableError:
        return {}
    return {
        name: tuple(size.dim_value if size.HasField("dim_value") else None for size in value.type.tensor_type.shape.dim)
        for name, value in types.items()
        if value.type.tensor_type.HasField("shape")
    }


def _axis(name: str, makers: Mapping[str, onnx.NodeProto], shapes: Shapes, steps: int) -> int | None:
    node = makers.get(name)
    if node is None or not steps:
        return None
    if is_standard(node, *_FIRST):
        return 1
    if is_standard(node, *_LAST):
        rank = len(shapes.get(name, ()))
        return rank - 1 if rank else None
    if is_standard(node, *_KEEP):
        return _axis(node.input[0], makers, shapes, steps - 1)
    if is_standard(node, *_JOIN):
        # numbers that are broadcast have other axes
        alike = (one for one in node.input if one in makers and len(shapes.get(one, ())) == len(shapes.get(name, ())))
        return next((axis for one in alike if (axis := _axis(one, makers, shapes, steps // 2)) is not None), None)
    if is_standard(node, "Transpose"):
        axis = _axis(node.input[0], makers, shapes, steps - 1)
        order = [*(attribute(node, "perm") or range(len(shapes.get(name, ())))[::-1])]
        return order.index(axis) if axis in order else None
    if is_standard(node, "Reshape", "Flatten", "Squeeze", "Unsqueeze"):
        axis = _axis(node.input[0], makers, shapes, steps - 1)
        return None if axis is None else _reshaped(axis, shapes.get(node.input[0], ()), shapes.get(name, ()))
    return None


def _reshaped(axis: int, before: tuple[int | None, ...], after: tuple[int | None, ...]) -> int | None:
    """Return where an axis is in another shape; None where it was joined with others or split."""
    if axis >= len(before) or before[axis] is None or not after:
        return None
    if axis == len(before) - 1 and after[-1] == before[axis]:
        return len(after) - 1
    kept = axis < len(after) and after[axis] == before[axis]
    return axis if kept and before[1:axis] == after[1:axis] else None

"""How channels pass through each operator: one rule for each kind of them."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import attribute, is_standard
from compsel.models.layers import bias_name, is_float, is_plain
from compsel.techniques.channels.coupling import ChannelCoupling, ChannelLayout, CoupledLayer
from compsel.techniques.channels.tracer import ChannelTracer

__all__ = ["PER_CHANNEL", "constant_axis", "trace"]

_SAME = (
    *("Relu", "Clip", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Softplus", "Softsign", "Tanh", "Sigmoid"),
    *("HardSigmoid", "HardSwish", "Mish", "Gelu", "Erf", "Identity", "Dropout", "Abs", "Neg", "Sqrt", "Exp", "Log"),
    *("MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"),
)
_BINARY = ("Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean", "Pow")
# operator: which of its inputs hold one number for each channel
PER_CHANNEL = {"BatchNormalization": (1, 2, 3, 4), "InstanceNormalization": (1, 2), "PRelu": (1,)}
_CHANNEL_AXIS = 1
_DENSE_RANK = 2


def trace(editable: EditableGraph, shapes: Mapping[str, tuple[int, ...]]) -> ChannelCoupling:
    """Find out which channels of a graph can be removed, and which only together.

    Args:
        editable: the graph, in order, its constants as initializers.
        shapes: the shape of each value for one sample (batch of one).

    Unknown operators pin the channels of their inputs; so do outputs of the graph, values that
    sub-graphs read, layers whose weights others share, and layers whose weights are not float32.
    """
    return ChannelTracer(editable, shapes).trace(_follow)


def _follow(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    for rule, operators in _RULES:
        if is_standard(node, *operators):
            return rule(tracer, node)
    return False


def constant_axis(layout: ChannelLayout, rank: int, dims: tuple[int, ...]) -> int | None:
    """Return the axis of a constant that runs along the channels of a value it is combined with, None without one."""
    axis = layout.axis - rank + len(dims)
    return axis if 0 <= axis < len(dims) and dims[axis] == len(layout.channels) > 1 else None


def _weight(tracer: ChannelTracer, node: onnx.NodeProto) -> np.ndarray | None:
    """Return the weight of a layer that may be cut, its numbers left out."""
    tensor = tracer.weights.get(node.input[1])
    if tensor is None or not is_float(tensor) or tracer.uses[node.input[1]] != 1:
        return None
    if bias_name(node) and bias_name(node) not in tracer.weights:
        return None
    return np.broadcast_to(np.float32(0), tuple(tensor.dims))


def _inputs(tracer: ChannelTracer, name: str, axis: int, count: int) -> ChannelLayout | None:
    """Return the channels of a layer's input along an axis; unknown ones must stay."""
    layout = tracer.layouts.get(name)
    if layout is None:
        return tracer.new_channels(name, axis, count, "", pinned=True)
    return layout if layout.axis == axis and len(layout.channels) == count else None


def _convolution(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    weight, blocks = _weight(tracer, node), int(attribute(node, "group", 1))
    shape = tracer.shapes.get(node.output[0])
    if weight is None or shape is None:
        return False
    outputs, features = weight.shape[0], weight.shape[1] * blocks
    inputs = _inputs(tracer, node.input[0], _CHANNEL_AXIS, features)
    if inputs is None:
        return False
    if blocks > 1 and blocks == features:  # each output reads one input: channels are removed on both sides
        channels = np.repeat(inputs.channels, outputs // features)
        tracer.layouts[node.output[0]] = ChannelLayout(_CHANNEL_AXIS, channels)
    else:
        channels = tracer.new_channels(node.output[0], _CHANNEL_AXIS, outputs, node.name).channels
        if blocks > 1:  # all blocks stay alike: the first channel of each goes with the first of the others
            for side in (inputs.channels, channels):
                first, *others = np.split(side, blocks)
                for other in others:
                    tracer.couple(first, other)
    positions = math.prod(shape[2:])
    tracer.layers.append(
        CoupledLayer(node.name, inputs.channels, channels, math.prod(weight.shape[2:]), positions, blocks)
    )
    return True


def _dense(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    weight, shape = _weight(tracer, node), tracer.shapes.get(node.output[0])
    if weight is None or shape is None or weight.ndim != _DENSE_RANK:
        return False
    if not is_plain(node):
        return False
    features, outputs = weight.shape[::-1] if attribute(node, "transB", 0) else weight.shape
    bias = tracer.weights[bias_name(node)].dims if bias_name(node) else (outputs,)
    inputs = _inputs(tracer, node.input[0], len(shape) - 1, features)
    if inputs is None or tuple(bias)[-1:] != (outputs,):
        return False
    channels = tracer.new_channels(node.output[0], len(shape) - 1, outputs, node.name).channels
    tracer.layers.append(CoupledLayer(node.name, inputs.channels, channels, 1, math.prod(shape[1:-1])))
    return True


def _same(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    """Each channel of the output is made of the same channel of the input."""
    layout = tracer.layouts.get(node.input[0])
    if layout is None or len([name for name in node.output if name]) != 1:
        return False
    if "Pool" in node.op_type and layout.axis != _CHANNEL_AXIS:
        return False
    if node.op_type in PER_CHANNEL and not _parameters_fit(tracer, node, layout):
        return False
    tracer.layouts[node.output[0]] = layout
    return True


def _parameters_fit(tracer: ChannelTracer, node: onnx.NodeProto, layout: ChannelLayout) -> bool:
    tensors = [tracer.weights.get(node.input[index]) for index in PER_CHANNEL[node.op_type]]
    if layout.axis != _CHANNEL_AXIS or attribute(node, "training_mode", 0):
        return False
    counts = [math.prod(tensor.dims) if tensor is not None else 0 for tensor in tensors]
    return all(count == len(layout.channels) or (node.op_type == "PRelu" and count == 1) for count in counts)


def _binary(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    """Values and constants that are combined number by number."""
    rank = len(tracer.shapes.get(node.output[0], ()))
    values = [name for name in node.input if name not in tracer.weights]
    layouts = [tracer.layouts.get(name) for name in values]
    if any(
        layout is None or len(tracer.shapes.get(name, ())) != rank for name, layout in zip(values, layouts, strict=True)
    ):
        return False
    known = [layout for layout in layouts if layout is not None]
    if not known:  # constants only
        return False
    widest = max(known, key=lambda layout: len(layout.channels))
    if any(layout.axis != widest.axis for layout in known):
        return False
    for layout in known:
        if len(layout.channels) == len(widest.channels):
            tracer.couple(widest.channels, layout.channels)
        else:  # one number for all channels
            tracer.pin(*values)
    for name in node.input:
        dims = tuple(tracer.weights[name].dims) if name in tracer.weights else ()
        place = len(dims) - rank + widest.axis
        if place >= 0 and dims[place] not in (1, len(widest.channels)):
            return False
    tracer.layouts[node.output[0]] = widest
    return True


def _concat(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    layouts = [tracer.layouts.get(name) for name in node.input]
    rank = len(tracer.shapes.get(node.output[0], ()))
    axis = int(attribute(node, "axis", 1)) % max(rank, 1)
    known = [layout for layout in layouts if layout is not None and layout.axis == axis]
    if len(known) != len(layouts):
        return False
    tracer.layouts[node.output[0]] = ChannelLayout(axis, np.concatenate([layout.channels for layout in known]))
    return True


def _flatten(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    """(1, channels, ...) becomes (1, features): each channel is a run of features."""
    layout, shape = tracer.layouts.get(node.input[0]), tracer.shapes.get(node.input[0])
    result = tracer.shapes.get(node.output[0])
    if layout is None or shape is None or layout.axis != _CHANNEL_AXIS or result != (shape[0], math.prod(shape[1:])):
        return False
    if node.op_type == "Flatten" and attribute(node, "axis", 1) != 1:
        return False
    if node.op_type == "Reshape" and (node.input[1] not in tracer.weights or attribute(node, "allowzero", 0)):
        return False
    tracer.layouts[node.output[0]] = ChannelLayout(1, np.repeat(layout.channels, math.prod(shape[2:])))
    return True


def _reduce(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    """Axes without channels are averaged, or dropped because they are of length one."""
    layout, before = tracer.layouts.get(node.input[0]), tracer.shapes.get(node.input[0])
    axes = attribute(node, "axes")
    if axes is None and len(node.input) > 1 and node.input[1] in tracer.weights:
        axes = numpy_helper.to_array(tracer.weights[node.input[1]]).tolist()
    if layout is None or before is None or not isinstance(axes, (list, tuple)):
        return False
    gone = {int(axis) % len(before) for axis in axes}
    if layout.axis in gone:
        return False
    drops = node.op_type == "Squeeze" or not attribute(node, "keepdims", 1)
    axis = layout.axis - (sum(one < layout.axis for one in gone) if drops else 0)
    tracer.layouts[node.output[0]] = ChannelLayout(axis, layout.channels)
    return True


def _transpose(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    layout, shape = tracer.layouts.get(node.input[0]), tracer.shapes.get(node.input[0])
    if layout is None or shape is None:
        return False
    order = attribute(node, "perm") or list(range(len(shape)))[::-1]
    tracer.layouts[node.output[0]] = ChannelLayout(list(order).index(layout.axis), layout.channels)
    return True


def _pad(tracer: ChannelTracer, node: onnx.NodeProto) -> bool:
    layout = tracer.layouts.get(node.input[0])
    pads = attribute(node, "pads")
    if pads is None and len(node.input) > 1 and node.input[1] in tracer.weights:
        pads = numpy_helper.to_array(tracer.weights[node.input[1]]).tolist()
    if layout is None or not isinstance(pads, (list, tuple)) or (len(node.input) > 3 and node.input[3]):
        return False
    if pads[layout.axis] or pads[len(pads) // 2 + layout.axis]:
        return False
    tracer.layouts[node.output[0]] = layout
    return True


_RULES: tuple[tuple[Callable[[ChannelTracer, onnx.NodeProto], bool], tuple[str, ...]], ...] = (
    (_convolution, ("Conv",)),
    (_dense, ("Gemm", "MatMul")),
    (_same, (*_SAME, *PER_CHANNEL)),
    (_binary, _BINARY),
    (_concat, ("Concat",)),
    (_flatten, ("Flatten", "Reshape")),
    (_reduce, ("ReduceMean", "ReduceMax", "ReduceSum", "Squeeze")),
    (_transpose, ("Transpose",)),
    (_pad, ("Pad",)),
)

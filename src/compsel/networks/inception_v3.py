"""Inception V3, with torchvision's parameter names (`Conv2d_1a_3x3`, `Mixed_5b.branch1x1`, ..., `fc`).

The auxiliary head (`AuxLogits` in checkpoints) serves training only and is left out: 23,834,568 parameters.

Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016.
"""

from compsel.networks.graph_builder import Tensor
from compsel.networks.image_network import CheckpointLayout, ImageNetwork
from compsel.networks.layers import chain, conv_bn_relu
from compsel.networks.network_builder import NetworkBuilder
from compsel.networks.preprocessing_conventions import tensorflow

__all__ = ["NETWORKS"]


def _define(net: NetworkBuilder, classes: int) -> Tensor:
    x = _stem(net)
    for letter, pooled in (("b", 32), ("c", 64), ("d", 64)):
        x = _module_a(net, x, f"Mixed_5{letter}", pooled)
    x = _reduction_a(net, x, "Mixed_6a")
    for letter, channels in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
        x = _module_b(net, x, f"Mixed_6{letter}", channels)
    x = _reduction_b(net, x, "Mixed_7a")
    for letter in "bc":
        x = _module_c(net, x, f"Mixed_7{letter}")
    return net.dense(net.global_average(x, "avgpool"), "fc", classes)


def _stem(net: NetworkBuilder) -> Tensor:
    x = conv_bn_relu(net, net.input, "Conv2d_1a_3x3", 32, 3, stride=2)
    x = conv_bn_relu(net, x, "Conv2d_2a_3x3", 32, 3)
    x = conv_bn_relu(net, x, "Conv2d_2b_3x3", 64, 3, padding=1)
    x = net.max_pool(x, "maxpool1", 3, stride=2)
    x = conv_bn_relu(net, x, "Conv2d_3b_1x1", 80, 1)
    x = conv_bn_relu(net, x, "Conv2d_4a_3x3", 192, 3)
    return net.max_pool(x, "maxpool2", 3, stride=2)


def _pooled(net: NetworkBuilder, x: Tensor, name: str, channels: int) -> Tensor:
    return conv_bn_relu(net, net.average_pool(x, f"{name}.average", 3, padding=1), f"{name}.branch_pool", channels, 1)


def _module_a(net: NetworkBuilder, x: Tensor, name: str, pooled: int) -> Tensor:
    double = f"{name}.branch3x3dbl"
    branches = [
        conv_bn_relu(net, x, f"{name}.branch1x1", 64, 1),
        chain(net, x, [(f"{name}.branch5x5_1", 48, 1), (f"{name}.branch5x5_2", 64, 5)]),
        chain(net, x, [(f"{double}_1", 64, 1), (f"{double}_2", 96, 3), (f"{double}_3", 96, 3)]),
        _pooled(net, x, name, pooled),
    ]
    return net.concat(branches, f"{name}.concat")


def _reduction_a(net: NetworkBuilder, x: Tensor, name: str) -> Tensor:
    double = f"{name}.branch3x3dbl"
    y = chain(net, x, [(f"{double}_1", 64, 1), (f"{double}_2", 96, 3)])
    branches = [
        conv_bn_relu(net, x, f"{name}.branch3x3", 384, 3, stride=2),
        conv_bn_relu(net, y, f"{double}_3", 96, 3, stride=2),
        net.max_pool(x, f"{name}.maximum", 3, stride=2),
    ]
    return net.concat(branches, f"{name}.concat")


def _module_b(net: NetworkBuilder, x: Tensor, name: str, channels: int) -> Tensor:
    single, double = f"{name}.branch7x7", f"{name}.branch7x7dbl"
    branches = [
        conv_bn_relu(net, x, f"{name}.branch1x1", 192, 1),
        chain(net, x, [(f"{single}_1", channels, 1), (f"{single}_2", channels, (1, 7)), (f"{single}_3", 192, (7, 1))]),
        chain(
            net,
            x,
            [
                (f"{double}_1", channels, 1),
                (f"{double}_2", channels, (7, 1)),
                (f"{double}_3", channels, (1, 7)),
                (f"{double}_4", channels, (7, 1)),
                (f"{double}_5", 192, (1, 7)),
            ],
        ),
        _pooled(net, x, name, 192),
    ]
    return net.concat(branches, f"{name}.concat")


def _reduction_b(net: NetworkBuilder, x: Tensor, name: str) -> Tensor:
    three, seven = f"{name}.branch3x3", f"{name}.branch7x7x3"
    y = chain(net, x, [(f"{three}_1", 192, 1)])
    z = chain(net, x, [(f"{seven}_1", 192, 1), (f"{seven}_2", 192, (1, 7)), (f"{seven}_3", 192, (7, 1))])
    branches = [
        conv_bn_relu(net, y, f"{three}_2", 320, 3, stride=2),
        conv_bn_relu(net, z, f"{seven}_4", 192, 3, stride=2),
        net.max_pool(x, f"{name}.maximum", 3, stride=2),
    ]
    return net.concat(branches, f"{name}.concat")


def _module_c(net: NetworkBuilder, x: Tensor, name: str) -> Tensor:
    three, double = f"{name}.branch3x3", f"{name}.branch3x3dbl"
    y = chain(net, x, [(f"{three}_1", 384, 1)])
    z = chain(net, x, [(f"{double}_1", 448, 1), (f"{double}_2", 384, 3)])
    branches = [
        conv_bn_relu(net, x, f"{name}.branch1x1", 320, 1),
        chain(net, y, [(f"{three}_2a", 384, (1, 3))]),
        chain(net, y, [(f"{three}_2b", 384, (3, 1))]),
        chain(net, z, [(f"{double}_3a", 384, (1, 3))]),
        chain(net, z, [(f"{double}_3b", 384, (3, 1))]),
        _pooled(net, x, name, 192),
    ]
    return net.concat(branches, f"{name}.concat")


NETWORKS = (
    ImageNetwork(
        name="inception-v3",
        resolution=299,
        paper="Szegedy et al., Rethinking the Inception Architecture, CVPR 2016",
        naming="torchvision inception_v3",
        reference="torchvision inception_v3",
        layouts=(CheckpointLayout(_define, tensorflow),),
        ignored=("AuxLogits.",),
    ),
)

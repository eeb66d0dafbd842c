"""VGG-16 and VGG-19, with torchvision's parameter names (`features.N`, `classifier.N`).

Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015: columns D and E.
"""

from collections.abc import Sequence
from functools import partial

from compsel.networks.graph_builder import Tensor
from compsel.networks.image_network import CheckpointLayout, ImageNetwork
from compsel.networks.network_builder import NetworkBuilder
from compsel.networks.preprocessing_conventions import torchvision

__all__ = ["NETWORKS"]

_CHANNELS = (64, 128, 256, 512, 512)


def _define(net: NetworkBuilder, classes: int, convolutions: Sequence[int]) -> Tensor:
    x, index = net.input, 0
    for stage, (count, channels) in enumerate(zip(convolutions, _CHANNELS, strict=True), start=1):
        for _ in range(count):
            x = net.relu(net.conv(x, f"features.{index}", net.scaled(channels), 3, padding=1, bias=True))
            index += 2
        x = net.max_pool(x, f"pool{stage}", 2, stride=2)
        index += 1
    # the dense layers need 7x7: other resolutions are averaged to it
    x = net.flatten(net.adaptive_average(x, "avgpool", 7), "flatten")
    for layer in ("classifier.0", "classifier.3"):
        x = net.relu(net.dense(x, layer, net.scaled(4096), gain=2.0**0.5))
    return net.dense(x, "classifier.6", classes)


def _network(layers: int, convolutions: tuple[int, ...]) -> ImageNetwork:
    return ImageNetwork(
        name=f"vgg{layers}",
        resolution=224,
        paper="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015",
        naming="torchvision",
        reference=f"torchvision vgg{layers}",
        layouts=(CheckpointLayout(partial(_define, convolutions=convolutions), torchvision),),
    )


NETWORKS = (_network(16, (2, 2, 3, 3, 3)), _network(19, (2, 2, 4, 4, 4)))

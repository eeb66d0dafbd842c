"""Inception V1 (GoogLeNet) in the form of torchvision, whose parameter names it takes.

That form differs from the paper: batch normalisation after every convolution, and 3x3 convolutions where the paper has
5x5, so 6,624,904 parameters. The auxiliary heads (`aux1`, `aux2` in checkpoints) serve training only and are left out.

Szegedy et al., Going Deeper with Convolutions, CVPR 2015.
"""

from compsel.networks.graph_builder import Tensor
from compsel.networks.image_network import CheckpointLayout, ImageNetwork
from compsel.networks.layers import conv_bn_relu
from compsel.networks.network_builder import NetworkBuilder
from compsel.networks.preprocessing_conventions import tensorflow

__all__ = ["NETWORKS"]

# channels of 1x1, 3x3 reduced, 3x3, "5x5" reduced, "5x5", projection after the pool
_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def _define(net: NetworkBuilder, classes: int) -> Tensor:
    x = conv_bn_relu(net, net.input, "conv1", 64, 7, stride=2, padding=3)
    x = net.max_pool(x, "maxpool1", 3, stride=2, ceil=True)
    x = conv_bn_relu(net, x, "conv2", 64, 1)
    x = conv_bn_relu(net, x, "conv3", 192, 3, padding=1)
    x = net.max_pool(x, "maxpool2", 3, stride=2, ceil=True)
    for module, channels in _MODULES.items():
        x = _inception(net, x, f"inception{module}", *channels)
        if module == "3b":
            x = net.max_pool(x, "maxpool3", 3, stride=2, ceil=True)
        elif module == "4e":
            x = net.max_pool(x, "maxpool4", 2, stride=2, ceil=True)
    return net.dense(net.global_average(x, "avgpool"), "fc", classes)


# many parameters: the columns of table 1 of the paper, in its order
def _inception(
    net: NetworkBuilder,
    x: Tensor,
    name: str,
    one: int,
    reduced: int,
    three: int,
    reduced2: int,
    three2: int,
    pooled: int,
) -> Tensor:
    branches = [
        conv_bn_relu(net, x, f"{name}.branch1", one, 1),
        conv_bn_relu(
            net, conv_bn_relu(net, x, f"{name}.branch2.0", reduced, 1), f"{name}.branch2.1", three, 3, padding=1
        ),
        conv_bn_relu(
            net, conv_bn_relu(net, x, f"{name}.branch3.0", reduced2, 1), f"{name}.branch3.1", three2, 3, padding=1
        ),
        conv_bn_relu(net, net.max_pool(x, f"{name}.branch4.0", 3, stride=1, padding=1), f"{name}.branch4.1", pooled, 1),
    ]
    return net.concat(branches, f"{name}.concat")


NETWORKS = (
    ImageNetwork(
        name="inception-v1",
        resolution=224,
        paper="Szegedy et al., Going Deeper with Convolutions, CVPR 2015",
        naming="torchvision googlenet",
        reference="torchvision googlenet",
        layouts=(CheckpointLayout(_define, tensorflow),),
        ignored=("aux1.", "aux2."),
    ),
)

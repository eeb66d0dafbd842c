"""MobileNet V1, at any width and resolution.

Parameter names follow timm (`conv_stem`, `bn1`, `blocks.S.B.conv_dw`, ..., `classifier`); weights with folded batch
normalisation are taken under the names `conv0`, `block{1..13}.depthwise`, `block{1..13}.pointwise` and `fc`, and give
convolutions with a bias. Padding is SAME, as in the original: weights that were trained with symmetric padding
(timm's own) load but lose accuracy.

Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.
"""

from collections.abc import Iterator

from compsel.networks.graph_builder import Tensor
from compsel.networks.image_network import CheckpointLayout, ImageNetwork
from compsel.networks.network_builder import NetworkBuilder
from compsel.networks.preprocessing_conventions import tensorflow

__all__ = ["NETWORKS"]

_EPSILON = 1e-3
# blocks of every stage, and their output channels; all stages but the first halve the resolution
_STAGES = ((1, 64), (2, 128), (2, 256), (6, 512), (2, 1024))


def _blocks() -> Iterator[tuple[str, int, int]]:
    """Give name, output channels and stride of every block."""
    for stage, (repeats, channels) in enumerate(_STAGES):
        for repeat in range(repeats):
            yield f"blocks.{stage}.{repeat}", channels, 2 if stage and repeat == 0 else 1


def _define(net: NetworkBuilder, classes: int) -> Tensor:
    x = _unit(net, net.conv(net.input, "conv_stem", net.scaled(32), 3, stride=2), "bn1")
    for name, channels, stride in _blocks():
        x = _unit(net, net.depthwise(x, f"{name}.conv_dw", 3, stride=stride), f"{name}.bn1")
        x = _unit(net, net.conv(x, f"{name}.conv_pw", net.scaled(channels), 1), f"{name}.bn2")
    return net.dense(net.global_average(x, "global_pool"), "classifier", classes)


def _define_folded(net: NetworkBuilder, classes: int) -> Tensor:
    x = net.relu6(net.conv(net.input, "conv0", net.scaled(32), 3, stride=2, bias=True))
    for number, (_, channels, stride) in enumerate(_blocks(), start=1):
        x = net.relu6(net.depthwise(x, f"block{number}.depthwise", 3, stride=stride, bias=True))
        x = net.relu6(net.conv(x, f"block{number}.pointwise", net.scaled(channels), 1, bias=True))
    return net.dense(net.global_average(x), "fc", classes)


def _unit(net: NetworkBuilder, x: Tensor, name: str) -> Tensor:
    return net.relu6(net.batch_norm(x, name, _EPSILON))


NETWORKS = (
    ImageNetwork(
        name="mobilenet-v1",
        resolution=224,
        paper="Howard et al., MobileNets, 2017",
        naming="timm mobilenetv1; or folded: conv0, block1.depthwise, ...",
        reference="keras.applications.MobileNet; its ImageNet weights on real photographs",
        layouts=(
            CheckpointLayout(_define, tensorflow),
            CheckpointLayout(_define_folded, tensorflow, marker="conv0.bias"),
        ),
    ),
)

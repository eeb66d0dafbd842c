"""ResNet-50, 101 and 152, version 1.

Parameter names follow torchvision (`conv1`, `bn1`, `layer1.0.conv1`, ..., `fc`), with its stride in the 3x3 convolution
of a stage's first block. Keras' weights are taken too, under both of its namings (`res2a_branch2a/kernel` of Keras 2.2
and `conv2_block1_1_conv/kernel` since); they have the stride in the first 1x1 convolution, as in the paper, biases in
the convolutions, and see blue, green and red minus their means.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from compsel.networks.checkpoints.keras_names import from_keras
from compsel.networks.graph_builder import Tensor
from compsel.networks.image_network import CheckpointLayout, ImageNetwork
from compsel.networks.network_builder import NetworkBuilder
from compsel.networks.preprocessing_conventions import caffe, torchvision

__all__ = ["NETWORKS"]

_OLD = re.compile(r"(res|bn)([2-5])([a-z])_branch(1|2a|2b|2c)$")
_NEW = re.compile(r"conv([2-5])_block(\d+)_([0-3])_(conv|bn)$")
_ENDS = {
    "conv1": "conv1",
    "bn_conv1": "bn1",
    "fc1000": "fc",
    "conv1_conv": "conv1",
    "conv1_bn": "bn1",
    "probs": "fc",
    "predictions": "fc",
}


def _define(
    net: NetworkBuilder, classes: int, blocks: Sequence[int], *, epsilon: float = 1e-5, keras: bool = False
) -> Tensor:
    x = net.conv(net.input, "conv1", net.scaled(64), 7, stride=2, padding=3, bias=keras)
    x = net.relu(net.batch_norm(x, "bn1", epsilon))
    x = net.max_pool(x, "maxpool", 3, stride=2, padding=1)
    for stage, repeats in enumerate(blocks):
        for index in range(repeats):
            name = f"layer{stage + 1}.{index}"
            stride = 2 if stage and index == 0 else 1
            x = _bottleneck(net, x, name, 64 * 2**stage, stride, epsilon=epsilon, keras=keras)
    return net.dense(net.global_average(x, "avgpool"), "fc", classes)


def _bottleneck(
    net: NetworkBuilder, x: Tensor, name: str, channels: int, stride: int, *, epsilon: float, keras: bool
) -> Tensor:
    """Add 1x1, 3x3 and 1x1 convolutions, and what came in."""
    inner, outer = net.scaled(channels), net.scaled(4 * channels)
    # kernel, channels, stride, padding of the three convolutions
    layers = ((1, inner, stride if keras else 1, 0), (3, inner, 1 if keras else stride, 1), (1, outer, 1, 0))
    y = x
    for number, (kernel, width, step, padding) in enumerate(layers, start=1):
        last = number == len(layers)
        y = net.conv(
            y,
            f"{name}.conv{number}",
            width,
            kernel,
            stride=step,
            padding=padding,
            bias=keras,
            gain=1.0 if last else 2.0**0.5,
        )
        y = net.batch_norm(y, f"{name}.bn{number}", epsilon)
        y = y if last else net.relu(y)
    if stride != 1 or x.channels != outer:
        x = net.conv(x, f"{name}.downsample.0", outer, 1, stride=stride, padding=0, bias=keras, gain=1.0)
        x = net.batch_norm(x, f"{name}.downsample.1", epsilon)
    return net.relu(net.add(y, x, f"{name}.add"))


def _torch_layer(name: str) -> str:
    """Turn the name of a Keras layer into torchvision's."""
    if match := _OLD.match(name):
        kind, stage, letter, branch = match.groups()
        block, number = ord(letter) - ord("a"), {"1": 0, "2a": 1, "2b": 2, "2c": 3}[branch]
        convolution = kind == "res"
    elif match := _NEW.match(name):
        stage, block, number = match[1], int(match[2]) - 1, int(match[3])
        convolution = match[4] == "conv"
    else:
        return _ENDS.get(name, name)
    prefix = f"layer{int(stage) - 1}.{block}"
    if number == 0:
        return f"{prefix}.downsample.{0 if convolution else 1}"
    return f"{prefix}.{'conv' if convolution else 'bn'}{number}"


def _from_keras(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return from_keras(arrays, _torch_layer)


def _network(layers: int, blocks: tuple[int, int, int, int]) -> ImageNetwork:
    return ImageNetwork(
        name=f"resnet{layers}",
        resolution=224,
        paper="He et al., Deep Residual Learning for Image Recognition, CVPR 2016",
        naming="torchvision; or Keras",
        reference=f"torchvision resnet{layers}; keras.applications.ResNet{layers}"
        + ("; its ImageNet weights on real photographs" if layers == 50 else ""),
        layouts=(
            CheckpointLayout(partial(_define, blocks=blocks), torchvision),
            CheckpointLayout(
                partial(_define, blocks=blocks, epsilon=1e-3, keras=True), caffe, "bn_conv1/gamma", rename=_from_keras
            ),
            CheckpointLayout(
                partial(_define, blocks=blocks, epsilon=1.001e-5, keras=True),
                caffe,
                "conv1_bn/gamma",
                rename=_from_keras,
            ),
        ),
    )


NETWORKS = (
    _network(50, (3, 4, 6, 3)),
    _network(101, (3, 4, 23, 3)),
    _network(152, (3, 8, 36, 3)),
)

"""Inception V2 (BN-Inception), with the parameter names of the Caffe port in the PyPI package `pretrainedmodels`.

Those are `conv1_7x7_s2`, `conv1_7x7_s2_bn`, `inception_3a_1x1`, ..., `last_linear`; convolutions have a bias.

Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training, ICML 2015: the network of its appendix.
"""

from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.networks.graph_builder import Tensor
from compsel.networks.image_network import CheckpointLayout, ImageNetwork
from compsel.networks.layers import DEEP_SHIFT
from compsel.networks.network_builder import NetworkBuilder

__all__ = ["NETWORKS"]

_EPSILON = 1e-5
# channels of 1x1, 3x3 reduced, 3x3, double 3x3 reduced, double 3x3, projection after the pool;
# modules with neither 1x1 nor projection halve the resolution
_MODULES = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}
_LAST = "5b"


def _define(net: NetworkBuilder, classes: int) -> Tensor:
    x = _unit(net, net.input, "conv1_7x7_s2", 64, 7, stride=2)
    x = net.max_pool(x, "pool1_3x3_s2", 3, stride=2, ceil=True)
    x = _unit(net, x, "conv2_3x3_reduce", 64, 1)
    x = _unit(net, x, "conv2_3x3", 192, 3)
    x = net.max_pool(x, "pool2_3x3_s2", 3, stride=2, ceil=True)
    for module in _MODULES:
        x = _inception(net, x, module)
    return net.dense(net.global_average(x, "global_pool"), "last_linear", classes)


def _inception(net: NetworkBuilder, x: Tensor, module: str) -> Tensor:
    one, reduced, three, double_reduced, double, projected = _MODULES[module]
    name = f"inception_{module}"
    stride = 1 if one else 2
    branches = [_unit(net, x, f"{name}_1x1", one, 1)] if one else []
    y = _unit(net, x, f"{name}_3x3_reduce", reduced, 1)
    branches.append(_unit(net, y, f"{name}_3x3", three, 3, stride=stride))
    y = _unit(net, x, f"{name}_double_3x3_reduce", double_reduced, 1)
    y = _unit(net, y, f"{name}_double_3x3_1", double, 3)
    branches.append(_unit(net, y, f"{name}_double_3x3_2", double, 3, stride=stride))
    if not projected:
        branches.append(net.max_pool(x, f"{name}_pool", 3, stride=2, ceil=True))
    else:
        if module == _LAST:
            y = net.max_pool(x, f"{name}_pool", 3, stride=1, padding=1)
        else:
            y = net.average_pool(x, f"{name}_pool", 3, padding=1)
        branches.append(_unit(net, y, f"{name}_pool_proj", projected, 1))
    return net.concat(branches, f"{name}_output")


def _unit(net: NetworkBuilder, x: Tensor, name: str, channels: int, kernel: int, *, stride: int = 1) -> Tensor:
    x = net.conv(x, name, net.scaled(channels), kernel, stride=stride, padding=kernel // 2, bias=True)
    return net.relu(net.batch_norm(x, f"{name}_bn", _EPSILON, shift=DEEP_SHIFT))


def _preprocessing(resolution: tuple[int, int]) -> ImagePreprocessing:
    return ImagePreprocessing(
        resolution=resolution,
        crop_fraction=0.875,
        interpolation="bicubic",
        mean=(104.0, 117.0, 128.0),
        channels="BGR",
    )


NETWORKS = (
    ImageNetwork(
        name="inception-v2",
        resolution=224,
        paper="Ioffe and Szegedy, Batch Normalization, ICML 2015",
        naming="PyPI pretrainedmodels bninception",
        reference="pretrainedmodels bninception",
        layouts=(CheckpointLayout(_define, _preprocessing),),
    ),
)

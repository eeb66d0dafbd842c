"""Groups of layers that the Inception networks share."""

from collections.abc import Sequence

from compsel.networks.graph import GraphBuilder, Padding, Size, Tensor

__all__ = ["chain", "conv_bn_relu"]

_EPSILON = 1e-3


def conv_bn_relu(
    net: GraphBuilder, x: Tensor, name: str, channels: int, kernel: Size, *, stride: int = 1, padding: Padding = 0
) -> Tensor:
    """Add the convolution `name`.conv, the batch normalisation `name`.bn and a ReLU."""
    x = net.conv(x, f"{name}.conv", net.scaled(channels), kernel, stride=stride, padding=padding)
    return net.relu(net.batch_norm(x, f"{name}.bn", _EPSILON))


def chain(net: GraphBuilder, x: Tensor, layers: Sequence[tuple[str, int, Size]]) -> Tensor:
    """Add convolutions of (name, channels, kernel), one after the other, that keep height and width."""
    for name, channels, kernel in layers:
        x = conv_bn_relu(net, x, name, channels, kernel, padding="same")
    return x

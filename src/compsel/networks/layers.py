"""Groups of layers that the Inception networks share."""

from collections.abc import Sequence

from compsel.networks.graph_builder import Tensor
from compsel.networks.network_builder import NetworkBuilder, Padding, Size

__all__ = ["DEEP_SHIFT", "chain", "conv_bn_relu"]

_EPSILON = 1e-3
# Seeded networks of this depth without residual connections amplify what differs from the statistics of their
# batch normalisation: per ReLU by P(z > 0) / Var(max(z, 0)), z being normal with variance 1, which is 1.47 at mean 0
# and 1.05 at mean 1.5 (Yang et al., A Mean Field Theory of Batch Normalization, ICLR 2019).
DEEP_SHIFT = 1.5


def conv_bn_relu(
    net: NetworkBuilder, x: Tensor, name: str, channels: int, kernel: Size, *, stride: int = 1, padding: Padding = 0
) -> Tensor:
    """Add the convolution `name`.conv, the batch normalisation `name`.bn and a ReLU."""
    x = net.conv(x, f"{name}.conv", net.scaled(channels), kernel, stride=stride, padding=padding)
    return net.relu(net.batch_norm(x, f"{name}.bn", _EPSILON, shift=DEEP_SHIFT))


def chain(net: NetworkBuilder, x: Tensor, layers: Sequence[tuple[str, int, Size]]) -> Tensor:
    """Add convolutions of (name, channels, kernel), one after the other, that keep height and width."""
    for name, channels, kernel in layers:
        x = conv_bn_relu(net, x, name, channels, kernel, padding="same")
    return x

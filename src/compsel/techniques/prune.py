"""Set the weights of least magnitude to zero."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from onnx import numpy_helper

from compsel.errors import TechniqueError
from compsel.inputs.samples import Samples
from compsel.models.channel_axes import ChannelAxes
from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import constants
from compsel.models.model import Model
from compsel.models.weights import Weight
from compsel.techniques.base import Technique
from compsel.techniques.weights.encoding import PackedWeightWriter
from compsel.techniques.weights.storage import Decode, LayerWeight, prepare_layers, store_weights

__all__ = ["Prune"]

_BINS = 1 << 16
_PART = 1 << 20  # numbers worked on at a time
_LEAST_SHARE = 0.25  # of what it would keep if all channels were pruned alike, for each of them
_WORTH = 1 / 16  # share of zeros from which on the bit for each number is won back


@dataclass(frozen=True)
class Prune(Technique):
    """Unstructured magnitude pruning, without training (Han et al. 2015; Zhu and Gupta 2017).

    Each output channel keeps a quarter of the share that it would keep if all were pruned alike: a channel of small
    weights would be gone otherwise. Depthwise convolutions stay as they are: they hold few weights, and each of them
    matters; so do tables of embeddings. With samples, the statistics of all layers are restored
    (`compsel.techniques.statistics.statistics_correction`). The file holds a bit for each number and the numbers that
    are left: half the weights pruned is 53 % of the size. (ONNX has sparse initializers; with their 64-bit positions
    they save nothing below two thirds of zeros.) Runtimes compute with the zeros: pruning makes no model faster.

    Attributes:
        sparsity: share of the weights that become zero, 0 to 1.
        scope: "layer" takes that share from every layer, "global" the smallest ones of the whole network.
        storage: "sparse", or "dense" for tools that read the weights themselves.

    >>> Prune(0.8, scope="global").spec
    'prune:0.8,scope=global'
    """

    name: ClassVar[str] = "prune"

    sparsity: float = field(default=0.5, metadata={"always": True})
    scope: Literal["layer", "global"] = "layer"
    storage: Literal["sparse", "dense"] = "sparse"

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity <= 1:
            raise TechniqueError(f"prune: got sparsity {self.sparsity}, allowed is 0 to 1")

    @classmethod
    def suggestions(cls, model: Model) -> tuple[Technique, ...]:
        """Return nothing: it makes files small, but no inference faster."""
        return ()

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        editable, layers = prepare_layers(self.name, model, skip=lambda weight: weight.sums_little)
        weights = constants(editable.graph)
        limit = None
        if self.scope == "global":
            limit = _global_threshold(editable, layers, self.sparsity)

        def store(editable: EditableGraph, writer: PackedWeightWriter, layer_weight: LayerWeight) -> Decode:
            name, weight = layer_weight.name, layer_weight.read()
            spared = _spared(layer_weight.layout, weight, self.sparsity)
            if limit is not None:
                kept = (np.abs(weight) >= limit) | spared
            else:
                kept = _largest(np.where(spared, np.float32(np.inf), weight), self.sparsity)
            if self.storage == "sparse" and 1 - kept.mean() > _WORTH:
                writer.sparse(name, weight, kept)
            else:
                weights[name].CopyFrom(numpy_helper.from_array(np.where(kept, weight, np.float32(0)), name))
            return lambda: (
                np.where(chosen, numbers, np.float32(0)) for chosen, numbers in zip(kept, weight, strict=True)
            )

        return store_weights(model, calibration, editable, layers, store)


def _spared(layout: ChannelAxes, weight: np.ndarray, sparsity: float) -> np.ndarray:
    """Tell which numbers stay whatever others are, the largest ones of each output channel: bool, as the weight."""
    rows = layout.rows(weight)
    count = math.ceil(_LEAST_SHARE * (1 - sparsity) * layout.products)
    if sparsity == 0 or not 0 < count < layout.products:
        return np.zeros(weight.shape, np.bool_)
    spared = np.zeros(rows.shape, np.bool_)
    some = max(1, _PART // layout.products)
    for start in range(0, len(rows), some):
        part = slice(start, start + some)
        largest = np.argpartition(np.abs(rows[part]), -count, axis=1)[:, -count:]
        np.put_along_axis(spared[part], largest, values=True, axis=1)
    return layout.from_rows(spared)


def _largest(weight: np.ndarray, sparsity: float) -> np.ndarray:
    """Tell which numbers stay, all but exactly this share, the smallest: bool, the shape of the weight."""
    count = round(sparsity * weight.size)
    kept = np.ones(weight.size, np.bool_)
    if count == 0:
        return kept.reshape(weight.shape)
    numbers = weight.ravel()
    limit = _magnitude_at(numbers, count)
    for part in _parts(numbers):
        np.greater_equal(np.abs(numbers[part]), limit, out=kept[part])
    # of the ties at the limit the first ones go, as many as still have to
    remaining = count - (weight.size - np.count_nonzero(kept))
    for part in _parts(numbers):
        ties = np.flatnonzero(np.abs(numbers[part]) == limit)[:remaining]
        kept[part][ties] = False
        remaining -= len(ties)
    return kept.reshape(weight.shape)


def _magnitude_at(numbers: np.ndarray, count: int) -> np.float32:
    """Return the magnitude of float32 numbers that takes this place, from 1 on, in ascending order.

    Magnitudes are in the order of their bits: the upper half is found by counting, then the lower one.
    """
    bits, known_bits, place = numbers.view(np.uint32), 0, count
    for shift in (16, 0):
        counts = np.zeros(_BINS, np.int64)
        for part in _parts(numbers):
            magnitudes = bits[part] & np.uint32(0x7FFFFFFF)
            if shift == 0:
                magnitudes = magnitudes[magnitudes >> 16 == known_bits >> 16]
            counts += np.bincount((magnitudes >> shift) & 0xFFFF, minlength=_BINS)
        below = np.cumsum(counts)
        index = int(np.searchsorted(below, place))
        place -= int(below[index - 1]) if index else 0
        known_bits |= index << shift
    return np.uint32(known_bits).view(np.float32)


def _parts(numbers: np.ndarray) -> Iterator[slice]:
    return (slice(start, start + _PART) for start in range(0, len(numbers), _PART))


def _global_threshold(editable: EditableGraph, layers: Mapping[str, Weight], sparsity: float) -> float:
    """Return the magnitude below which that share of all the weights lies, from a histogram: one layer in memory.

    Those that are spared count as the largest.
    """
    tensors = constants(editable.graph)
    largest = max(float(np.abs(editable.array(tensors[name])).max(initial=0.0)) for name in layers)
    if largest == 0.0 or sparsity == 1.0:
        return np.inf if sparsity == 1.0 else 0.0
    counts = np.zeros(_BINS, np.int64)
    for name, layer in layers.items():
        weight = editable.array(tensors[name])
        magnitudes = np.where(_spared(layer.layouts[0], weight, sparsity), largest, np.abs(weight))
        counts += np.bincount((magnitudes.ravel() * ((_BINS - 1) / largest)).astype(np.int64), minlength=_BINS)
    place = round(sparsity * int(counts.sum()))
    return float(np.searchsorted(np.cumsum(counts), place, side="left") + (place > 0)) * largest / (_BINS - 1)

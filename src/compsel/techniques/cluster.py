"""Weights that share few values: k-means for each layer, indices into a codebook."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from compsel.errors import TechniqueError
from compsel.models.editable_graph import EditableGraph
from compsel.techniques.quantization.uniform_quantizer import quantize_blocks
from compsel.techniques.weights.encoding import PackedWeightWriter
from compsel.techniques.weights.kmeans import assign, cluster_centres
from compsel.techniques.weights.storage import Decode, LayerWeight, WeightStorageTechnique

__all__ = ["Cluster"]

_FINE_BITS = 8
_WEIGHTS_PER_CENTRE = 2
_FEW = 32  # weights: half as many centres would be too coarse, and save nothing
_PRUNED = 0.1  # from this share of zeros on, a zero means "pruned" and stays zero


@dataclass(frozen=True)
class Cluster(WeightStorageTechnique):
    """Weight sharing (Han et al. 2016, "Deep Compression", section 3), without training.

    Each layer has a codebook; the file holds indices into it, packed, and the graph looks them up while it is loaded
    (`compsel.techniques.weights.encoding`). Because batch norms are folded into the weights, the channels of a layer
    have very different ranges: the codebook is for weights divided by the root mean square of their channel. Depthwise
    filters and layers of few weights, too few for a codebook, and tables of embeddings are stored in 8 bits. What has
    been pruned stays zero and takes one bit: with "prune:0.5+cluster" both savings add up. With samples, the
    statistics of all layers are restored.

    Attributes:
        bits: of an index, 1 to 8: a codebook has up to 2 ** bits values.

    >>> Cluster(5).spec
    'cluster:5'
    """

    name: ClassVar[str] = "cluster"
    most_relative_error: ClassVar[float | None] = 0.5

    bits: int = field(default=4, metadata={"always": True})

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 8:
            raise TechniqueError(f"cluster: got bits {self.bits}, allowed is 1 to 8")

    def _store(self, editable: EditableGraph, writer: PackedWeightWriter, weight: LayerWeight) -> Decode:
        layout, matrix = weight.layout, weight.rows()
        if weight.sums_little or matrix.size < _FEW:
            blocks = quantize_blocks(matrix, _FINE_BITS)
            writer.uniform(weight.name, blocks, _FINE_BITS, layout)
            return blocks.parts if layout.is_leading else lambda: [layout.from_rows(blocks.values)]
        steps = np.sqrt(np.einsum("ij,ij->i", matrix, matrix) / max(matrix.shape[1], 1))
        steps[steps == 0] = 1.0
        with np.errstate(over="ignore"):  # steps beyond 65504 stay in 32 bits
            halves = steps.astype(np.float16).astype(np.float32)
        steps = np.where((halves > 0) & np.isfinite(halves), halves, steps)
        codes, centres = _share((matrix / steps[:, None]).ravel(), self._levels(matrix.size))
        writer.codebook(weight.name, codes, self.bits, centres, steps, layout)
        indices = codes.reshape(matrix.shape)

        def decode() -> Iterable[np.ndarray]:
            rows = (centres[row] * step for row, step in zip(indices, steps, strict=True))
            return rows if layout.is_leading else [layout.from_rows(np.stack([*rows]))]

        return decode

    def _levels(self, weights: int) -> int:
        return int(min(2**self.bits, max(2, weights // _WEIGHTS_PER_CENTRE)))


def _share(values: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the codebook of values, and the index of each into it; index 0 stands for pruned ones."""
    kept_count = np.count_nonzero(values)
    if kept_count == 0 or 1 - kept_count / len(values) < _PRUNED:
        centres = cluster_centres(values, levels)
        return assign(values, centres), centres
    kept = values[values != 0]
    centres = cluster_centres(kept, levels - 1)
    codes = np.zeros(len(values), np.uint8)
    codes[values != 0] = assign(kept, centres) + 1
    return codes, np.concatenate([np.zeros(1, np.float32), centres])

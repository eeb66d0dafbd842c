"""Set the weights of least magnitude to zero."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.errors import NotApplicableError, TechniqueError
from compsel.feeds import feeds_of
from compsel.model import Model
from compsel.samples import Samples
from compsel.techniques.base import Technique
from compsel.techniques.draft import Draft
from compsel.techniques.fold import fold
from compsel.techniques.graph import attribute, constants, editable, is_standard, uses
from compsel.techniques.rounding import channel_means, correct_bias, has_bias

__all__ = ["Prune"]

_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_BINS = 1 << 16


@dataclass(frozen=True)
class Prune(Technique):
    """Unstructured magnitude pruning, without training (Han et al. 2015; Zhu and Gupta 2017).

    Depthwise convolutions stay as they are: they hold few weights, and each of them matters. Where samples are given,
    biases are corrected for the mean of what is taken away.

    Attributes:
        sparsity: share of the weights that become zero, 0 to 1.
        scope: "layer" takes that share from every layer, "global" the smallest ones of the whole network.

    >>> Prune(0.8, scope="global").spec
    'prune:0.8,scope=global'
    """

    name: ClassVar[str] = "prune"

    sparsity: float = field(default=0.5, metadata={"always": True})
    scope: Literal["layer", "global"] = "layer"

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity <= 1:
            raise TechniqueError(f"prune: got sparsity {self.sparsity}, allowed is 0 to 1")

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        draft = fold(editable(model))
        weights = constants(draft.graph)
        layers = {
            node.input[1]: node for node in draft.graph.node if is_standard(node, *_LAYERS) and _prunable(node, weights)
        }
        if not layers:
            raise NotApplicableError(f"prune: {model.name!r} has no layer with float32 weights in its main graph")
        limit = (
            _global_threshold(draft, [weights[name] for name in layers], self.sparsity)
            if self.scope == "global"
            else None
        )
        means: Mapping[str, np.ndarray] = {}
        if calibration is not None and len(calibration):
            means = channel_means(draft, (feeds_of(model, sample.value) for sample in calibration.spread(_SAMPLES)))
        counter = uses(draft.graph)
        for name, node in layers.items():
            weight = draft.array(weights[name])
            pruned = _below(weight, limit) if limit is not None else _smallest(weight, self.sparsity)
            if node.input[0] in means and has_bias(node, weights) and counter[node.input[2]] == 1:
                correct_bias(draft, node, weights[node.input[2]], pruned - weight, means[node.input[0]])
            weights[name].CopyFrom(numpy_helper.from_array(pruned, name))
        return model.with_proto(draft.complete())


_SAMPLES = 100


def _prunable(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    weight = weights.get(node.input[1])
    if weight is None or weight.data_type != onnx.TensorProto.FLOAT or len(weight.dims) < 2:
        return False
    return not (is_standard(node, "Conv") and weight.dims[1] == 1 and attribute(node, "group", 1) != 1)


def _smallest(weight: np.ndarray, sparsity: float) -> np.ndarray:
    """Return the weight with exactly this share of its numbers, the smallest, at zero."""
    count = round(sparsity * weight.size)
    if count == 0:
        return weight
    flat, magnitudes = weight.flatten(), np.abs(weight).ravel()
    limit = np.partition(magnitudes, count - 1)[count - 1]
    flat[magnitudes < limit] = 0.0
    # of those at the limit as many as are still wanted, the first ones
    flat[np.flatnonzero(magnitudes == limit)[: count - int((magnitudes < limit).sum())]] = 0.0
    return flat.reshape(weight.shape)


def _below(weight: np.ndarray, limit: float) -> np.ndarray:
    return np.where(np.abs(weight) < limit, np.float32(0), weight)


def _global_threshold(draft: Draft, tensors: list[onnx.TensorProto], sparsity: float) -> float:
    """Return the magnitude below which that share of all the weights lies, from a histogram: one layer in memory."""
    largest = max(float(np.abs(draft.array(tensor)).max(initial=0.0)) for tensor in tensors)
    if largest == 0.0 or sparsity == 1.0:
        return np.inf if sparsity == 1.0 else 0.0
    counts = np.zeros(_BINS, np.int64)
    for tensor in tensors:
        index = np.abs(draft.array(tensor)).ravel() * ((_BINS - 1) / largest)
        counts += np.bincount(index.astype(np.int64), minlength=_BINS)
    wanted = round(sparsity * int(counts.sum()))
    return float(np.searchsorted(np.cumsum(counts), wanted, side="left") + (wanted > 0)) * largest / (_BINS - 1)

"""What techniques share that store weights in another form: fold, store one by one, restore the statistics."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx

from compsel.errors import NotApplicableError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import EditableGraph
from compsel.models.editing import edit_graph, remove_unused, with_opset
from compsel.models.graph_queries import attribute, constants, is_standard, uses
from compsel.models.graph_session import is_large, release_memory
from compsel.models.model import Model
from compsel.techniques.base import Technique
from compsel.techniques.int8_static import check_quantisable
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.preparation.statistics_correction import batch_of, measure_statistics, restore_statistics
from compsel.techniques.quantization.rounding import channel_means, correct_bias, has_bias
from compsel.techniques.weights.dense import DenseWeights
from compsel.techniques.weights.encoding import MINIMUM_OPSET, PackedWeightWriter

__all__ = [
    "Store",
    "Stored",
    "Weight",
    "WeightStorageTechnique",
    "is_depthwise",
    "joined",
    "prepare",
    "store_weights",
    "weight_layers",
]

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_MEANS_OF = 100  # samples

# gives the numbers of a weight in order, some at a time: all of them take as much memory as the weight
Stored = Callable[[], Iterable[np.ndarray]]


@dataclass(frozen=True)
class Weight:
    """A weight that is read when it is needed: who needs it no longer lets it go.

    Attributes:
        shape: of it.
        read: gives it, float32.
        transposed: whether it is the transpose of what the graph has.

    >>> Weight((2, 3), lambda: np.zeros((2, 3), np.float32)).transpose().read().shape
    (3, 2)
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]
    transposed: bool = False

    def transpose(self) -> "Weight":
        """Return the transpose of a matrix."""
        return Weight(self.shape[::-1], lambda: self.read().T, not self.transposed)


# writes a weight (its name, the layer, what reads it) in another form; returns what computes the numbers that this
# form holds, which are not always asked for
Store = Callable[[EditableGraph, PackedWeightWriter, str, onnx.NodeProto, Weight], Stored]


def weight_layers(editable: EditableGraph) -> dict[str, onnx.NodeProto]:
    """Return the float32 weights of convolutions and dense layers, and for each the first layer that reads it."""
    weights = constants(editable.graph)
    found: dict[str, onnx.NodeProto] = {}
    for node in editable.graph.node:
        weight = weights.get(node.input[1]) if is_standard(node, *LAYERS) else None
        if weight is not None and weight.data_type == onnx.TensorProto.FLOAT and len(weight.dims) >= 2:
            found.setdefault(weight.name, node)
    return found


def is_depthwise(node: onnx.NodeProto, shape: tuple[int, ...]) -> bool:
    """Tell whether each channel of a convolution has a filter of its own."""
    return is_standard(node, "Conv") and shape[1] == 1 and attribute(node, "group", 1) != 1


def prepare(
    name: str,
    model: Model,
    opset: int,
    leaves: Callable[[onnx.NodeProto, tuple[int, ...]], bool] = lambda node, shape: False,
) -> tuple[EditableGraph, dict[str, onnx.NodeProto]]:
    """Fold a model's batch norms; return the graph and its `weight_layers`.

    Args:
        name: of the technique, for messages.
        model: what to compress.
        opset: the least version of the operator set that is needed.
        leaves: which weights stay as they are, by layer and shape of the weight.

    Raises:
        NotApplicableError: no layer has float32 weights.
    """
    editable = with_opset(fold(edit_graph(model)), opset)
    weights = constants(editable.graph)
    layers = {
        weight: node
        for weight, node in weight_layers(editable).items()
        if not leaves(node, tuple(weights[weight].dims))
    }
    if not layers:
        raise NotApplicableError(f"{name}: {model.name!r} has no layer with float32 weights in its main graph")
    return editable, layers


def store_weights(
    model: Model,
    calibration: Samples | None,
    editable: EditableGraph,
    layers: Mapping[str, onnx.NodeProto],
    store: Store,
) -> Model:
    """Store weights in another form.

    With samples, the statistics of all layers are restored; where the model takes no batch of them, biases are
    corrected for the mean of what is changed.

    Args:
        model: what to compress.
        calibration: samples, or None.
        editable, layers: of the model, from `prepare`.
        store: what to do with each weight.
    """
    weights = constants(editable.graph)
    batch = batch_of(model, calibration)
    wanted = measure_statistics(editable, batch) if batch else None
    means: Mapping[str, np.ndarray] = {}
    if calibration is not None and len(calibration) and wanted is None:
        means = channel_means(editable, (feeds_of(model, sample.value) for sample in calibration.spread(_MEANS_OF)))
    counter, unpacking = uses(editable.graph), PackedWeightWriter(editable)
    large = is_large(editable)
    with DenseWeights() as dense:
        for weight, node in layers.items():
            if large:
                release_memory()
            tensor = editable.tensor(weights[weight])
            shape = tuple(tensor.dims)
            layer = onnx.NodeProto()
            layer.CopyFrom(node)  # storing may replace it
            corrects = layer.input[0] in means and has_bias(layer, weights) and counter[layer.input[2]] == 1
            before = editable.array(tensor) if corrects else None
            stored = store(editable, unpacking, weight, node, Weight(shape, partial(editable.array, tensor)))
            if before is not None:
                error = joined(stored, shape) - before
                correct_bias(editable, layer, weights[layer.input[2]], error, means[layer.input[0]])
            if large and wanted and weight in unpacking.written:
                dense.add(weight, shape, stored())
        unpacking.write()
        remove_unused(editable.graph)
        if batch and wanted:
            restore_statistics(editable, wanted, batch, dense)
    return model.with_proto(editable.materialise())


def joined(stored: Stored, shape: tuple[int, ...]) -> np.ndarray:
    """Return the numbers of a weight as one array."""
    return np.concatenate([np.ravel(part) for part in stored()]).reshape(shape)


@dataclass(frozen=True)
class WeightStorageTechnique(Technique, ABC):
    """A technique that stores every weight of convolutions and dense layers in another form, unpacked on loading.

    >>> from compsel.techniques import parse
    >>> isinstance(parse("cluster"), WeightStorageTechnique), isinstance(parse("int8-weight"), WeightStorageTechnique)
    (True, True)
    """

    @classmethod
    def suggestions(cls, model: Model) -> tuple[Technique, ...]:
        """Return nothing: it makes files small, but no inference faster."""
        return ()

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without convolutions and dense layers, or with a quantised graph."""
        check_quantisable(self.name, model)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        return store_weights(model, calibration, *prepare(self.name, model, MINIMUM_OPSET), self._store)

    def _store(
        self, editable: EditableGraph, unpacking: PackedWeightWriter, name: str, node: onnx.NodeProto, weight: Weight
    ) -> Stored:
        if len(weight.shape) != 2 or attribute(node, "transB", 0):
            return self._store_rows(editable, unpacking, name, node, weight)
        rows = weight.transpose()
        stored = self._store_rows(editable, unpacking, name, node, rows)
        return lambda: [joined(stored, rows.shape).T]

    @abstractmethod
    def _store_rows(
        self, editable: EditableGraph, unpacking: PackedWeightWriter, name: str, node: onnx.NodeProto, rows: Weight
    ) -> Stored:
        """Store one weight, see `Store`; its first axis runs over output channels (or over stacked matrices)."""

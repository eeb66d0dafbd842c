"""Store the weights of a model in another form: fold, store one by one, restore the statistics of the layers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import onnx

from compsel.errors import NotApplicableError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import EditableGraph
from compsel.models.editing import edit_graph, remove_unused
from compsel.models.graph_queries import attribute, constants, is_standard, uses
from compsel.models.graph_session import is_large, release_memory
from compsel.models.layers import LAYERS, has_constant_bias, is_float
from compsel.models.model import Model
from compsel.models.opset_upgrade import with_opset
from compsel.techniques.base import Technique
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.quantization.bias_correction import channel_means, correct_bias, mean_output_error
from compsel.techniques.statistics.statistics_correction import batch_of, measure_statistics, restore_statistics
from compsel.techniques.weights.decoded_weights import DecodedWeights
from compsel.techniques.weights.encoding import MINIMUM_OPSET, PackedWeightWriter

__all__ = [
    "Decode",
    "LayerWeight",
    "StoreWeight",
    "WeightStorageTechnique",
    "concatenate",
    "prepare_layers",
    "store_weights",
    "weight_layers",
]

_MEANS_OF = 100  # samples

# gives the values that a stored form stands for, in order, some at a time: all of them take as much memory as the
# weight, and they are not always needed
Decode = Callable[[], Iterable[np.ndarray]]


@dataclass(frozen=True)
class LayerWeight:
    """A weight of a layer, read when it is needed: large ones do not stay in memory.

    Attributes:
        name: of the initializer.
        node: the first layer that reads it.
        shape: of it.
        read: gives it, float32.
        transposed: whether it is the transpose of the initializer.

    >>> weight = LayerWeight("w", onnx.NodeProto(), (2, 3), lambda: np.zeros((2, 3), np.float32))
    >>> weight.transpose().read().shape
    (3, 2)
    """

    name: str
    node: onnx.NodeProto
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]
    transposed: bool = False

    def transpose(self) -> "LayerWeight":
        """Return the transpose of a matrix."""
        return replace(self, shape=self.shape[::-1], read=lambda: self.read().T, transposed=not self.transposed)


# writes a weight in another form, and returns what decodes it
StoreWeight = Callable[[EditableGraph, PackedWeightWriter, LayerWeight], Decode]


def weight_layers(editable: EditableGraph) -> dict[str, onnx.NodeProto]:
    """Return the float32 weights of convolutions and dense layers, and for each the first layer that reads it."""
    weights = constants(editable.graph)
    layers: dict[str, onnx.NodeProto] = {}
    for node in editable.graph.node:
        weight = weights.get(node.input[1]) if is_standard(node, *LAYERS) else None
        if weight is not None and is_float(weight) and len(weight.dims) >= 2 and 0 not in weight.dims:
            layers.setdefault(weight.name, node)
    return layers


def prepare_layers(
    name: str,
    model: Model,
    skip: Callable[[onnx.NodeProto, tuple[int, ...]], bool] = lambda node, shape: False,
) -> tuple[EditableGraph, dict[str, onnx.NodeProto]]:
    """Fold a model's batch norms; return the graph and its `weight_layers`.

    Args:
        name: of the technique, for messages.
        model: what to compress.
        skip: which weights stay as they are, by layer and shape of the weight.

    Raises:
        NotApplicableError: no layer has float32 weights.
    """
    editable = with_opset(fold(edit_graph(model)), MINIMUM_OPSET)
    weights = constants(editable.graph)
    candidates = weight_layers(editable)
    layers = {weight: node for weight, node in candidates.items() if not skip(node, tuple(weights[weight].dims))}
    if not layers:
        raise NotApplicableError(f"{name}: {model.name!r} has no layer with float32 weights in its main graph")
    return editable, layers


def store_weights(
    model: Model,
    calibration: Samples | None,
    editable: EditableGraph,
    layers: Mapping[str, onnx.NodeProto],
    store: StoreWeight,
) -> Model:
    """Store weights in another form.

    With samples, the statistics of all layers are restored; where the model takes no batch of them, biases are
    corrected for the mean of what is changed.

    Args:
        model: what to compress.
        calibration: samples, or None.
        editable, layers: of the model, from `prepare_layers`.
        store: what to do with each weight.
    """
    weights, counter = constants(editable.graph), uses(editable.graph)
    batch = batch_of(model, calibration)
    statistics = measure_statistics(editable, batch) if batch else None
    means: Mapping[str, np.ndarray] = {}
    if calibration is not None and len(calibration) and statistics is None:
        means = channel_means(editable, (feeds_of(model, sample.value) for sample in calibration.spread(_MEANS_OF)))
    writer = PackedWeightWriter(editable)
    large = is_large(editable)
    with DecodedWeights() as decoded:
        for name, node in layers.items():
            if large:
                release_memory()
            tensor = editable.tensor(weights[name])
            shape = tuple(tensor.dims)
            layer = onnx.NodeProto()
            layer.CopyFrom(node)  # storing may replace it
            corrects = layer.input[0] in means and has_constant_bias(layer, weights) and counter[layer.input[2]] == 1
            before = editable.array(tensor) if corrects else None
            decode = store(editable, writer, LayerWeight(name, node, shape, partial(editable.array, tensor)))
            if before is not None:
                error = mean_output_error(layer, concatenate(decode, shape) - before, means[layer.input[0]])
                correct_bias(editable, weights[layer.input[2]], error)
            if large and statistics and name in writer.written:
                decoded.add(name, shape, decode())
        writer.write()
        remove_unused(editable.graph)
        if batch and statistics:
            restore_statistics(editable, statistics, batch, decoded)
    return model.with_proto(editable.materialise())


def concatenate(decode: Decode, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values of a weight as one array."""
    return np.concatenate([np.ravel(part) for part in decode()]).reshape(shape)


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
        self._check_quantisable(model)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        return store_weights(model, calibration, *prepare_layers(self.name, model), self._store)

    def _store(self, editable: EditableGraph, writer: PackedWeightWriter, weight: LayerWeight) -> Decode:
        if len(weight.shape) != 2 or attribute(weight.node, "transB", 0):
            return self._store_rows(editable, writer, weight)
        rows = weight.transpose()
        decode = self._store_rows(editable, writer, rows)
        return lambda: [concatenate(decode, rows.shape).T]

    @abstractmethod
    def _store_rows(self, editable: EditableGraph, writer: PackedWeightWriter, rows: LayerWeight) -> Decode:
        """Store one weight; its first axis runs over output channels (or over stacked matrices)."""

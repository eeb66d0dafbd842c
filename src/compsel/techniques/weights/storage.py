"""Store the weights of a model in another form: fold, store one by one, restore the statistics of the layers."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx

from compsel.errors import NotApplicableError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.isolation.freed_memory import return_freed_memory
from compsel.models.channel_axes import ChannelAxes
from compsel.models.editable_graph import EditableGraph, FreshNames
from compsel.models.editing import edit_graph, remove_unused
from compsel.models.graph_queries import constants, uses
from compsel.models.graph_session import is_large
from compsel.models.layers import has_constant_bias, is_float
from compsel.models.model import Model
from compsel.models.opset_upgrade import with_opset
from compsel.models.weights import WEIGHT_OPERATORS, Weight, read_weights
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
    "one_weight_a_layout",
    "prepare_layers",
    "store_weights",
    "stored_weights",
]

_MEANS_OF = 100  # samples

# gives the values that a stored form stands for, in order, some at a time: all of them take as much memory as the
# weight, and they are not always needed
Decode = Callable[[], Iterable[np.ndarray]]


@dataclass(frozen=True)
class LayerWeight:
    """A weight of a layer, read when it is needed: large ones do not stay in memory.

    Attributes:
        weight: who reads it.
        read: gives it, float32.

    >>> layout = ChannelAxes.make((2, 3), (2, 3), (1,))
    >>> from compsel.models.weights import WeightReader
    >>> reader = WeightReader(onnx.NodeProto(), 1, (), layout)
    >>> LayerWeight(Weight("w", (2, 3), (reader,), 0), lambda: np.zeros((2, 3), np.float32)).rows().shape
    (3, 2)
    """

    weight: Weight
    read: Callable[[], np.ndarray]

    @property
    def name(self) -> str:
        """Of the initializer."""
        return self.weight.name

    @property
    def node(self) -> onnx.NodeProto:
        """The first operator that reads it."""
        return self.weight.readers[0].node

    @property
    def layout(self) -> ChannelAxes:
        """Its output channels, for the first operator that reads it."""
        return self.weight.layouts[0]

    @property
    def sums_little(self) -> bool:
        """Whether answers read few of its numbers, so that each of them matters."""
        return self.weight.sums_little

    def rows(self) -> np.ndarray:
        """Return the numbers of each output channel, float32 (channels, products)."""
        return self.layout.rows(self.read())


# writes a weight in another form, and returns what decodes it
StoreWeight = Callable[[EditableGraph, PackedWeightWriter, LayerWeight], Decode]


def stored_weights(editable: EditableGraph) -> dict[str, Weight]:
    """Return the float32 weights that only operators with output channels read, where these are known."""
    weights = constants(editable.graph)
    return {
        name: weight
        for name, weight in read_weights(editable).items()
        if is_float(weights[name]) and math.prod(weight.shape) > 0 and not weight.others and weight.layouts
    }


def prepare_layers(
    name: str, model: Model, skip: Callable[[Weight], bool] = lambda weight: False
) -> tuple[EditableGraph, dict[str, Weight]]:
    """Fold a model's batch norms; return the graph and its `stored_weights`.

    Args:
        name: of the technique, for messages.
        model: what to compress.
        skip: which weights stay as they are.

    Raises:
        NotApplicableError: no layer has float32 weights.
    """
    editable = with_opset(fold(edit_graph(model)), MINIMUM_OPSET)
    layers = {key: weight for key, weight in stored_weights(editable).items() if not skip(weight)}
    if not layers:
        raise NotApplicableError(f"{name}: {model.name!r} has no layer with float32 weights in its main graph")
    return editable, layers


def one_weight_a_layout(editable: EditableGraph) -> dict[str, Weight]:
    """Give operators with other output channels in the same weight a copy of it, in place; return `stored_weights`.

    A layer and its transpose (tied autoencoders) need scales along different axes: two copies in few bits are smaller
    than one in float32. Weights that are reached through operators of their own are left out where they differ.
    """
    weights, names = constants(editable.graph), FreshNames(editable.graph)
    for name, weight in stored_weights(editable).items():
        if any(reader.chain for reader in weight.readers):
            continue
        for layout in weight.layouts[1:]:
            copy = editable.graph.initializer.add()
            copy.CopyFrom(weights[name])
            copy.name = names(name)
            for reader in weight.readers:
                if reader.layout == layout:
                    reader.node.input[reader.index] = copy.name
    return {name: weight for name, weight in stored_weights(editable).items() if weight.layout is not None}


def store_weights(
    model: Model,
    calibration: Samples | None,
    editable: EditableGraph,
    layers: Mapping[str, Weight],
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
    weights = constants(editable.graph)
    batch = batch_of(model, calibration)
    statistics = measure_statistics(editable, batch) if batch else None
    means: Mapping[str, np.ndarray] = {}
    if calibration is not None and len(calibration) and statistics is None:
        means = channel_means(editable, (feeds_of(model, sample.value) for sample in calibration.spread(_MEANS_OF)))
    writer = PackedWeightWriter(editable)
    large = is_large(editable)
    with DecodedWeights() as decoded:
        for name, weight in layers.items():
            if large:
                return_freed_memory()
            tensor = editable.tensor(weights[name])
            corrected = list(_corrected(editable, weight, means))
            before = editable.array(tensor) if corrected else None
            decode = store(editable, writer, LayerWeight(weight, partial(editable.array, tensor)))
            if before is not None:
                error = concatenate(decode, weight.shape) - before
                for layer in corrected:
                    change = mean_output_error(layer, error, means[layer.input[0]])
                    correct_bias(editable, weights[layer.input[2]], change)
            if large and statistics and name in writer.written:
                decoded.add(name, weight.shape, decode())
        writer.write()
        remove_unused(editable.graph)
        if batch and statistics:
            restore_statistics(editable, statistics, batch, decoded)
    return model.with_proto(editable.materialise())


def _corrected(editable: EditableGraph, weight: Weight, means: Mapping[str, np.ndarray]) -> Iterator[onnx.NodeProto]:
    """Give copies of the layers that read a weight directly and whose bias, their own, can be corrected."""
    weights, counter = constants(editable.graph), uses(editable.graph)
    for reader in weight.readers:
        direct = reader.index == 1 and not reader.chain and reader.node.input[0] in means
        if direct and has_constant_bias(reader.node, weights) and counter[reader.node.input[2]] == 1:
            copy = onnx.NodeProto()
            copy.CopyFrom(reader.node)  # storing may replace it
            yield copy


def concatenate(decode: Decode, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values of a weight as one array."""
    return np.concatenate([np.ravel(part) for part in decode()]).reshape(shape)


@dataclass(frozen=True)
class WeightStorageTechnique(Technique, ABC):
    """A technique that stores every weight in another form, unpacked on loading: of layers, recurrent ones, tables.

    >>> from compsel.techniques import parse
    >>> isinstance(parse("cluster"), WeightStorageTechnique), isinstance(parse("int8-weight"), WeightStorageTechnique)
    (True, True)
    """

    @classmethod
    def suggestions(cls, model: Model) -> tuple[Technique, ...]:
        """Return nothing: it makes files small, but no inference faster."""
        return ()

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without operators that have weights, or with a quantised graph."""
        self._check_quantisable(model, WEIGHT_OPERATORS)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        editable, _ = prepare_layers(self.name, model)
        layers = one_weight_a_layout(editable)
        if not layers:
            raise NotApplicableError(
                f"{self.name}: those who read the weights of {model.name!r} have other output channels in them"
            )
        return store_weights(model, calibration, editable, layers, self._store)

    @abstractmethod
    def _store(self, editable: EditableGraph, writer: PackedWeightWriter, weight: LayerWeight) -> Decode:
        """Store one weight, a step or the like for each of its output channels."""

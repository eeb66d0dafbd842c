"""A network whose layers can be factorised at will: statistics are measured once, every choice follows from them."""

import bisect
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.errors import NotApplicableError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import EditableGraph, replace_nodes
from compsel.models.editing import edit_graph, remove_unused
from compsel.models.graph_queries import attribute, constants, is_standard, uses
from compsel.models.layers import output_axis
from compsel.models.model import Model
from compsel.models.shapes import sample_shapes
from compsel.techniques.channels.elimination import regularised, ridge
from compsel.techniques.factorization.decompose import (
    Factors,
    FittedLayer,
    Spectrum,
    channel_factors,
    output_spectrum,
)
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.preparation.biases import give_biases
from compsel.techniques.statistics.sample_feeds import SampleFeeds
from compsel.techniques.statistics.second_moments import MOST_FEATURES, SecondMoments, input_moments, output_moments

__all__ = ["Factoriser", "Method"]

Method = Literal["auto", "channel", "spatial", "tucker"]

# shares of a layer's work that its levels save: less than the first is not worth another operator
_SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_RANK_MULTIPLE, _RANKS_ROUNDED_FROM = 8, 32
_DENSE_RANK = 2
_FEWEST_OUTPUTS = 16


@dataclass(frozen=True)
class _Layer:
    """A layer that can be factorised.

    Attributes:
        shape: of its weight: (outputs, inputs, *kernel).
        inputs: spatial size of its input; empty for dense layers.
        positions: spatial size of its output.
    """

    node: onnx.NodeProto
    shape: tuple[int, ...]
    inputs: tuple[int, ...]
    positions: tuple[int, ...]

    @property
    def macs(self) -> int:
        return math.prod(self.shape) * math.prod(self.positions)

    @property
    def kinds(self) -> tuple[Method, ...]:
        kernel = self.shape[2:]
        if math.prod(kernel) == 1 or math.prod(self.shape[1:]) > MOST_FEATURES:
            return ("channel",)
        plain = attribute(self.node, "auto_pad", b"NOTSET") == b"NOTSET"
        flat = len(kernel) == _DENSE_RANK and min(kernel) > 1 and plain
        return ("channel", "tucker", "spatial") if flat else ("channel", "tucker")

    def rank(self, kind: Method, share: float) -> int:
        """Return the largest rank that saves this share of the work; 0 when there is none."""
        wanted = self.macs * (1 - share)
        most = min(self.shape[0], math.prod(self.shape[1:]))
        # the first rank that is too expensive, less one
        rank = bisect.bisect_right(range(1, most + 1), wanted, key=lambda rank: self.work(kind, rank))
        return rank - rank % _RANK_MULTIPLE if rank >= _RANKS_ROUNDED_FROM else rank

    def ranks(self, rank: int) -> tuple[int, int]:
        """Return the ranks of the inputs and outputs of a Tucker decomposition: in the ratio of the channels."""
        outputs, inputs = self.shape[:2]
        return max(1, min(inputs, round(rank * inputs / outputs))), min(rank, outputs)

    def work(self, kind: Method, rank: int) -> int:
        """Return the multiply-accumulates at a rank (of a Tucker decomposition: of the outputs)."""
        outputs, inputs, *kernel = self.shape
        places, taps = math.prod(self.positions), math.prod(kernel)
        if kind == "channel":
            return int(places * rank * (inputs * taps + outputs))
        if kind == "spatial":
            between = self.positions[0] * self.inputs[1]
            return int(between * rank * inputs * kernel[0] + places * rank * outputs * kernel[1])
        first, second = self.ranks(rank)
        return int(math.prod(self.inputs) * inputs * first + places * (first * second * taps + second * outputs))


class Factoriser:
    """Which layers of a model can be factorised, how much that saves and loses, and the model with them factorised.

    Args:
        model: what to compress; it stays as it is.
        samples: calibration samples.
        method: one kind of factorisation, or "auto": for each layer the one that loses least for the work it saves.

    Raises:
        NotApplicableError: no layer can be factorised.

    >>> from compsel.networks import build
    >>> from compsel.inputs.samples import ArraySamples
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> images = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), np.uint8)
    >>> factoriser = Factoriser(model, ArraySamples(list(images)))
    >>> layer = factoriser.layers[-1]
    >>> factoriser.work({layer: 3}) < factoriser.work({layer: 1}) < factoriser.work({})
    True
    """

    def __init__(self, model: Model, samples: Samples, method: Method = "auto") -> None:
        self.model, self._method = model, method
        self.editable = give_biases(fold(edit_graph(model)))
        self._weights = constants(self.editable.graph)
        self._shapes = sample_shapes(self.editable, feeds_of(model, samples.value(0)))
        found = {layer.node.name: layer for layer in _layers(self.editable, self._shapes)}
        levels = {name: [self._ranks(layer, share) for share in _SHARES[1:]] for name, layer in found.items()}
        # ranks of each kind at each level; level 0 has none
        self._levels = {name: [{}, *filter(None, ranks)] for name, ranks in levels.items() if ranks[0]}
        self._layers = {name: found[name] for name in self._levels}
        if not self._layers:
            raise NotApplicableError(f"low-rank: {model.name!r} has no layer that a factorisation would make cheaper")
        self._base = _work(self.editable, self._shapes)
        self._samples = samples
        # of what layers give, the first one until its components are known
        self._outputs: dict[str, SecondMoments] = {}
        self._means: dict[str, np.ndarray] = {}
        # of what layers read: mean, and regularised covariance in single precision, which is enough for that
        self._read: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._recent: tuple[str, FittedLayer] | None = None
        self._cache: dict[tuple[str, int], tuple[Method, Factors]] = {}
        self._spectra: dict[str, Spectrum] = {}

    def measure(self, layers: Iterable[str]) -> None:
        """Measure, in one go, what these layers read and give; a layer that is not among them has to wait."""
        wanted = set(layers) - self._means.keys()
        new = {name: layer for name, layer in self._layers.items() if name in wanted}
        if not new:
            return
        feeds = SampleFeeds(self.model, self._samples)
        self._outputs |= output_moments(self.editable, {name: layer.shape[0] for name, layer in new.items()}, feeds)
        self._means |= {name: self._outputs[name].mean for name in new}
        wide = {n: layer for n, layer in new.items() if set(layer.kinds) - {"channel"} and self._method != "channel"}
        sizes = {name: (layer.shape[1], math.prod(layer.shape[2:])) for name, layer in wide.items()}
        for names, moments in input_moments(self.editable, sizes, feeds, len(self._samples)):
            covariance = regularised(moments.covariance(0), moments.rows).astype(np.float32)
            self._read.update(dict.fromkeys(names, (moments.mean, covariance)))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be factorised, in the order of the graph."""
        return tuple(self._layers)

    def levels(self, layer: str) -> int:
        """Return the number of levels of a layer."""
        return len(self._levels[layer])

    def share(self, layer: str, level: int) -> float:
        """Return the share of the layer's work that a level saves, at least."""
        return _SHARES[level]

    def loss(self, layer: str, level: int) -> float:
        """Return the squared error of the layer's output over its variance."""
        if not level:
            return 0.0
        for number in range(1, self.levels(layer)):  # who asks for one asks for others: they share what is costly
            self._best(layer, number)
        return self._best(layer, level)[1].loss

    def work(self, plan: Mapping[str, int]) -> int:
        """Return the multiply-accumulates for one sample at these levels."""
        work = self._base
        for name, level in plan.items():
            if level:
                kind, factors = self._best(name, level)
                work += self._layers[name].work(kind, len(factors.weights[-2])) - self._layers[name].macs
        return work

    def most_saved(self, layer: str) -> int:
        """Return about how many multiply-accumulates the highest level of a layer saves."""
        return int(_SHARES[self.levels(layer) - 1] * self._layers[layer].macs)

    def altered(self, layer: str, level: int) -> dict[str, np.ndarray]:
        """Return the weight and the bias with which the graph answers as with the factors of a level."""
        node, shape = self._layers[layer].node, self._layers[layer].shape
        factors = self._best(layer, level)[1]
        total = factors.total
        found = {node.input[1]: total.reshape(shape) if output_axis(node) == 0 else np.ascontiguousarray(total.T)}
        if node.op_type != "MatMul":
            found[node.input[2]] = np.asarray(self._bias(node, factors), np.float32)
        return found

    def make(self, plan: Mapping[str, int]) -> Model:
        """Return the model at these levels."""
        return self.replace({name: self._best(name, level)[1] for name, level in plan.items() if level})

    def factors(self, layer: str, kind: Method, rank: int) -> Factors:
        """Factorise one layer.

        Args:
            layer: its name.
            kind: "channel", "spatial" or "tucker".
            rank: of a Tucker decomposition: of the output channels.
        """
        found = self._layers[layer]
        self.measure([layer])
        if kind == "spatial":
            return self._fitted(layer).spatial(rank)
        if kind == "tucker":
            return self._fitted(layer).tucker(found.ranks(rank))
        weight = self._weight(found)
        if layer not in self._spectra:
            moments, flat = self._outputs.pop(layer), weight.reshape(len(weight), -1)
            share = ridge(len(flat), moments.rows)
            self._spectra[layer] = output_spectrum(flat, moments.covariance(0), share)
        return channel_factors(weight, self._spectra[layer], rank)

    def replace(self, factors: Mapping[str, Factors]) -> Model:
        """Return the model with layers replaced by their factors; biases take up what changes in the mean."""
        editable = self.editable.copy()
        nodes: list[onnx.NodeProto] = []
        for node in editable.graph.node:
            if node.name in factors:
                nodes += self._split(editable, node, factors[node.name])
            else:
                nodes.append(node)
        replace_nodes(editable.graph, nodes)
        remove_unused(editable.graph)
        del editable.graph.value_info[:]
        return self.model.with_proto(editable.materialise())

    def _ranks(self, layer: _Layer, share: float) -> dict[Method, int]:
        kinds = layer.kinds if self._method == "auto" else [kind for kind in layer.kinds if kind == self._method]
        ranks = {kind: layer.rank(kind, share) for kind in kinds}
        return {kind: rank for kind, rank in ranks.items() if rank}

    def _best(self, layer: str, level: int) -> tuple[Method, Factors]:
        if (layer, level) not in self._cache:
            found = [(kind, self.factors(layer, kind, rank)) for kind, rank in self._levels[layer][level].items()]
            self._cache[layer, level] = min(found, key=lambda one: one[1].loss)
        return self._cache[layer, level]

    def _bias(self, node: onnx.NodeProto, factors: Factors) -> np.ndarray:
        """Return the bias with which the mean of the output stays."""
        layer = self._layers[node.name]
        old = self.editable.array(self._weights[node.input[2]])
        if node.name in self._read:
            flat = self._weight(layer).reshape(layer.shape[0], -1)
            return np.asarray(old + (flat - factors.total) @ self._read[node.name][0])
        # a projection of the outputs
        mean = self._means[node.name] - old
        basis = factors.weights[1].reshape(layer.shape[0], -1)
        return np.asarray(old + mean - basis @ (basis.T @ mean))

    def _weight(self, layer: _Layer) -> np.ndarray:
        """Return the weight of a layer, (outputs, inputs, *kernel): all of them together are as large as the model."""
        weight = self.editable.array(self._weights[layer.node.input[1]])
        return weight if output_axis(layer.node) == 0 else weight.T

    def _fitted(self, layer: str) -> FittedLayer:
        """Return what the factorisations of a layer share; that of the last layer is kept."""
        if self._recent is None or self._recent[0] != layer:
            self._recent = (layer, FittedLayer(self._weight(self._layers[layer]), self._read[layer][1]))
        return self._recent[1]

    def _split(self, editable: EditableGraph, node: onnx.NodeProto, factors: Factors) -> list[onnx.NodeProto]:
        bias = self._bias(node, factors) if node.op_type != "MatMul" else None
        return list(_small_layers(editable, node, self._layers[node.name].shape[2:], factors.weights, bias))


def _small_layers(
    editable: EditableGraph,
    node: onnx.NodeProto,
    full: tuple[int, ...],
    weights: tuple[np.ndarray, ...],
    bias: np.ndarray | None,
) -> Iterator[onnx.NodeProto]:
    """Give the layers that replace one (whose kernel is `full`); the last one has the bias."""
    value = node.input[0]
    for index, weight in enumerate(weights):
        last = index == len(weights) - 1
        name = f"{node.name}.factor{index}"
        inputs = [value, f"{name}.weight"]
        stored = weight if node.op_type != "MatMul" else weight.T
        editable.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(stored, np.float32), inputs[1]))
        if last and bias is not None:
            inputs.append(f"{name}.bias")
            editable.graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), inputs[2]))
        value = node.output[0] if last else f"{name}.output"
        yield onnx.helper.make_node(
            node.op_type, inputs, [value], name, **_attributes(node, weight.shape[2:], full, index)
        )


def _attributes(node: onnx.NodeProto, kernel: tuple[int, ...], sides: tuple[int, ...], index: int) -> dict[str, object]:
    """Return the attributes of a factor: strides and pads go where the kernel has their axis."""
    if node.op_type != "Conv":
        return {"transB": 1} if node.op_type == "Gemm" else {}
    own = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute if entry.name != "group"}
    if math.prod(kernel) == 1 and (index > 0 or math.prod(sides) > 1):
        return {"kernel_shape": list(kernel)}
    if tuple(kernel) == sides:
        return {**own, "kernel_shape": list(kernel)}
    rank = len(kernel)
    return {
        "kernel_shape": list(kernel),
        "strides": [s if kernel[axis] > 1 else 1 for axis, s in enumerate(own.get("strides", [1] * rank))],
        "dilations": [d if kernel[axis] > 1 else 1 for axis, d in enumerate(own.get("dilations", [1] * rank))],
        "pads": [pad if kernel[n % rank] > 1 else 0 for n, pad in enumerate(own.get("pads", [0] * 2 * rank))],
    }


def _layers(editable: EditableGraph, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[_Layer]:
    weights, counter = constants(editable.graph), uses(editable.graph)
    for node in editable.graph.node:
        if not is_standard(node, "Conv", "Gemm", "MatMul") or attribute(node, "group", 1) != 1:
            continue
        tensor = weights.get(node.input[1])
        bias = weights.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        plain = len(node.input) < 3 or not node.input[2] or (bias is not None and len(bias.dims) == 1)
        known = node.input[0] in shapes and node.output[0] in shapes
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT or not plain or not known:
            continue
        if counter[node.input[1]] != 1:  # others read it too
            continue
        shape = tuple(tensor.dims)
        if is_standard(node, "Conv"):
            places, result = shapes[node.input[0]][2:], shapes[node.output[0]][2:]
        elif len(shape) == _DENSE_RANK and _is_plain(node):
            shape = shape if output_axis(node) == 0 else shape[::-1]
            places, result = (), (math.prod(shapes[node.output[0]][1:-1]),)
        else:
            continue
        if shape[0] >= _FEWEST_OUTPUTS:
            yield _Layer(node, shape, places, result)


def _work(editable: EditableGraph, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the multiply-accumulates of all layers with constant weights for one sample."""
    weights = constants(editable.graph)
    work = 0
    for node in editable.graph.node:
        if is_standard(node, "Conv", "Gemm", "MatMul") and node.input[1] in weights and node.output[0] in shapes:
            weight = weights[node.input[1]].dims
            products = math.prod(weight[1:]) if output_axis(node) == 0 else weight[-2]
            work += math.prod(shapes[node.output[0]]) * products
    return work


def _is_plain(node: onnx.NodeProto) -> bool:
    scaled = attribute(node, "alpha", 1.0) != 1.0 or attribute(node, "beta", 1.0) != 1.0
    return not scaled and not attribute(node, "transA", 0)

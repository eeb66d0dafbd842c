"""A model whose layers can be factorised at any rank, from statistics that are measured once."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import onnx

from compsel.errors import NotApplicableError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import replace_nodes
from compsel.models.editing import edit_graph, remove_unused
from compsel.models.graph_queries import constants
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
from compsel.techniques.factorization.layers import (
    FactorisableLayer,
    Kind,
    factorisable_layers,
    multiply_accumulates,
)
from compsel.techniques.factorization.replacement import factor_nodes
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.preparation.biases import give_biases
from compsel.techniques.statistics.sample_feeds import SampleFeeds
from compsel.techniques.statistics.second_moments import SecondMoments, input_moments, output_moments

__all__ = ["Factoriser", "Method"]

Method = Literal["auto", "channel", "spatial", "tucker"]

# shares of a layer's work that its levels save: less than the first is not worth another operator
_SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


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
        layers = {layer.node.name: layer for layer in factorisable_layers(self.editable, self._shapes)}
        levels = {name: [self._ranks(layer, share) for share in _SHARES[1:]] for name, layer in layers.items()}
        # ranks of each kind at each level; level 0 has none
        self._levels = {name: [{}, *filter(None, ranks)] for name, ranks in levels.items() if ranks[0]}
        self._layers = {name: layers[name] for name in self._levels}
        if not self._layers:
            raise NotApplicableError(f"low-rank: {model.name!r} has no layer that a factorisation would make cheaper")
        self._base = multiply_accumulates(self.editable, self._shapes)
        self._samples = samples
        # of the outputs of layers, the former until its components are known
        self._outputs: dict[str, SecondMoments] = {}
        self._means: dict[str, np.ndarray] = {}
        # of the inputs of layers: mean, and regularised covariance in single precision, which is enough for that
        self._inputs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._recent: tuple[str, FittedLayer] | None = None
        self._cache: dict[tuple[str, int], tuple[Kind, Factors]] = {}
        self._spectra: dict[str, Spectrum] = {}

    def measure(self, layers: Iterable[str]) -> None:
        """Measure, in one go, inputs and outputs of these layers; others are measured, alone, when needed."""
        missing = set(layers) - self._means.keys()
        new = {name: layer for name, layer in self._layers.items() if name in missing}
        if not new:
            return
        feeds = SampleFeeds(self.model, self._samples)
        self._outputs |= output_moments(self.editable, {name: layer.shape[0] for name, layer in new.items()}, feeds)
        self._means |= {name: self._outputs[name].mean for name in new}
        wide = {n: layer for n, layer in new.items() if set(layer.kinds) - {"channel"} and self._method != "channel"}
        sizes = {name: (layer.shape[1], math.prod(layer.shape[2:])) for name, layer in wide.items()}
        for names, moments in input_moments(self.editable, sizes, feeds, len(self._samples)):
            covariance = regularised(moments.covariance(0), moments.rows).astype(np.float32)
            self._inputs.update(dict.fromkeys(names, (moments.mean, covariance)))

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

    def largest_saving(self, layer: str) -> int:
        """Return about how many multiply-accumulates the highest level of a layer saves."""
        return int(_SHARES[self.levels(layer) - 1] * self._layers[layer].macs)

    def equivalent_weights(self, layer: str, level: int) -> dict[str, np.ndarray]:
        """Return the weight and the bias with which the graph answers as with the factors of a level."""
        node, shape = self._layers[layer].node, self._layers[layer].shape
        factors = self._best(layer, level)[1]
        total = factors.total
        weights = {node.input[1]: total.reshape(shape) if output_axis(node) == 0 else np.ascontiguousarray(total.T)}
        if node.op_type != "MatMul":
            weights[node.input[2]] = np.asarray(self._bias(node, factors), np.float32)
        return weights

    def make(self, plan: Mapping[str, int]) -> Model:
        """Return the model at these levels."""
        return self.replace({name: self._best(name, level)[1] for name, level in plan.items() if level})

    def factors(self, layer: str, kind: Kind, rank: int) -> Factors:
        """Factorise one layer.

        Args:
            layer: its name.
            kind: "channel", "spatial" or "tucker".
            rank: of a Tucker decomposition: of the output channels.
        """
        factorisable = self._layers[layer]
        self.measure([layer])
        if kind == "spatial":
            return self._fitted(layer).spatial(rank)
        if kind == "tucker":
            return self._fitted(layer).tucker(factorisable.tucker_ranks(rank))
        weight = self._weight(factorisable)
        if layer not in self._spectra:
            moments, flat = self._outputs.pop(layer), weight.reshape(len(weight), -1)
            share = ridge(len(flat), moments.rows)
            self._spectra[layer] = output_spectrum(flat, moments.covariance(0), share)
        return channel_factors(weight, self._spectra[layer], rank)

    def replace(self, factors: Mapping[str, Factors]) -> Model:
        """Return the model with layers replaced by their factors; biases absorb changes of the mean."""
        editable = self.editable.copy()
        nodes: list[onnx.NodeProto] = []
        for node in editable.graph.node:
            if node.name in factors:
                bias = self._bias(node, factors[node.name]) if node.op_type != "MatMul" else None
                kernel = self._layers[node.name].shape[2:]
                nodes += factor_nodes(editable, node, kernel, factors[node.name].weights, bias)
            else:
                nodes.append(node)
        replace_nodes(editable.graph, nodes)
        remove_unused(editable.graph)
        del editable.graph.value_info[:]
        return self.model.with_proto(editable.materialise())

    def _ranks(self, layer: FactorisableLayer, share: float) -> dict[Kind, int]:
        kinds = layer.kinds if self._method == "auto" else [kind for kind in layer.kinds if kind == self._method]
        ranks = {kind: layer.rank(kind, share) for kind in kinds}
        return {kind: rank for kind, rank in ranks.items() if rank}

    def _best(self, layer: str, level: int) -> tuple[Kind, Factors]:
        if (layer, level) not in self._cache:
            candidates = [(kind, self.factors(layer, kind, rank)) for kind, rank in self._levels[layer][level].items()]
            self._cache[layer, level] = min(candidates, key=lambda candidate: candidate[1].loss)
        return self._cache[layer, level]

    def _bias(self, node: onnx.NodeProto, factors: Factors) -> np.ndarray:
        """Return the bias with which the mean of the output stays."""
        layer = self._layers[node.name]
        old = self.editable.array(self._weights[node.input[2]])
        if node.name in self._inputs:
            flat = self._weight(layer).reshape(layer.shape[0], -1)
            return np.asarray(old + (flat - factors.total) @ self._inputs[node.name][0])
        # a projection of the outputs
        mean = self._means[node.name] - old
        basis = factors.weights[1].reshape(layer.shape[0], -1)
        return np.asarray(old + mean - basis @ (basis.T @ mean))

    def _weight(self, layer: FactorisableLayer) -> np.ndarray:
        """Return the weight of a layer, (outputs, inputs, *kernel): all of them together are as large as the model."""
        weight = self.editable.array(self._weights[layer.node.input[1]])
        return weight if output_axis(layer.node) == 0 else weight.T

    def _fitted(self, layer: str) -> FittedLayer:
        """Return what the factorisations of a layer share; that of the last layer is kept."""
        if self._recent is None or self._recent[0] != layer:
            self._recent = (layer, FittedLayer(self._weight(self._layers[layer]), self._inputs[layer][1]))
        return self._recent[1]

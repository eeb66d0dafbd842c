"""Give the layers of a changed network the statistics of their outputs back: mean and spread of each channel.

What re-estimating batch norms does in training frameworks (Frantar and Alistarh 2022, "Optimal Brain Compression",
section 6, and many before), for graphs whose batch norms are folded: every layer then sees inputs like those that it
was trained on, also behind many changed layers. EfficientNet-Lite0 with half of its weights pruned names the right
class for 0.5 % of 200 photographs as it is, for 34 % with its biases corrected and for 67 % with this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import EditableGraph, add_constant, replace_nodes
from compsel.models.graph_queries import constants, is_standard, uses
from compsel.models.graph_session import open_session
from compsel.models.layers import bias_name, is_float, is_plain
from compsel.models.model import Model
from compsel.models.packed_weights import PREFIX, scale_channels
from compsel.techniques.weights.decoded_weights import DecodedWeights

__all__ = ["LayerStatistics", "batch_of", "measure_statistics", "restore_statistics"]

_BATCH = 16  # each position of each sample counts: more hardly change the result
_LEAST_GAIN, _LARGEST_GAIN = 0.25, 4.0
_TINY = 1e-6
_PREFIX = "compsel.statistics/"
_AXES_ARE_INPUTS = 18  # operator set from which reductions take their axes as an input
_BIAS_INPUT = {"Conv": 2, "ConvTranspose": 2, "Gemm": 2, "MatMulNBits": 5}
_CONVOLUTIONS = ("Conv", "ConvTranspose")
Batch = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class LayerStatistics:
    """Mean and standard deviation of each output channel of layers.

    Attributes:
        means, deviations: float32 (channels,), by name of the node.

    >>> LayerStatistics({"conv": np.zeros(2)}, {"conv": np.ones(2)}).deviations["conv"].tolist()
    [1.0, 1.0]
    """

    means: Mapping[str, np.ndarray]
    deviations: Mapping[str, np.ndarray]


def batch_of(model: Model, samples: Samples | None) -> dict[str, np.ndarray] | None:
    """Return up to 16 samples as one batch; None without samples, or where the model takes no batch of them."""
    if samples is None or any(spec.shape is None or spec.shape[:1] != (None,) for spec in model.inputs):
        return None
    feeds = [feeds_of(model, sample.value) for sample in samples.spread(_BATCH)]
    if len(feeds) < 2 or any(feed[name].shape != feeds[0][name].shape for feed in feeds for name in feed):
        return None
    return {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}


def measure_statistics(editable: EditableGraph, batch: Batch) -> LayerStatistics | None:
    """Measure what convolutions and dense layers give; None where the graph cannot take the batch."""
    layers = [node.name for node, _ in _correctable_layers(editable)]
    values = _run(editable, layers, batch, None, None)
    if values is None:
        return None
    return LayerStatistics({name: values[name][0] for name in layers}, {name: values[name][1] for name in layers})


def restore_statistics(
    editable: EditableGraph, target: LayerStatistics, batch: Batch, decoded: DecodedWeights | None = None
) -> None:
    """Scale and shift the layers of a changed graph, in place, so that their outputs have these statistics again.

    One run measures all layers: behind each one its channels are normalised while the batch passes, so that the next
    one has the inputs that it will have. Only the means of dense layers are restored: a batch has few outputs of
    theirs.

    Args:
        editable: the graph.
        target: of the graph before it was changed.
        batch: what those were measured on.
        decoded: the weights that the graph unpacks, where those are large.
    """
    values = _run(editable, list(target.means), batch, target, decoded)
    weights = constants(editable.graph)
    for node, index in list(_correctable_layers(editable)) if values else ():
        assert values is not None
        if node.name not in values:
            continue
        mean, gain = values[node.name]
        if (gain != 1).any():
            scale_channels(editable, node, gain)
        bias = bias_name(node, index)
        old = editable.array(weights[bias]) if bias else np.zeros_like(mean)
        shifted = ((old - mean) * gain + target.means[node.name]).astype(np.float32)
        if bias:
            weights[bias].CopyFrom(numpy_helper.from_array(shifted, bias))
        else:
            del node.input[index:]
            node.input.append(add_constant(editable.graph, f"{_PREFIX}{node.name}/bias", shifted).name)


def _correctable_layers(editable: EditableGraph) -> Iterator[tuple[onnx.NodeProto, int]]:
    """Give the layers that can be corrected: with constant weights, and a bias of their own or room for one."""
    counter, weights = uses(editable.graph), constants(editable.graph)
    unpacked = {name for node in editable.graph.node if node.name.startswith(PREFIX) for name in node.output}
    for node in editable.graph.node:
        index = _BIAS_INPUT.get(node.op_type, 0)
        if not index or len(node.input) < 2 or not (node.input[1] in weights or node.input[1] in unpacked):
            continue
        bias = bias_name(node, index)
        if bias:
            correctable = is_float(weights.get(bias)) and counter[bias] == 1 and len(weights[bias].dims) == 1
        else:
            correctable = is_standard(node, *_CONVOLUTIONS)
        if correctable and is_plain(node):
            yield node, index


def _run(
    editable: EditableGraph,
    layers: list[str],
    batch: Batch,
    target: LayerStatistics | None,
    decoded: DecodedWeights | None,
) -> dict[str, tuple[np.ndarray, np.ndarray]] | None:
    """Return mean and deviation of each layer's channels, or, when a target is given, mean and the gain to apply."""
    counter = uses(editable.graph)
    scalable = {
        node.name: is_standard(node, *_CONVOLUTIONS) and counter[node.input[1]] == 1
        for node, _ in _correctable_layers(editable)
    }
    kept = [name for name in layers if name in scalable]
    measured = editable.copy()
    if decoded:
        decoded.replace_unpacking(measured.graph)
    writer = _StatisticsOperators(measured.proto)
    for name in kept:
        writer.measure(name)
        if target is not None:
            writer.normalise(name, target.means[name], target.deviations[name] if scalable[name] else None)
    writer.write()
    try:
        session = open_session(measured, folder=decoded.folder if decoded else None)
        values = session.run(writer.outputs, dict(batch))
    except Exception:  # ONNX Runtime's exceptions have no common base: the graph holds its batch fixed somewhere
        return None
    flat = [np.asarray(value, np.float32).ravel() for value in values]
    return {name: (flat[2 * index], flat[2 * index + 1]) for index, name in enumerate(kept)}


class _StatisticsOperators:
    """Writes operators behind layers that measure, and normalise, their outputs."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.graph = proto.graph
        self._added: dict[str, list[onnx.NodeProto]] = {}
        self._layers = {node.name: node for node in proto.graph.node}
        self._results: dict[str, tuple[str, str]] = {}
        self._axes_as_input = any(
            entry.domain in ("", "ai.onnx") and entry.version >= _AXES_ARE_INPUTS for entry in proto.opset_import
        )
        # batch, channels, positions
        self._constant("shape", np.array([0, 0, -1]))
        self._constant("axes", np.array([0, 2]))
        for role, number in (("tiny", _TINY), ("least", _LEAST_GAIN), ("largest", _LARGEST_GAIN)):
            self._constant(role, np.float32(number))

    @property
    def outputs(self) -> list[str]:
        """Names of mean and deviation, or gain, of each layer, float32 (1, channels, 1)."""
        return [name for pair in self._results.values() for name in pair]

    def measure(self, name: str) -> None:
        """Measure mean and deviation of the channels of a layer's output."""
        self._added[name] = []
        flat = self._op(name, "Reshape", [self._layers[name].output[0], f"{_PREFIX}shape"], "flat")
        mean = self._mean(name, flat, "mean")
        centred = self._op(name, "Sub", [flat, mean], "centred")
        variance = self._mean(name, self._op(name, "Mul", [centred, centred], "squares"), "variance")
        self._results[name] = mean, self._op(name, "Sqrt", [variance], "deviation")

    def normalise(self, name: str, mean: np.ndarray, deviation: np.ndarray | None) -> None:
        """Give the output of a measured layer this mean and deviation; without the latter, the mean only."""
        stem = f"{_PREFIX}{name}/"
        shape = (1, -1, 1)
        if deviation is None:
            gain = self._constant(f"{name}/gain", np.ones(mean.size, np.float32).reshape(shape))
        else:
            target = self._constant(f"{name}/wanted", deviation.reshape(shape) + np.float32(_TINY))
            own = self._op(name, "Add", [f"{stem}deviation", f"{_PREFIX}tiny"], "own")
            ratio = self._op(name, "Div", [target, own], "ratio")
            gain = self._op(name, "Clip", [ratio, f"{_PREFIX}least", f"{_PREFIX}largest"], "gain")
        layer = self._layers[name]
        output, layer.output[0] = layer.output[0], f"{stem}raw"
        self._added[name][0].input[0] = f"{stem}raw"
        scaled = self._op(name, "Mul", [f"{stem}centred", gain], "scaled")
        shift = self._constant(f"{name}/shift", mean.reshape(shape))
        shifted = self._op(name, "Add", [scaled, shift], "shifted")
        original = self._op(name, "Shape", [f"{stem}raw"], "shape")
        self._added[name].append(helper.make_node("Reshape", [shifted, original], [output]))
        self._results[name] = f"{stem}mean", gain

    def write(self) -> None:
        """Put the operators behind their layers."""
        replace_nodes(
            self.graph, [part for node in self.graph.node for part in (node, *self._added.get(node.name, ()))]
        )
        present = {value.name for value in self.graph.output}
        self.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.outputs if name not in present)

    def _mean(self, name: str, value: str, role: str) -> str:
        if self._axes_as_input:
            return self._op(name, "ReduceMean", [value, f"{_PREFIX}axes"], role)
        return self._op(name, "ReduceMean", [value], role, axes=[0, 2])

    def _op(self, layer: str, op_type: str, inputs: list[str], role: str, **attributes: object) -> str:
        output = f"{_PREFIX}{layer}/{role}"
        self._added[layer].append(helper.make_node(op_type, inputs, [output], **attributes))
        return output

    def _constant(self, role: str, values: np.ndarray | np.generic) -> str:
        add_constant(self.graph, f"{_PREFIX}{role}", np.asarray(values))
        return f"{_PREFIX}{role}"

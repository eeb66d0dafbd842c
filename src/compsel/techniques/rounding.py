"""Round the weights of a graph to their 8-bit grids, and correct the biases for the mean error that makes."""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QuantType

from compsel.techniques.calibrate import open_session, with_outputs
from compsel.techniques.graph import attribute, constants, is_standard, uses
from compsel.techniques.qdq import Overrides
from compsel.techniques.weights import WeightRange, quantise_weight

__all__ = ["WeightRange", "channel_means", "correct_bias", "has_bias", "round_weights"]

_MEAN = "compsel.mean"


def channel_means(proto: onnx.ModelProto, feeds: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Measure the mean of each channel of the inputs of convolutions and dense layers with a bias.

    Returns:
        by name of the input, float64 (channels,); the same weight for every sample.
    """
    weights = constants(proto.graph)
    layers = [node for node in proto.graph.node if has_bias(node, weights)]
    graph = with_outputs(proto, ())
    names: dict[str, str] = {}
    for node in layers:
        if node.input[0] in names:
            continue
        name = names[node.input[0]] = f"{_MEAN}.{len(names)}"
        # a dense layer's input is (batch, channels): it is averaged over the batch below, like the other's result
        op_type = "GlobalAveragePool" if node.op_type == "Conv" else "Identity"
        graph.graph.node.append(onnx.helper.make_node(op_type, [node.input[0]], [name], name))
        graph.graph.output.append(onnx.ValueInfoProto(name=name))
    sums = {name: np.zeros(()) for name in names}
    count = 0
    session = open_session(graph) if names else None
    for feed in feeds if session else ():
        assert session is not None
        for name, value in zip(names, session.run(list(names.values()), dict(feed)), strict=True):
            sums[name] = sums[name] + value.astype(np.float64).reshape(*value.shape[:2]).mean(axis=0)
        count += 1
    return {name: total / max(count, 1) for name, total in sums.items()}


def round_weights(proto: onnx.ModelProto, bounds: WeightRange, means: Mapping[str, np.ndarray]) -> Overrides:
    """Round the weights of convolutions and dense layers in place; return their scales.

    The rounded weights shift the mean of a layer's output by (rounded - weight) times the mean of its input: the
    bias takes that back (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
    Correction", section 4.2, with measured means).

    Args:
        proto: the graph.
        bounds: see `compsel.techniques.weights.quantise_weight`.
        means: mean of each channel of the layers' inputs; biases of layers that are not in it stay.
    """
    weights, counter = constants(proto.graph), uses(proto.graph)
    overrides: Overrides = {}
    for node in proto.graph.node:
        name = node.input[1] if len(node.input) > 1 else ""
        if name in overrides or name not in weights or weights[name].data_type != onnx.TensorProto.FLOAT:
            continue
        weight = numpy_helper.to_array(weights[name])
        rounded = quantise_weight(weight, node, bounds)
        if rounded is None:
            continue
        overrides[name] = [
            {"quant_type": QuantType.QInt8, "scale": scale, "zero_point": np.array(0), "axis": rounded.axis}
            for scale in rounded.scales
        ]
        if node.input[0] in means and has_bias(node, weights) and counter[node.input[2]] == 1:
            correct_bias(node, weights[node.input[2]], rounded.values - weight, means[node.input[0]])
        weights[name].CopyFrom(numpy_helper.from_array(rounded.values, name))
    return overrides


def has_bias(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    """Tell whether a node is a layer with constant weight and bias, to which a correction can be added."""
    if not is_standard(node, "Conv", "Gemm") or len(node.input) < 3 or node.input[2] not in weights:
        return False
    if node.op_type == "Conv":
        return node.input[1] in weights
    plain = attribute(node, "alpha", 1.0) == 1.0 and attribute(node, "beta", 1.0) == 1.0
    return node.input[1] in weights and plain and not attribute(node, "transA", 0)


def correct_bias(node: onnx.NodeProto, bias: onnx.TensorProto, error: np.ndarray, mean: np.ndarray) -> None:
    """Take from a bias, in place, what an error in the weight adds to the mean of the layer's output."""
    values = numpy_helper.to_array(bias)
    corrected = (values - _mean_error(node, error, mean)).astype(values.dtype)
    bias.CopyFrom(numpy_helper.from_array(corrected, bias.name))


def _mean_error(node: onnx.NodeProto, error: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the mean of what an error in the weight adds to each output channel, (channels,).

    Borders of padded convolutions see fewer inputs; that is left out.
    """
    if is_standard(node, "Gemm"):
        return np.asarray(mean @ (error.T if attribute(node, "transB", 0) else error))
    taps = error.reshape(error.shape[0], error.shape[1], -1).sum(axis=2)
    # a channel of group g reads the inputs of group g
    groups = mean.size // taps.shape[1]
    inputs = np.repeat(mean.reshape(groups, taps.shape[1]), error.shape[0] // groups, axis=0)
    return np.asarray((taps * inputs).sum(axis=1))

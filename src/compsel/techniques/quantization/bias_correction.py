"""Correct biases for what an error in the weight adds to the mean of a layer's output.

Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2, with measured
means.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import attribute, constants, is_standard
from compsel.models.layers import has_constant_bias
from compsel.techniques.statistics.reductions import Reductions

__all__ = ["channel_means", "correct_bias", "mean_output_error"]

_ROWS = 64


def channel_means(editable: EditableGraph, feeds: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Measure the mean of each channel of the inputs of convolutions and dense layers with a bias.

    Returns:
        by name of the input, float64 (channels,); the same weight for every sample. Samples for which an input is empty
        or not finite do not count, and an input of which no sample does is left out.
    """
    weights = constants(editable.graph)
    # a dense layer's input is (batch, channels): it is averaged over the batch below, like the other's result
    operators: dict[str, str] = {}
    for node in editable.graph.node:
        if has_constant_bias(node, weights):
            operators.setdefault(node.input[0], "GlobalAveragePool" if node.op_type == "Conv" else "Identity")
    reductions = Reductions(editable)
    for name, op_type in operators.items():
        reductions.add(op_type, name)
    sums = {name: np.zeros(()) for name in operators}
    counts = dict.fromkeys(operators, 0)
    for values in reductions.run(feeds):
        for name, value in zip(operators, values, strict=True):
            if value.size and np.isfinite(value).all():
                sums[name] = sums[name] + value.astype(np.float64).reshape(*value.shape[:2]).mean(axis=0)
                counts[name] += 1
    return {name: sums[name] / count for name, count in counts.items() if count}


def correct_bias(editable: EditableGraph, bias: onnx.TensorProto, error: np.ndarray) -> None:
    """Take from a bias, in place, the mean error of the layer's output, (channels,)."""
    values = editable.array(bias)
    corrected = (values - error).astype(values.dtype)
    bias.CopyFrom(numpy_helper.from_array(corrected, bias.name))


def mean_output_error(node: onnx.NodeProto, error: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return what an error in the weight adds to the mean of each output channel, (channels,).

    Borders of padded convolutions see fewer inputs; that is left out.

    Args:
        node: Conv or Gemm.
        error: in its weight, of the weight's shape.
        mean: of each channel of its input.
    """
    if is_standard(node, "Gemm"):
        rows = error if attribute(node, "transB", 0) else error.T
        # the product is in float64: not of all rows at once
        return np.concatenate([rows[start : start + _ROWS] @ mean for start in range(0, len(rows), _ROWS)])
    taps = error.reshape(error.shape[0], error.shape[1], -1).sum(axis=2)
    # a channel of group g reads the inputs of group g
    groups = mean.size // taps.shape[1]
    inputs = np.repeat(mean.reshape(groups, taps.shape[1]), error.shape[0] // groups, axis=0)
    return np.asarray((taps * inputs).sum(axis=1))

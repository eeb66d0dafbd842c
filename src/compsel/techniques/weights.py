"""8-bit weights whose products no kernel can overflow, with the least squared error.

On x86 without VNNI, 8-bit kernels multiply unsigned activations with signed weights by `vpmaddubsw`, which adds two
neighbouring products in 16 bits and saturates: 255 * (127 + 127) does not fit. ONNX Runtime's documentation advises
7-bit weights there ("Quantize ONNX Models", section "When and why do I need to try U8U8?"). That gives up a bit of
every weight; only neighbours of the same sign that add up to more than 128 overflow, so only those are bounded here,
with the step of each channel chosen to lose least.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx

from compsel.techniques.graph import attribute, is_standard

__all__ = ["QuantisedWeight", "WeightRange", "output_axis", "quantise_weight"]

WeightRange = Literal["safe", "full", "reduced"]
_LARGEST = {"safe": 127, "full": 127, "reduced": 64}
_PAIR = 128  # 255 * 128 < 2 ** 15
_FACTORS = np.linspace(1.0, 2.0, 33)


@dataclass(frozen=True)
class QuantisedWeight:
    """A weight on its 8-bit grid.

    Attributes:
        values: float32, what the 8-bit numbers stand for; the shape of the weight.
        scales: float32 (channels,).
        axis: the axis of the output channels.
    """

    values: np.ndarray
    scales: np.ndarray
    axis: int


def quantise_weight(weight: np.ndarray, node: onnx.NodeProto, bounds: WeightRange) -> QuantisedWeight | None:
    """Put the weight of a layer onto a symmetric 8-bit grid for each output channel.

    Args:
        weight: float (out, in, ...) of a Conv, (in, out) of a MatMul, either of a Gemm.
        node: the layer.
        bounds: "safe" never overflows sums of two products, "full" uses all of -127..127, "reduced" -64..64.

    Returns:
        None for layers without such a kernel (ConvTranspose, weights with more axes than named).
    """
    axis = output_axis(node)
    if axis is None or weight.ndim < 2 or (is_standard(node, "MatMul") and weight.ndim != 2):
        return None
    rows = _rows(weight, axis)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    finest = np.where(largest > 0, largest, 1.0) / _LARGEST[bounds]
    pairs = bounds == "safe" and not _is_depthwise(weight, node)
    steps, error, grid = finest, np.full(len(rows), np.inf), np.zeros_like(rows)
    for factor in _FACTORS if pairs else _FACTORS[:1]:
        # the scale that is stored is float32: round with that one
        step = (finest * factor).astype(np.float32).astype(np.float64)
        candidate = np.rint(rows / step[:, None])
        if pairs:
            _bound_pairs(candidate)
        loss = ((candidate * step[:, None] - rows) ** 2).sum(axis=1)
        better = loss < error
        error[better], grid[better] = loss[better], candidate[better]
        steps = np.where(better, step, steps)
    values = _unrows(grid * steps[:, None], weight.shape, axis)
    return QuantisedWeight(values.astype(np.float32), steps.astype(np.float32), axis)


def output_axis(node: onnx.NodeProto) -> int | None:
    """Return the axis of a layer's weight that runs over its output channels, None for other operators."""
    if is_standard(node, "Conv"):
        return 0
    if is_standard(node, "Gemm"):
        return 0 if attribute(node, "transB", 0) else 1
    return 1 if is_standard(node, "MatMul") else None


def _rows(weight: np.ndarray, axis: int) -> np.ndarray:
    """Return float64 (channels, products), in the order in which kernels add up: input channels run fastest."""
    moved = np.moveaxis(weight.astype(np.float64), axis, 0)
    return np.moveaxis(moved, 1, -1).reshape(len(moved), -1)


def _unrows(rows: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    moved = (shape[axis], *(size for index, size in enumerate(shape) if index != axis))
    channels_last = (moved[0], *moved[2:], moved[1])
    return np.moveaxis(np.moveaxis(rows.reshape(channels_last), -1, 1), 0, axis)


def _is_depthwise(weight: np.ndarray, node: onnx.NodeProto) -> bool:
    """Tell whether each channel has its own filter: those kernels compute in 32 bits."""
    return is_standard(node, "Conv") and weight.shape[1] == 1 and attribute(node, "group", 1) == len(weight) > 1


def _bound_pairs(grid: np.ndarray) -> None:
    """Bring neighbours of one sign that add up to more than 128 to the nearest pair that does not, in place."""
    even = grid.shape[1] // 2 * 2
    first, second = grid[:, 0:even:2], grid[:, 1:even:2]
    excess = np.where(first * second > 0, np.maximum(np.abs(first + second) - _PAIR, 0), 0)
    sign = np.sign(first)
    first -= sign * np.ceil(excess / 2)
    second -= sign * np.floor(excess / 2)

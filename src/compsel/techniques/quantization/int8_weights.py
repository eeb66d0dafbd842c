"""8-bit weights whose products no kernel can overflow, with the least squared error.

On x86 without VNNI, 8-bit kernels multiply unsigned activations with signed weights by `vpmaddubsw`, which adds two
neighbouring products in 16 bits and saturates: 255 * (127 + 127) does not fit. ONNX Runtime's documentation advises
7-bit weights there ("Quantize ONNX Models", section "When and why do I need to try U8U8?"). That gives up a bit of
every weight; only neighbours of the same sign that add up to more than 128 overflow, so only those are bounded here,
with the step of each channel chosen to lose least.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx

from compsel.models.graph_queries import attribute, is_standard
from compsel.models.layers import along_axis, is_depthwise
from compsel.models.weights import scale_axis

__all__ = ["QuantisedWeight", "WeightRange", "quantise_weight"]

WeightRange = Literal["safe", "full", "reduced"]
_LARGEST = {"safe": 127, "full": 127, "reduced": 64}
_PAIR = 128  # 255 * 128 < 2 ** 15
_NEXT = 1.03
_FACTORS = _NEXT ** np.arange(25)  # up to 2.03, where no pair can overflow
# rounding errors of few weights lie below their expectation now and then
_ROUNDING_SLACK = 0.8
_PART = 1 << 20


@dataclass(frozen=True)
class QuantisedWeight:
    """A weight in 8 bits: value = code * scale of the channel.

    Attributes:
        codes: int8, the shape of the weight.
        scales: float32 (channels,).
        axis: the axis of the output channels.

    >>> layer = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
    >>> quantise_weight(np.array([[1.0, 1.0], [1.0, -1.0]], np.float32), layer, "safe").codes.tolist()
    [[64, 64], [127, -127]]
    """

    codes: np.ndarray
    scales: np.ndarray
    axis: int

    @property
    def values(self) -> np.ndarray:
        """What the codes stand for: float32, the shape of the weight."""
        return np.asarray(self.codes * along_axis(self.scales, self.codes.ndim, self.axis))


def quantise_weight(
    weight: np.ndarray, node: onnx.NodeProto, bounds: WeightRange, finest: np.ndarray | None = None
) -> QuantisedWeight | None:
    """Quantise the weight of a layer symmetrically, with a scale for each output channel.

    Args:
        weight: float (out, in, ...) of a Conv, (in, out, ...) of a ConvTranspose or MatMul, either of a Gemm.
        node: the layer.
        bounds: "safe" never overflows sums of two products, "full" uses all of -127..127, "reduced" -64..64.
        finest: the least step of each channel, (channels,) or (1,).

    Returns:
        None where the scales of output channels do not lie along one axis (`compsel.models.weights.scale_axis`).
    """
    axis = scale_axis(node, weight.shape)
    if axis is None:
        return None
    rows = _to_rows(weight, axis)
    # the kernels of depthwise convolutions compute in 32 bits, transposed ones in floating point
    depthwise = is_depthwise(node, weight.shape) and attribute(node, "group", 1) == len(weight)
    pairs = bounds == "safe" and not depthwise and not is_standard(node, "ConvTranspose")
    least = np.broadcast_to(np.zeros(1) if finest is None else finest, len(rows))
    codes, scales = np.zeros(rows.shape, np.int8), np.zeros(len(rows), np.float32)
    # a part at a time: the search holds several copies
    size = max(1, _PART // max(1, rows.shape[1]))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        codes[part], scales[part] = _quantise_rows(rows[part].astype(np.float32), least[part], _LARGEST[bounds], pairs)
    return QuantisedWeight(_from_rows(codes, weight.shape, axis), scales, axis)


def _quantise_rows(rows: np.ndarray, least: np.ndarray, largest: int, pairs: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes and the step of each row, float32 (rows, products) in."""
    extreme = np.abs(rows).max(axis=1, initial=0.0)
    base = np.maximum(np.where(extreme > 0, extreme, 1.0) / largest, least).astype(np.float32)
    steps, codes = base.copy(), np.rint(rows / base[:, None])
    if not pairs:
        return codes.astype(np.int8), steps
    error = np.full(len(rows), np.inf)
    open_rows = np.arange(len(rows))
    for factor in _FACTORS:
        step = base[open_rows] * np.float32(factor)
        exact = rows[open_rows]
        candidate = np.rint(exact / step[:, None])
        _bound_pairs(candidate)
        loss = np.square(candidate * step[:, None] - exact).sum(axis=1, dtype=np.float64)
        better = loss < error[open_rows]
        chosen = open_rows[better]
        error[chosen], steps[chosen], codes[chosen] = loss[better], step[better], candidate[better]
        # a coarser step rounds worse by its square: stop where rounding alone would lose more than the best so far
        rounding = rows.shape[1] * (base[open_rows] * factor * _NEXT) ** 2 / 12
        open_rows = open_rows[error[open_rows] > _ROUNDING_SLACK * rounding]
        if not open_rows.size:
            break
    return codes.astype(np.int8), steps


def _to_rows(weight: np.ndarray, axis: int) -> np.ndarray:
    """Return (channels, products), in the order in which kernels add up: input channels run fastest."""
    moved = np.moveaxis(weight, axis, 0)
    return np.moveaxis(moved, 1, -1).reshape(len(moved), math.prod(moved.shape[1:]))  # -1 has no meaning without rows


def _from_rows(rows: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    moved = (shape[axis], *(size for index, size in enumerate(shape) if index != axis))
    channels_last = (moved[0], *moved[2:], moved[1])
    return np.moveaxis(np.moveaxis(rows.reshape(channels_last), -1, 1), 0, axis)


def _bound_pairs(codes: np.ndarray) -> None:
    """Bring neighbours of one sign that add up to more than 128 to the nearest pair that does not, in place."""
    even = codes.shape[1] // 2 * 2
    first, second = codes[:, 0:even:2], codes[:, 1:even:2]
    excess = np.where(first * second > 0, np.maximum(np.abs(first + second) - _PAIR, 0), 0)
    sign = np.sign(first)
    first -= sign * np.ceil(excess / 2)
    second -= sign * np.floor(excess / 2)

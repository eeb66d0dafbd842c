"""What a layer multiplies with its weight at some of its output positions: image patches as rows ("im2col")."""

import math
from collections.abc import Sequence

import numpy as np
import onnx

from compsel.models.graph_queries import attribute, is_standard
from compsel.models.layers import same_pads

__all__ = ["patches", "sampled_rows"]


def patches(
    node: onnx.NodeProto, shape: tuple[int, ...], value: np.ndarray, count: int, seed: Sequence[int]
) -> np.ndarray:
    """Return what a layer reads at some of its output positions, float32 (rows, features).

    Args:
        node: Conv without groups, Gemm or MatMul.
        shape: of its weight.
        value: its input.
        count: how many rows at most.
        seed: of the choice of positions.
    """
    rng = np.random.default_rng(list(seed))
    if not is_standard(node, "Conv"):
        rows = value.reshape(-1, value.shape[-1])
        return np.asarray(rows[sampled_rows(rng, len(rows), count)])
    kernel, spatial = shape[2:], value.shape[2:]
    strides = list(attribute(node, "strides", [1] * len(kernel)))
    dilations = list(attribute(node, "dilations", [1] * len(kernel)))
    extents = [step * (size - 1) + 1 for step, size in zip(dilations, kernel, strict=True)]
    before, after = _pads(node, spatial, extents, strides)
    grid = [
        (size + low + high - extent) // stride + 1
        for size, low, high, extent, stride in zip(spatial, before, after, extents, strides, strict=True)
    ]
    chosen = sampled_rows(rng, len(value) * math.prod(grid), count)
    sample, *places = np.unravel_index(chosen, (len(value), *grid))
    padded = np.pad(value, [(0, 0), (0, 0), *zip(before, after, strict=True)])
    columns = []
    for tap in np.ndindex(*kernel):
        index = [
            place * stride + offset * step
            for place, stride, offset, step in zip(places, strides, tap, dilations, strict=True)
        ]
        columns.append(padded[(sample, slice(None), *index)])
    return np.stack(columns, axis=2).reshape(len(chosen), -1)


def sampled_rows(rng: np.random.Generator, rows: int, count: int) -> np.ndarray:
    """Return the indices of `count` of the rows, drawn at random, in ascending order; all where they are no more."""
    return np.arange(rows) if rows <= count else np.sort(rng.choice(rows, count, replace=False))


def _pads(
    node: onnx.NodeProto, spatial: Sequence[int], extents: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the pads before and after, along each spatial axis."""
    mode, rank = attribute(node, "auto_pad", b"NOTSET"), len(spatial)
    if mode == b"VALID":
        return [0] * rank, [0] * rank
    if mode in (b"SAME_UPPER", b"SAME_LOWER"):
        small, large = same_pads(spatial, extents, strides)
        return (small, large) if mode == b"SAME_UPPER" else (large, small)
    pads = list(attribute(node, "pads", [0] * (2 * rank)))
    return pads[:rank], pads[rank:]

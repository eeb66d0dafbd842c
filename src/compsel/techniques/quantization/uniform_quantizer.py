"""Uniform quantiser of weights: few levels, the step of each block chosen so that the squared error is least."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["QuantizedBlocks", "block_length", "quantize_blocks"]

# steps that are tried, relative to the one that holds the largest weight exactly: few levels gain by clipping it
_FACTORS = {4: np.array([0.7, 0.8, 0.9, 1.0, 1.1]), 6: np.array([0.8, 0.9, 1.0]), 8: np.array([1.0, 128 / 127])}
_PART = 1 << 20  # numbers worked on at a time: the search holds several copies
_HALF = np.finfo(np.float16)


@dataclass(frozen=True)
class QuantizedBlocks:
    """Blocks of numbers as whole numbers, a step and a zero point each: value = (code - zero) * step.

    Attributes:
        codes: uint8, for 16 bits uint16, (blocks, length).
        zeros: like the codes, (blocks,): what stands for zero.
        steps: float32 (blocks,), each one a float16 where all fit; negative ones are allowed.

    >>> blocks = quantize_blocks(np.array([[0.5, -1.0, 0.25, 0.0]], np.float32), 4)
    >>> blocks.codes.tolist(), blocks.values.tolist()
    ([[12, 0, 10, 8]], [[0.5, -1.0, 0.25, 0.0]])
    """

    codes: np.ndarray
    zeros: np.ndarray
    steps: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """What the codes stand for, float32 (blocks, length)."""
        return np.concatenate([*self.parts()])

    def parts(self) -> Iterator[np.ndarray]:
        """Give the values some blocks at a time: the steps in between are copies of them."""
        for part in _slices(self.codes.shape):
            whole = self.codes[part].astype(np.float32) - self.zeros[part, None].astype(np.float32)
            yield whole * self.steps[part, None]


def block_length(products: int, most: int) -> int:
    """Return how many neighbours of a row share a step: the largest divisor of the row up to `most`.

    A divisor, so that no block is filled up or crosses rows; where only small ones exist, the whole row.

    >>> block_length(96, 32), block_length(144, 32), block_length(27, 32), block_length(97, 32), block_length(96, 0)
    (32, 24, 27, 97, 96)
    """
    divisors = [size for size in range(max(1, most // 4), min(most, products) + 1) if products % size == 0]
    return max(divisors, default=products)


def quantize_blocks(blocks: np.ndarray, bits: int, symmetric: bool = True) -> QuantizedBlocks:
    """Quantise blocks of weights to 2 ** bits levels each.

    The step is searched (clipping the largest weights where that loses less than it gains, Banner et al. 2019, "Post
    training 4-bit quantization", section 3) and refined by least squares for the levels found. A symmetric quantiser
    has its one unpaired level on the side of the largest weight. Zero stays zero.

    Args:
        blocks: float32 (blocks, length).
        bits: 4, 6, 8 or 16.
        symmetric: zero in the middle of the levels; otherwise each block's own zero point.
    """
    dtype = np.uint16 if bits > 8 else np.uint8
    codes = np.empty(blocks.shape, dtype)
    zeros, steps = np.empty(len(blocks), dtype), np.empty(len(blocks), np.float32)
    largest = np.maximum(blocks.max(axis=1, initial=0.0), -blocks.min(axis=1, initial=0.0))
    finest = largest[largest > 0].min(initial=1.0) / 2**bits
    halves = bits <= 8 and finest > float(_HALF.tiny) and largest.max(initial=0.0) < float(_HALF.max)
    for part in _slices(blocks.shape):
        codes[part], zeros[part], steps[part] = _search(blocks[part], bits, symmetric, halves)
    return QuantizedBlocks(codes, zeros, steps)


def _slices(shape: tuple[int, ...]) -> Iterator[slice]:
    size = max(1, _PART // max(1, shape[1]))
    yield from (slice(start, start + size) for start in range(0, max(1, shape[0]), size))


def _search(rows: np.ndarray, bits: int, symmetric: bool, halves: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return codes, zero points and steps of some blocks."""
    base, low = _base(rows, bits, symmetric)
    top = np.float32(2**bits - 1)
    best = (np.zeros_like(rows), np.zeros_like(base), base.copy())
    least = np.full(len(rows), np.inf)

    def consider(steps: np.ndarray) -> None:
        steps = steps.astype(np.float16).astype(np.float32) if halves else steps.astype(np.float32)
        steps = np.where(steps == 0, base, steps)
        zero = np.full_like(steps, 2 ** (bits - 1)) if symmetric else np.clip(np.rint(-low / steps), 0, top)
        whole = np.clip(np.rint(rows / steps[:, None]) + zero[:, None], 0, top)
        loss = np.square((whole - zero[:, None]) * steps[:, None] - rows).sum(axis=1, dtype=np.float64)
        better = loss < least
        least[better] = loss[better]
        for kept, new in zip(best, (whole, zero, steps), strict=True):
            kept[better] = new[better]

    for factor in _FACTORS.get(bits, np.ones(1)):
        consider(base * np.float32(factor))
    if bits <= 8:
        signed = best[0] - best[1][:, None]
        power = np.square(signed).sum(axis=1)
        consider(np.where(power > 0, (signed * rows).sum(axis=1) / np.maximum(power, 1.0), base))
    return best


def _base(rows: np.ndarray, bits: int, symmetric: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the step that holds all weights of a block, and their least value or zero."""
    low, high = rows.min(axis=1, initial=0.0), rows.max(axis=1, initial=0.0)
    if not symmetric:
        spread = (high - low) / (2**bits - 1)
        return np.where(spread > 0, spread, 1.0).astype(np.float32), low
    # the levels reach one step further down than up: the largest weight is put there, whatever its sign
    extreme = np.where(high > -low, high, low) / -(2 ** (bits - 1))
    return np.where(extreme != 0, extreme, 1.0).astype(np.float32), low

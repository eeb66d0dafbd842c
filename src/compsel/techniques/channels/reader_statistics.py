"""Layers that read removable channels: the statistics of their inputs, and their weights refitted by least squares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from compsel.techniques.channels.coupling import ChannelGroup
from compsel.techniques.channels.elimination import ChannelReader, compensation, regularised
from compsel.techniques.statistics.second_moments import SecondMoments

__all__ = ["ChannelReaders"]

# returns the weight of a layer, float32 (outputs, features): large ones are not kept in memory
Weight = Callable[[str], np.ndarray]


@dataclass(frozen=True, eq=False)
class ChannelReaders:
    """Layers that read the same numbers at the same places.

    Attributes:
        nodes: their names.
        inputs: channel of each of their input channels.
        taps: features of one input channel.
        energies: variance of the output of each layer.
        mean: of each feature, float64 (features,).
        blocks: features of each block, int, and the inverse of their regularised covariance, float32: features of
            different blocks count as independent.
        centred: whether biases can absorb changes of the mean.

    >>> moments = SecondMoments(channels=2, taps=1)
    >>> moments.add(np.array([[1.0, 1.0], [0.0, 0.0]], np.float32))
    >>> weight = np.ones((1, 2), np.float32)
    >>> readers = ChannelReaders.measured(("layer",), np.array([0, 1]), lambda name: weight, moments, centred=True)
    >>> kept = np.array([True, False])
    >>> readers.refitted(weight, kept, readers.compensations(kept)).round(1).tolist()
    [[2.0, 0.0]]
    """

    nodes: tuple[str, ...]
    inputs: np.ndarray
    taps: int
    energies: tuple[float, ...]
    mean: np.ndarray
    blocks: tuple[tuple[np.ndarray, np.ndarray], ...]
    centred: bool

    @classmethod
    def measured(
        cls,
        nodes: tuple[str, ...],
        inputs: np.ndarray,
        weight: Weight,
        moments: SecondMoments,
        *,
        centred: bool,
    ) -> "ChannelReaders":
        """Take from moments what is needed; they can go afterwards."""
        energies = np.zeros(len(nodes))
        weights = [weight(name) for name in nodes]
        blocks = []
        for block in range(moments.blocks):
            features = moments.features(block)
            covariance = regularised(moments.covariance(block, centred=centred), moments.rows)
            # with variances of one, single precision is enough: what is lost is far below what pruning loses
            scale = 1 / np.sqrt(np.diag(covariance))
            correlation = np.asarray(covariance * scale[:, None] * scale, np.float32)
            del covariance
            scale = scale.astype(np.float32)
            for index, matrix in enumerate(weights):
                scaled = matrix[:, features] / scale
                energies[index] += float(np.einsum("of,of->", scaled @ correlation, scaled))
            inverse = np.linalg.inv(correlation)
            inverse *= scale[:, None] * scale
            blocks.append((features, inverse))
        known = tuple(float(energy) or 1.0 for energy in energies)
        return cls(nodes, inputs, moments.taps, known, moments.mean, tuple(blocks), centred)

    def kept(self, removed: np.ndarray) -> np.ndarray:
        """Return which features stay when channels go, bool (features,)."""
        return np.repeat(~np.isin(self.inputs, removed), self.taps)

    def parts(self, group: ChannelGroup, weight: Weight) -> Iterator[ChannelReader]:
        """Give the layers as the readers of a group's channels, all in one, for each block of features."""
        positions = [np.flatnonzero(self.inputs == channel) for channel in group.channels]
        width = min(len(here) for here in positions)
        if width == 0:  # they read some of them only
            return
        weights = [weight(name) for name in self.nodes]
        for features, inverse in self.blocks:
            taps = len(features) * self.taps // len(self.mean)
            columns = np.array(
                [[place * taps + tap for place in here[:width] for tap in range(taps)] for here in positions]
            )
            flat = columns.ravel()
            own = np.arange(flat.size).reshape(columns.shape)
            scaled = [w[:, features[flat]] / np.float32(e**0.5) for w, e in zip(weights, self.energies, strict=True)]
            yield ChannelReader(_fewest_rows(np.concatenate(scaled)), inverse[np.ix_(flat, flat)], own, 1.0)

    def compensations(self, kept: np.ndarray) -> list[np.ndarray]:
        """Return `compensation` for each block of features."""
        return [compensation(inverse, kept[features]) for features, inverse in self.blocks]

    def refitted(self, weight: np.ndarray, kept: np.ndarray, moved: list[np.ndarray]) -> np.ndarray:
        """Return the weight of a layer, zero where features went, that changes its output least.

        Args:
            weight: as it was.
            kept: bool (features,).
            moved: the `compensations` for those.
        """
        fitted = np.zeros_like(weight)
        for (features, _), shares in zip(self.blocks, moved, strict=True):
            stay = kept[features]
            fitted[:, features[stay]] = weight[:, features[stay]] - weight[:, features[~stay]] @ shares
        return fitted


def _fewest_rows(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix with the same products of columns and no more rows than columns."""
    rows, columns = matrix.shape
    return np.asarray(np.linalg.qr(matrix, mode="r")) if rows > columns else matrix

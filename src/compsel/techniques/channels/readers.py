"""Layers that read channels which may go: what least squares knows of what they read, and their refitted weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from compsel.techniques.channels.coupling import Group
from compsel.techniques.channels.elimination import Reader, refit, regularised
from compsel.techniques.moments import Moments

__all__ = ["Readers"]


@dataclass(frozen=True)
class Readers:
    """Layers that read the same numbers at the same places.

    Attributes:
        nodes: their names.
        inputs: channel of each of their input channels.
        taps: features of one input channel.
        weights: of each layer, float32 (outputs, features).
        energies: variance of the output of each layer.
        mean: of each feature, float64 (features,).
        blocks: features of each block, int, and the inverse of their regularised covariance, float32: features of
            different blocks count as independent.
        centred: whether biases can take up what changes in the mean.

    >>> moments = Moments(channels=2, taps=1)
    >>> moments.add(np.array([[1.0, 1.0], [0.0, 0.0]], np.float32))
    >>> readers = Readers.measured(("layer",), np.array([0, 1]), (np.ones((1, 2), np.float32),), moments, centred=True)
    >>> [weight.round(1).tolist() for weight in readers.refitted(np.array([True, False]))]
    [[[2.0, 0.0]]]
    """

    nodes: tuple[str, ...]
    inputs: np.ndarray
    taps: int
    weights: tuple[np.ndarray, ...]
    energies: tuple[float, ...]
    mean: np.ndarray
    blocks: tuple[tuple[np.ndarray, np.ndarray], ...]
    centred: bool

    @classmethod
    def measured(
        cls,
        nodes: tuple[str, ...],
        inputs: np.ndarray,
        weights: tuple[np.ndarray, ...],
        moments: Moments,
        *,
        centred: bool,
    ) -> "Readers":
        """Take from moments what is needed; they can go afterwards."""
        energies = np.zeros(len(nodes))
        blocks = []
        for block in range(moments.blocks):
            features = moments.features(block)
            covariance = regularised(moments.covariance(block, centred=centred), moments.rows)
            # with variances of one, single precision is enough: what is lost is far below what pruning loses
            scale = 1 / np.sqrt(np.diag(covariance))
            correlation = np.asarray(covariance * scale[:, None] * scale, np.float32)
            scale = scale.astype(np.float32)
            for index, weight in enumerate(weights):
                scaled = weight[:, features] / scale
                energies[index] += float(np.einsum("of,of->", scaled @ correlation, scaled))
            blocks.append((features, np.linalg.inv(correlation) * scale[:, None] * scale))
        known = tuple(float(energy) or 1.0 for energy in energies)
        return cls(nodes, inputs, moments.taps, weights, known, moments.mean, tuple(blocks), centred)

    def kept(self, removed: np.ndarray) -> np.ndarray:
        """Return which features stay when channels go, bool (features,)."""
        return np.repeat(~np.isin(self.inputs, removed), self.taps)

    def parts(self, group: Group) -> Iterator[Reader]:
        """Give the layers as the readers of a group's channels, all in one, for each block of features."""
        positions = [np.flatnonzero(self.inputs == channel) for channel in group.channels]
        width = min(len(here) for here in positions)
        if width == 0:  # they read some of them only
            return
        scaled = np.concatenate([w / np.float32(e**0.5) for w, e in zip(self.weights, self.energies, strict=True)])
        for features, inverse in self.blocks:
            taps = len(features) * self.taps // len(self.mean)
            columns = np.array(
                [[place * taps + tap for place in here[:width] for tap in range(taps)] for here in positions]
            )
            flat = columns.ravel()
            own = np.arange(flat.size).reshape(columns.shape)
            yield Reader(scaled[:, features[flat]], inverse[np.ix_(flat, flat)], own, 1.0)

    def refitted(self, kept: np.ndarray) -> list[np.ndarray]:
        """Return for each layer the weights, zero where features went, that change its output least."""
        stacked = np.concatenate(self.weights)
        fitted = np.zeros_like(stacked)
        for features, inverse in self.blocks:
            stay = kept[features]
            fitted[:, features[stay]] = refit(stacked[:, features], inverse, stay)
        return np.split(fitted, np.cumsum([len(weight) for weight in self.weights])[:-1])

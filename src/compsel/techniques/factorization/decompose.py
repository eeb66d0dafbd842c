"""Factorise the weight of a layer into smaller ones, such that its output on the samples changes least."""

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

__all__ = ["Factors", "FittedLayer", "Spectrum", "channel_factors", "output_spectrum", "spectrum"]

# variances, largest first, and the directions that have them as columns
Spectrum = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Factors:
    """The weights of the layers that replace one, first to last.

    Attributes:
        weights: float32, each (outputs, inputs, *kernel); a dense layer has no kernel.
        loss: squared error of the output over its variance.

    >>> Factors((np.full((1, 2, 3, 1), 2.0), np.full((4, 1, 1, 3), 0.5)), 0.0).total.shape
    (4, 18)
    """

    weights: tuple[np.ndarray, ...]
    loss: float

    @property
    def total(self) -> np.ndarray:
        """The weight that they amount to, (outputs, features)."""
        return reduce(_composed, self.weights).reshape(len(self.weights[-1]), -1)


def _composed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the weight of two layers in a row, of which one at most has an extent along each axis of the kernel."""
    rank = first.ndim - 2
    product = np.tensordot(second, first, axes=(1, 0))  # outputs, second kernel, inputs, first kernel
    axes = [axis for n in range(rank) for axis in (1 + n, 2 + rank + n)]
    kernel = np.maximum(first.shape[2:], second.shape[2:])
    return np.asarray(product.transpose(0, 1 + rank, *axes).reshape(len(second), first.shape[1], *kernel))


def spectrum(covariance: np.ndarray) -> Spectrum:
    """Return the principal components of a covariance.

    >>> spectrum(np.diag([1.0, 4.0]))[0].tolist()
    [4.0, 1.0]
    """
    values, vectors = np.linalg.eigh(covariance)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def output_spectrum(weight: np.ndarray, covariance: np.ndarray, share: float) -> Spectrum:
    """Return the principal components of what a layer gives, those that its weight can make.

    Few rows leave most directions unseen: to the covariance comes a share of the one that uncorrelated inputs would
    give, with the same variance in all. Worked out in the smaller of outputs and features.

    Args:
        weight: float32 (outputs, features).
        covariance: of the outputs, float64 (outputs, outputs).
        share: of regularisation, see `compsel.techniques.channels.elimination.ridge`.
    """
    flat, basis = weight, None
    if weight.shape[1] < len(weight):
        basis, flat = np.linalg.qr(weight.astype(np.float64))
        covariance = basis.T @ covariance @ basis
    expected = (flat @ flat.T).astype(np.float64)
    scale = share * float(np.trace(covariance)) / (float(np.trace(expected)) or 1.0)
    values, vectors = spectrum(covariance + scale * expected)
    return values, vectors if basis is None else basis @ vectors


def channel_factors(weight: np.ndarray, outputs: Spectrum, rank: int) -> Factors:
    """Compute `rank` combinations of the output channels, and expand them to all of them by a 1 x 1 convolution.

    The projection on the first principal components of the output is the best there is (Zhang et al. 2016,
    "Accelerating Very Deep Convolutional Networks for Classification and Detection", section 3.1).

    Args:
        weight: float32 (outputs, inputs, *kernel).
        outputs: principal components of the layer's output.
        rank: 1 to the number of components.
    """
    values, vectors = outputs
    basis = vectors[:, :rank].astype(np.float32)
    first = np.tensordot(basis.T, weight, axes=1)
    kept, energy = float(values[:rank].sum()), float(values.sum())
    second = basis.reshape(*basis.shape, *([1] * (weight.ndim - 2)))
    return Factors((first, second), max(0.0, 1.0 - kept / energy) if energy else 0.0)


class FittedLayer:
    """Factorisations of a convolution, refitted by least squares to the second moments of its inputs.

    Args:
        weight: float (outputs, inputs, *kernel).
        covariance: of the features (channels x taps), regularised.

    >>> FittedLayer(np.ones((4, 2, 3, 3)), np.eye(18)).spatial(1).loss < 1e-6
    True
    """

    def __init__(self, weight: np.ndarray, covariance: np.ndarray) -> None:
        self.shape = weight.shape
        self._flat = weight.reshape(len(weight), -1).astype(np.float64)
        self._covariance = covariance.astype(np.float64)
        self._products = self._flat @ self._covariance
        self._energy = float(np.sum(self._products * self._flat))

    def spatial(self, rank: int) -> Factors:
        """Split a kernel into a column of `rank` channels and a row (Jaderberg et al. 2014, "Speeding up Convolutional
        Neural Networks with Low Rank Expansions", section 2, scheme 2); the row is refitted.

        Args:
            rank: 1 to the smaller of inputs * height and outputs * width.
        """
        outputs, channels, height, width = self.shape
        basis = self._columns[:, :rank]
        row, cross = self._fit(basis, width)
        weights = basis.T.reshape(rank, channels, height, 1), row.reshape(outputs, rank, 1, width)
        return Factors(_single(weights), self._loss(float(np.sum(row * cross))))

    def tucker(self, ranks: tuple[int, int]) -> Factors:
        """Project the input channels, convolve, expand the output channels (Tucker-2; Kim et al. 2016, "Compression of
        Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications", section 3).

        The kernel between is refitted; the expansion is the best one for its outputs.

        Args:
            ranks: of the input channels, of the output channels.
        """
        outputs, channels, *kernel = self.shape
        basis = self._inputs[:, : ranks[0]]
        middle, cross = self._fit(basis, int(np.prod(kernel)))
        given = middle @ cross.T  # covariance of what the fitted layer gives
        values, vectors = spectrum((given + given.T) / 2)
        expand = vectors[:, : ranks[1]]
        core = expand.T @ middle
        ones = [1] * len(kernel)
        weights = (
            basis.T.reshape(ranks[0], channels, *ones),
            core.reshape(ranks[1], ranks[0], *kernel),
            expand.reshape(outputs, ranks[1], *ones),
        )
        return Factors(_single(weights), self._loss(float(values[: ranks[1]].sum())))

    @cached_property
    def _columns(self) -> np.ndarray:
        """Directions of (inputs x height), those that matter most to the weights first."""
        outputs, channels, height, width = self.shape
        flat = self._flat.reshape(outputs, channels * height, width).transpose(1, 0, 2).reshape(channels * height, -1)
        return spectrum(flat @ flat.T)[1]

    @cached_property
    def _inputs(self) -> np.ndarray:
        """Directions of the input channels, those that matter most to the weights first."""
        outputs, channels = self.shape[:2]
        flat = self._flat.reshape(outputs, channels, -1).transpose(1, 0, 2).reshape(channels, -1)
        return spectrum(flat @ flat.T)[1]

    def _fit(self, basis: np.ndarray, taps: int) -> tuple[np.ndarray, np.ndarray]:
        """Fit the layer behind a reduction of the features, which are (len(basis) x taps), to (rank x taps).

        Returns:
            its weight, and the covariance of the layer's outputs with the reduced features: (outputs, rank * taps).
        """
        rank = basis.shape[1]

        def reduced(rows: np.ndarray) -> np.ndarray:
            parts = rows.reshape(len(rows), len(basis), taps).transpose(0, 2, 1) @ basis
            return np.asarray(parts.transpose(0, 2, 1).reshape(len(rows), rank * taps))

        half = (basis.T @ self._covariance.reshape(len(basis), -1)).reshape(rank * taps, -1)
        cross = reduced(self._products)
        return np.asarray(np.linalg.solve(reduced(half), cross.T).T), cross

    def _loss(self, kept: float) -> float:
        return max(0.0, 1.0 - kept / self._energy) if self._energy else 0.0


def _single(weights: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.ascontiguousarray(weight, np.float32) for weight in weights)

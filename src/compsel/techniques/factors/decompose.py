"""Write the weight of a layer as a product of smaller ones, such that its output on the samples changes least."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Factors", "FittedLayer", "Spectrum", "channel_factors", "output_spectrum", "spectrum"]

# variances, largest first, and the directions that have them as columns
Spectrum = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Factors:
    """The weights of the layers that replace one, first to last.

    Attributes:
        weights: float64, each (outputs, inputs, *kernel); a dense layer has no kernel.
        loss: squared error of the output over its variance.
        total: float64 (outputs, features), the weight that they amount to.
    """

    weights: tuple[np.ndarray, ...]
    loss: float
    total: np.ndarray


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
        weight: float (outputs, features).
        covariance: of the outputs, float64 (outputs, outputs).
        share: how little the covariance is believed, as `compsel.techniques.channels.elimination.ridge` says.
    """
    flat = weight.astype(np.float64)
    basis = np.linalg.qr(flat)[0] if flat.shape[1] < len(flat) else None
    if basis is not None:
        flat, covariance = basis.T @ flat, basis.T @ covariance @ basis
    expected = flat @ flat.T
    scale = share * float(np.trace(covariance)) / (float(np.trace(expected)) or 1.0)
    values, vectors = spectrum(covariance + scale * expected)
    return values, vectors if basis is None else basis @ vectors


def channel_factors(weight: np.ndarray, outputs: Spectrum, rank: int) -> Factors:
    """Compute `rank` combinations of the output channels, and expand them to all of them by a 1 x 1 convolution.

    The projection on the first principal components of the output is the best there is (Zhang et al. 2016,
    "Accelerating Very Deep Convolutional Networks for Classification and Detection", section 3.1).

    Args:
        weight: float (outputs, inputs, *kernel).
        outputs: principal components of the layer's output.
        rank: 1 to the number of components.
    """
    values, vectors = outputs
    basis = vectors[:, :rank]
    first = np.tensordot(basis.T, weight.astype(np.float64), axes=1)
    kept, energy = float(values[:rank].sum()), float(values.sum())
    second = basis.reshape(*basis.shape, *([1] * (weight.ndim - 2)))
    loss = max(0.0, 1.0 - kept / energy) if energy else 0.0
    return Factors((first, second), loss, (basis @ first.reshape(rank, -1)))


class FittedLayer:
    """A convolution, and what is known of its inputs: its factorisations, refitted by least squares.

    Args:
        weight: float (outputs, inputs, *kernel).
        covariance: of the features (channels x taps), float64, regularised.

    >>> FittedLayer(np.ones((4, 2, 3, 3)), np.eye(18)).spatial(1).loss < 1e-6
    True
    """

    def __init__(self, weight: np.ndarray, covariance: np.ndarray) -> None:
        self.shape = weight.shape
        self._flat = weight.reshape(len(weight), -1).astype(np.float64)
        self._covariance = covariance
        self._products = self._flat @ covariance
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
        return Factors(
            (basis.T.reshape(rank, channels, height, 1), row.reshape(outputs, rank, 1, width)),
            self._loss(float(np.sum(row * cross))),
            self._expanded(row, basis),
        )

    def tucker(self, ranks: tuple[int, int]) -> Factors:
        """Project the input channels, convolve, expand the output channels (Tucker-2; Kim et al. 2016, "Compression of
        Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications", section 3).

        The kernel between is refitted; the expansion is the best one for what it gives.

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
        return Factors(
            (
                basis.T.reshape(ranks[0], channels, *ones),
                core.reshape(ranks[1], ranks[0], *kernel),
                expand.reshape(outputs, ranks[1], *ones),
            ),
            self._loss(float(values[: ranks[1]].sum())),
            expand @ self._expanded(core, basis),
        )

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

    def _expanded(self, behind: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Return the product of a layer behind a reduction and that reduction, (rows, features)."""
        rows, rank = len(behind), basis.shape[1]
        parts = behind.reshape(rows, rank, -1).transpose(0, 2, 1) @ basis.T
        return np.asarray(parts.transpose(0, 2, 1).reshape(rows, -1))

    def _loss(self, kept: float) -> float:
        return max(0.0, 1.0 - kept / self._energy) if self._energy else 0.0

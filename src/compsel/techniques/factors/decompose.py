"""Write the weight of a layer as a product of smaller ones, such that its output on the samples changes least."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Factors", "Spectrum", "channel_factors", "spatial_factors", "spectrum", "tucker_factors"]

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


def channel_factors(weight: np.ndarray, outputs: Spectrum, rank: int) -> Factors:
    """Compute `rank` combinations of the output channels, and expand them to all of them by a 1 x 1 convolution.

    The projection on the first principal components of the output is the best there is (Zhang et al. 2016,
    "Accelerating Very Deep Convolutional Networks for Classification and Detection", section 3.1).

    Args:
        weight: float (outputs, inputs, *kernel).
        outputs: principal components of the layer's output.
        rank: 1 to outputs.
    """
    values, vectors = outputs
    basis = vectors[:, :rank]
    first = np.tensordot(basis.T, weight.astype(np.float64), axes=1)
    kept, energy = float(values[:rank].sum()), float(values.sum())
    second = basis.reshape(*basis.shape, *([1] * (weight.ndim - 2)))
    loss = max(0.0, 1.0 - kept / energy) if energy else 0.0
    return Factors((first, second), loss, (basis @ first.reshape(rank, -1)))


def spatial_factors(weight: np.ndarray, inputs: np.ndarray, rank: int) -> Factors:
    """Split a kernel into a column of `rank` channels and a row (Jaderberg et al. 2014, "Speeding up Convolutional
    Neural Networks with Low Rank Expansions", section 2, scheme 2); the row is refitted by least squares.

    Args:
        weight: float (outputs, inputs, height, width).
        inputs: covariance of the features (channels x taps), float64, regularised.
        rank: 1 to the smaller of inputs * height and outputs * width.
    """
    outputs, channels, height, width = weight.shape
    flat = weight.transpose(1, 2, 0, 3).reshape(channels * height, outputs * width).astype(np.float64)
    left, _, _ = np.linalg.svd(flat, full_matrices=False)
    column = left[:, :rank].T.reshape(rank, channels, height)
    reduce = np.zeros((rank, width, channels, height, width))
    for place in range(width):
        reduce[:, place, :, :, place] = column
    row, total, loss = _least_squares(weight, inputs, reduce.reshape(rank * width, -1))
    return Factors((column[..., None], row.reshape(outputs, rank, 1, width)), loss, total)


def tucker_factors(weight: np.ndarray, inputs: np.ndarray, ranks: tuple[int, int]) -> Factors:
    """Project the input channels, convolve, expand the output channels (Tucker-2; Kim et al. 2016, "Compression of Deep
    Convolutional Neural Networks for Fast and Low Power Mobile Applications", section 3).

    The kernel between is refitted by least squares; the expansion is the best one for what it gives.

    Args:
        weight: float (outputs, inputs, *kernel).
        inputs: covariance of the features (channels x taps), float64, regularised.
        ranks: of the input channels, of the output channels.
    """
    outputs, channels = weight.shape[:2]
    taps = int(np.prod(weight.shape[2:]))
    by_input = weight.astype(np.float64).reshape(outputs, channels, taps).transpose(1, 0, 2).reshape(channels, -1)
    basis = spectrum(by_input @ by_input.T)[1][:, : ranks[0]]
    reduce = np.einsum("ir,st->rsit", basis, np.eye(taps)).reshape(ranks[0] * taps, channels * taps)
    middle, total, _ = _least_squares(weight, inputs, reduce)
    expand = spectrum(total @ inputs @ total.T)[1][:, : ranks[1]]
    core = (expand.T @ middle).reshape(ranks[1], ranks[0], *weight.shape[2:])
    total = expand @ (expand.T @ total)
    ones = [1] * (weight.ndim - 2)
    return Factors(
        (basis.T.reshape(ranks[0], channels, *ones), core, expand.reshape(outputs, ranks[1], *ones)),
        _loss(weight.reshape(outputs, -1), total, inputs),
        total,
    )


def _least_squares(weight: np.ndarray, inputs: np.ndarray, reduce: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Fit the layer behind a reduction of the features; return its weight, the product of both, and the loss."""
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    products = inputs @ reduce.T
    fitted = np.linalg.solve(reduce @ products, (flat @ products).T).T
    total = fitted @ reduce
    return fitted, total, _loss(flat, total, inputs)


def _loss(weight: np.ndarray, total: np.ndarray, inputs: np.ndarray) -> float:
    error, energy = (float(np.sum((part @ inputs) * part)) for part in (weight - total, weight))
    return max(0.0, error / energy) if energy else 0.0

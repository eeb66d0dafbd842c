"""Backward elimination of channels with least-squares compensation: in which order they can be removed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["ChannelReader", "EliminationOrder", "compensation", "eliminate", "regularised", "ridge"]

_STEPS = 32
_RIDGE = 0.01
_LEAST = 1e-7


@dataclass(frozen=True)
class ChannelReader:
    """A layer (or a block of its features) that reads the channels.

    Attributes:
        weight: float (rows, features), of the features of these channels only: one row for each output, or fewer with
            the same products of columns, which are all that counts.
        inverse: float (features, features), the rows and columns of these features in the inverse of the regularised
            covariance of all features that the layer reads.
        columns: int (channels, features of a channel), where each channel lies among the features.
        energy: what losses are divided by: the variance of the layer's output.
    """

    weight: np.ndarray
    inverse: np.ndarray
    columns: np.ndarray
    energy: float


@dataclass(frozen=True)
class EliminationOrder:
    """The order in which channels are removed, and the loss.

    Attributes:
        channels: positions, the first to go first.
        losses: (channels + 1,); `losses[n]` is what the readers' outputs lose when the first n are removed: error over
            variance, summed over the readers.

    >>> EliminationOrder(np.array([2, 0, 1]), np.array([0.0, 0.1, 0.3, 1.0])).losses[2]
    np.float64(0.3)
    """

    channels: np.ndarray
    losses: np.ndarray


def ridge(features: int, rows: int) -> float:
    """Return the share by which variances grow when the covariance of these features is estimated from so many rows."""
    return _RIDGE * (1 + features / max(rows, 1))


def regularised(covariance: np.ndarray, rows: int) -> np.ndarray:
    """Return a covariance that can be inverted: the fewer rows it was estimated from, the more is added.

    Each variance grows by a share of itself, so that what never varies can still go at no loss.
    """
    # rounding can make the variance of what never varies a little negative
    variances = np.maximum(np.diag(covariance), 0.0)
    least = _LEAST * float(variances.mean()) if len(covariance) else 0.0
    regular = np.array(covariance)
    np.fill_diagonal(regular, variances * (1 + ridge(len(covariance), rows)) + (least or 1.0))
    return regular


def eliminate(readers: Sequence[ChannelReader], count: int, most: int) -> EliminationOrder:
    """Find the order in which channels can go so that the outputs of their readers change least.

    The loss of a channel, when the weights of all that stay are refitted by least squares, has a closed form (Hassibi
    and Stork 1993, "Second order derivatives for network pruning: Optimal Brain Surgeon", equation 5; for groups of
    weights, Frantar and Alistarh 2022, "Optimal Brain Compression", section 4). The ones with the least loss go, the
    weights are refitted, and so on. About `count` / 32 go at a time: their joint loss is exact, but they are
    chosen one by one.

    Args:
        readers: the layers that read the channels.
        count: of channels.
        most: how many may go.
    """
    remaining = np.arange(count)
    states = [[reader.weight, reader.inverse, reader.columns] for reader in readers]
    removed: list[int] = []
    losses = [0.0]
    step = max(1, count // _STEPS)
    while len(removed) < most:
        scores = np.zeros(len(remaining))
        for reader, (weight, inverse, columns) in zip(readers, states, strict=True):
            # what loses nothing can come out a little below zero
            scores += np.maximum(_scores(weight, inverse, columns), 0.0) / reader.energy
        size = min(step, most - len(removed))
        chosen = np.argsort(scores, kind="stable")[:size]
        error = 0.0
        for reader, state in zip(readers, states, strict=True):
            error += max(_remove(state, chosen), 0.0) / reader.energy
        # the losses of one step are shared in the ratio of the scores
        shares = scores[chosen] if scores[chosen].any() else np.ones(size)
        losses.extend(losses[-1] + error * np.cumsum(shares) / shares.sum())
        removed.extend(int(channel) for channel in remaining[chosen])
        remaining = np.delete(remaining, chosen)
    return EliminationOrder(np.array([*removed, *remaining], np.int64), np.array(losses))


def _scores(weight: np.ndarray, inverse: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the loss of each channel when it alone goes."""
    if columns.shape[1] == 1:
        flat = columns[:, 0]
        return np.asarray(np.square(weight[:, flat]).sum(axis=0) / inverse[flat, flat])
    blocks = np.linalg.inv(inverse[columns[:, :, None], columns[:, None, :]])
    # (channels, taps, taps): products of the weights of a channel, summed over the outputs
    own = weight[:, columns].transpose(1, 2, 0)
    return np.asarray(np.einsum("cij,cij->c", blocks, own @ own.transpose(0, 2, 1)))


def _remove(state: list[np.ndarray], chosen: np.ndarray) -> float:
    """Remove channels from a reader, refit its weights, and return the error that this makes."""
    weight, inverse, columns = state
    out = columns[chosen].ravel()
    stay = np.ones(len(inverse), bool)
    stay[out] = False
    solved = np.linalg.solve(inverse[np.ix_(out, out)], np.hstack([inverse[out][:, stay], weight[:, out].T]))
    among, own = solved[:, : int(stay.sum())], solved[:, int(stay.sum()) :]
    error = float(np.einsum("oi,io->", weight[:, out], own))
    state[0] = weight[:, stay] - weight[:, out] @ among
    state[1] = inverse[np.ix_(stay, stay)] - inverse[out][:, stay].T @ among
    renumbered = np.cumsum(stay) - 1
    state[2] = renumbered[np.delete(columns, chosen, axis=0)]
    return error


def compensation(inverse: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return what the features that go are best written as in those that stay: float (removed, kept).

    Weights that change the output least (least squares) are `weight[:, kept] - weight[:, ~kept] @ compensation`.

    Args:
        inverse: (features, features), of the regularised covariance.
        kept: bool (features,).
    """
    out = ~kept
    return np.asarray(np.linalg.solve(inverse[np.ix_(out, out)], inverse[np.ix_(out, kept)]))

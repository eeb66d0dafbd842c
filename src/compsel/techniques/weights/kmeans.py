"""k-means of numbers, from a histogram of them: memory and time do not grow with the weights of a layer."""

import numpy as np

__all__ = ["assign", "cluster_centres"]

_BINS = 1 << 16
_ROUNDS = 100
_PART = 1 << 20


def cluster_centres(values: np.ndarray, count: int) -> np.ndarray:
    """Return centres with a small sum of squared distances to values (Lloyd 1982), in ascending order.

    The first centres lie evenly between the extremes: large weights are rare and matter most (Han et al. 2016, "Deep
    Compression", section 3.2, linear initialisation).

    Args:
        values: float32 (n,), n > 0.
        count: how many centres.

    Returns:
        float32 (count,)

    >>> cluster_centres(np.array([0.0, 0.1, 5.0, 5.1], np.float32), 2).round(2).tolist()
    [0.05, 5.05]
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.full(count, low, np.float32)
    counts, sums = np.zeros(_BINS, np.int64), np.zeros(_BINS)
    for start in range(0, len(values), _PART):
        part = values[start : start + _PART].astype(np.float64)
        index = np.minimum(((part - low) * (_BINS / (high - low))).astype(np.int64), _BINS - 1)
        counts += np.bincount(index, minlength=_BINS)
        sums += np.bincount(index, weights=part, minlength=_BINS)
    filled = counts > 0
    numbers, totals = counts[filled], sums[filled]
    means = totals / numbers
    centres = np.linspace(low, high, count)
    for _ in range(_ROUNDS):
        nearest = assign(means, centres)
        mass = np.bincount(nearest, weights=numbers, minlength=count)
        moved = np.bincount(nearest, weights=totals, minlength=count)
        # a centre without values stays where it is
        updated = np.sort(np.where(mass > 0, moved / np.maximum(mass, 1), centres))
        if np.array_equal(updated, centres):
            break
        centres = updated
    return centres.astype(np.float32)


def assign(values: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the index of the nearest centre of each value.

    Args:
        values: (n,).
        centres: (count,), ascending.

    Returns:
        uint8 (n,) for up to 256 centres.

    >>> assign(np.array([0.2, 0.9]), np.array([0.0, 1.0])).tolist()
    [0, 1]
    """
    borders = (centres[1:] + centres[:-1]) / 2
    codes = np.empty(len(values), np.uint8)
    for start in range(0, len(values), _PART):
        codes[start : start + _PART] = np.searchsorted(borders, values[start : start + _PART])
    return codes

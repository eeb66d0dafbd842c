"""Calibration methods against plain numpy on the raw values."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from compsel.techniques.quantization.histogram import BINS, Histogram, entropy_range, mse_range, percentile_range

VALUES = npst.arrays(np.float32, st.integers(1, 400), elements=st.floats(-100, 100, width=32, allow_subnormal=False))


def histogram_of(values: np.ndarray, bins: int = BINS) -> Histogram:
    histogram = Histogram.empty(float(values.min()), float(values.max()), bins)
    for part in np.array_split(values, 3):
        histogram.add(part)
    return histogram


def heavy_tailed(seed: int, one_sign: bool) -> np.ndarray:
    values = np.random.default_rng(seed).standard_t(2.5, 200_000).astype(np.float32)
    return np.abs(values) if one_sign else values


@given(VALUES)
def test_counts_every_value_once_in_its_bin(values: np.ndarray) -> None:
    histogram = histogram_of(values, bins=16)
    assert histogram.counts.sum() == values.size
    width = (histogram.high - histogram.low) / 16
    reference = np.histogram(values, bins=16, range=(histogram.low, histogram.high or 1e-9))[0] if width else None
    if reference is not None:
        # a value on an edge may round to either side in float32: compare what lies below each edge, edges aside
        edges = histogram.edges[1:-1]
        clear = np.array([np.abs(values - edge).min() > 1e-4 * max(1.0, width) for edge in edges])
        np.testing.assert_array_equal(np.cumsum(histogram.counts)[:-1][clear], np.cumsum(reference)[:-1][clear])


@given(VALUES, st.sampled_from([90.0, 99.0, 99.9, 100.0]))
def test_percentile_keeps_that_share(values: np.ndarray, percentile: float) -> None:
    low, high = percentile_range(histogram_of(values), percentile)
    assert low <= 0 <= high
    step = (max(values.max(), 0) - min(values.min(), 0)) / BINS * 1.001 + 1e-6
    inside = np.mean((values >= low - step) & (values <= high + step))
    assert inside >= percentile / 100 - 1e-9


@pytest.mark.parametrize("one_sign", [True, False])
def test_percentile_agrees_with_numpy(one_sign: bool) -> None:
    values = heavy_tailed(0, one_sign)
    low, high = percentile_range(histogram_of(values), 99.0)
    step = float(values.max() - min(values.min(), 0)) / BINS
    assert high == pytest.approx(np.percentile(values, 99.0 if one_sign else 99.5), abs=1.5 * step)
    assert low == (0 if one_sign else pytest.approx(np.percentile(values, 0.5), abs=1.5 * step))


@pytest.mark.parametrize("find", [entropy_range, mse_range])
@given(values=VALUES)
@settings(max_examples=25, deadline=None)
def test_ranges_lie_within_the_extremes(find: Callable[[Histogram], tuple[float, float]], values: np.ndarray) -> None:
    low, high = find(histogram_of(values))
    assert min(values.min(), 0) <= low <= 0 <= high <= max(values.max(), 0)


def quantisation_error(values: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    return float(np.mean((np.clip(np.rint(values / step) * step, low, high) - values) ** 2))


@pytest.mark.parametrize("one_sign", [True, False])
def test_mse_is_the_best_of_a_grid(one_sign: bool) -> None:
    values = heavy_tailed(1, one_sign)
    low, high = mse_range(histogram_of(values))
    found = quantisation_error(values, low, high)
    largest = np.abs(values).max()
    grid = [
        quantisation_error(values, max(float(values.min()), -t) if not one_sign else 0.0, min(float(values.max()), t))
        for t in np.linspace(0.02, 1, 50) * largest
    ]
    assert found <= min(grid) * 1.05
    assert found < grid[-1] * 0.9  # better than the extremes


def reference_divergence(counts: np.ndarray, size: int, levels: int) -> float:
    """KL divergence as in Migacz 2017, slide 38, written as loops."""
    p = counts[:size].astype(float)
    p[-1] += counts[size:].sum()
    q = np.zeros(size)
    for level in range(levels):
        members = [index for index in range(size) if index * levels // size == level]
        filled = [index for index in members if counts[index] > 0]
        for index in filled:
            q[index] = sum(counts[index] for index in members) / len(filled)
    p, q = p / p.sum(), q / q.sum()
    return float(sum(a * np.log(a / max(b, 1e-12)) for a, b in zip(p, q, strict=True) if a > 0))


@pytest.mark.parametrize(("one_sign", "levels"), [(True, 256), (False, 128)])
def test_entropy_minimises_the_divergence(one_sign: bool, levels: int) -> None:
    values = heavy_tailed(2, one_sign)
    low, high = entropy_range(histogram_of(values))
    largest = float(np.abs(values).max())
    width = float(values.max() - min(values.min(), 0)) / BINS
    counts = np.histogram(np.abs(values), bins=round(largest / width), range=(0, largest))[0]
    counts[0] = counts[1]
    chosen = round(max(high, -low) / width)
    assert chosen < 0.95 * len(counts)  # a heavy tail is cut
    best = reference_divergence(counts, chosen, levels)
    for size in range(levels, len(counts) + 1, len(counts) // 12):
        assert best <= reference_divergence(counts, size, levels) * 1.05 + 1e-4


def test_a_constant_zero_has_no_range() -> None:
    histogram = histogram_of(np.zeros(5, np.float32))
    assert percentile_range(histogram, 99) == entropy_range(histogram) == mse_range(histogram) == (0.0, 0.0)

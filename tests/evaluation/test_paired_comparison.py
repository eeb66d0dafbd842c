"""Speed-up and accuracy with intervals: of a choice with itself, of known figures, of samples that come in groups."""

import numpy as np
import pytest

from compsel.evaluation.paired_comparison import PairedComparison, compare
from compsel.profiling.confidence_intervals import Estimate, bootstrap_sums
from tests.evaluation.made_up import result, right, spread


def test_a_choice_compared_with_itself_is_exactly_as_fast_and_as_accurate() -> None:
    ours = result(spread(4.0, 30), right(0.8, 30))
    found = compare(ours, ours)
    assert found == PairedComparison(Estimate(1.0, 1.0, 1.0), Estimate(0.0, 0.0, 0.0))
    assert not found.beats


def test_a_speed_up_is_a_ratio_of_means() -> None:
    found = compare(result([1.0, 10.0]), result([2.0, 2.0]))
    assert found.speedup.value == pytest.approx(4 / 11)


def test_intervals_are_those_of_a_plain_bootstrap() -> None:
    n = 50
    ours, other = result(spread(3.0, n), right(0.8, n)), result(spread(4.0, n, seed=1), 1 - right(0.3, n))
    generator = np.random.default_rng(5)
    rows = [generator.integers(0, n, n) for _ in range(4000)]
    speedups = [other.latency_ms[row].mean() / ours.latency_ms[row].mean() for row in rows]
    accuracies = [ours.right[row].mean() - other.right[row].mean() for row in rows]
    found = compare(ours, other)
    for estimate, drawn in ((found.speedup, speedups), (found.accuracy, accuracies)):
        assert estimate.low < estimate.value < estimate.high
        width = estimate.high - estimate.low
        assert (estimate.low, estimate.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.1 * width)


def test_samples_of_a_group_are_drawn_together() -> None:
    """Ten versions of each of ten photographs are no hundred photographs."""
    latency = np.repeat(spread(4.0, 10, by=0.5), 10)
    ours, other = result(latency), result(np.full(100, 4.0))
    alone, together = compare(ours, other), compare(ours, other, np.repeat(np.arange(10), 10))
    assert alone.speedup.value == together.speedup.value
    assert together.speedup.high - together.speedup.low > 2 * (alone.speedup.high - alone.speedup.low)


def test_accuracy_of_groups_of_different_size_is_over_samples() -> None:
    groups = [0] * 9 + [1]
    found = compare(result([1.0] * 10, [1.0] * 9 + [0.0]), result([1.0] * 10, 0.0), groups)
    assert (found.accuracy.low, found.accuracy.high) == (0.0, 1.0)  # one group alone may be drawn
    assert found.accuracy.value == pytest.approx(0.9)


def test_many_samples_are_drawn_in_parts_that_are_the_same_draws() -> None:
    values = np.random.default_rng(0).normal(size=(3000, 2))
    generator = np.random.default_rng(0)
    expected = [values[generator.integers(0, 3000, 3000)].sum(axis=0) for _ in range(700)]
    np.testing.assert_allclose(bootstrap_sums(values, draws=700), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("speedup", "accuracy", "beats"),
    [
        ((1.1, 1.3), (-0.01, 0.01), True),
        ((1.1, 1.3), (-0.03, -0.01), False),  # faster, but less accurate for certain
        ((0.9, 1.3), (-0.01, 0.01), False),
        ((0.9, 1.3), (0.01, 0.02), True),  # more accurate for certain, and not slower for certain
        ((0.7, 0.9), (0.01, 0.02), False),
        ((0.7, 0.9), (-0.01, 0.01), False),
    ],
)
def test_to_beat_is_to_be_better_in_one_for_certain_and_in_the_other_not_worse(
    speedup: tuple[float, float], accuracy: tuple[float, float], beats: bool
) -> None:
    found = PairedComparison(Estimate(1.0, *speedup), Estimate(0.0, *accuracy))
    assert found.beats is beats

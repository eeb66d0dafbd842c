"""Speed-up and accuracy with intervals: of a choice with itself, of known figures, of samples that come in groups."""

import numpy as np
import pytest

from compsel.profiling.confidence_intervals import Estimate, bootstrap_sums
from compsel.selection.judging.paired_accuracy import paired_accuracy
from compsel.selection.judging.paired_comparison import PairedComparison, compare
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
    assert found.accuracy.value == pytest.approx(0.9)
    alone = compare(result([1.0] * 10, [1.0] * 9 + [0.0]), result([1.0] * 10, 0.0)).accuracy
    assert found.accuracy.low < alone.low - 0.1  # two groups are no ten samples


@pytest.mark.parametrize(("n", "most"), [(20, 0.161), (60, 0.060), (600, 0.0064)])
def test_no_difference_in_few_samples_is_no_proof_of_none(n: int, most: float) -> None:
    found = compare(result(spread(2.0, n), right(0.8, n)), result(spread(4.0, n, 1), right(0.8, n)))
    assert found.accuracy.value == 0
    assert (-found.accuracy.low, found.accuracy.high) == pytest.approx((most, most), abs=0.001)
    assert f"no difference seen in {n} samples (at most {100 * most:.1f} points)" in str(found)
    assert found.beats


def test_no_difference_in_groups_counts_groups() -> None:
    ours, other = result([2.0] * 60, right(0.8, 60)), result([4.0] * 60, right(0.8, 60))
    assert compare(ours, other, np.repeat(np.arange(6), 10)).accuracy.high > 0.3


def test_the_same_variant_on_another_processor_answers_as_before() -> None:
    ours, other = result(spread(2.0, 30), right(0.8, 30)), result(spread(4.0, 30, 1), right(0.8, 30))
    ours.choices["net/none@cpu:1"], other.choices["net/none@cpu:2"] = 30, 30
    found = compare(ours, other)
    assert found.accuracy == Estimate(0.0, 0.0, 0.0)
    assert str(found).endswith("; as accurate")
    withheld = result(ours.latency_ms, right(0.7, 30))
    withheld.choices["net/none@cpu:1"] = 30
    assert compare(withheld, other).accuracy.value < 0


def test_an_interval_of_the_accuracy_holds_the_truth_as_often_as_it_says() -> None:
    """Rare disagreements, where a bootstrap is often of no width."""
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        drawn = generator.choice([-1.0, 0.0, 1.0], 100, p=[0.03, 0.96, 0.01])
        interval = paired_accuracy(drawn)
        held += interval.low <= -0.02 <= interval.high
    assert held >= 0.93 * 400


def test_how_well_latencies_are_known_widens_the_speed_up_but_not_that_of_a_choice_with_itself() -> None:
    ours, other = result([2.0] * 30), result([2.4] * 30)
    assert compare(ours, other).faster
    noisy = compare(ours, other, cost_error=0.3)
    assert not noisy.faster
    assert noisy.speedup.low == pytest.approx(1.2 * np.exp(-0.3))
    assert compare(ours, ours, cost_error=0.3).is_same


def test_where_wrong_answers_have_a_price_the_cost_decides() -> None:
    ours, other = result(spread(2.0, 200), right(0.85, 200)), result(spread(9.0, 200, 1), right(0.9, 200))
    assert not compare(ours, other).beats
    assert compare(ours, other, penalty=20.0).beats
    assert not compare(ours, other, penalty=500.0).beats


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

"""Bootstrap intervals of figures made of sums."""

import numpy as np
import pytest

from compsel.selection.training.bootstrap import Interval, bootstrap, mean_of_first, ratio_of_sums, share_of_distance


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = np.random.default_rng(0).normal(size=900)
    found = bootstrap(mean_of_first, [values])
    error = values.std() / 30
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_a_choice_against_itself_is_exactly_alike():
    latency = np.random.default_rng(0).uniform(1, 9, 50)
    assert bootstrap(ratio_of_sums, [latency, latency]) == (1.0, 1.0, 1.0)


def test_samples_of_one_group_are_drawn_together():
    values = np.repeat(np.random.default_rng(0).normal(size=30), 10)
    alone = bootstrap(mean_of_first, [values])
    together = bootstrap(mean_of_first, [values], np.repeat(np.arange(30), 10))
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_without_a_gap_there_is_no_interval_of_one():
    costs = np.ones(9)
    assert all(np.isnan(bootstrap(share_of_distance, [costs, costs, costs])))


def test_other_samples_vary_as_these_do():
    """Of 300 pairs of halves, the wider interval of one holds the mean of the other in about 95 %."""
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        one, other = generator.normal(size=(2, 200))
        found = Interval(one.mean(), *(one.mean() + side * 1.96 * one.std() / 200**0.5 for side in (-1, 1)))
        wide = found.for_other_samples()
        held += wide.low <= other.mean() <= wide.high
    assert 0.92 < held / 300 < 0.98

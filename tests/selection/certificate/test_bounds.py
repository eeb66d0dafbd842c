"""Exact and betting tests: they hold at any number of samples, whatever the distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from compsel.errors import SelectorError
from compsel.selection.certificate.bounds import (
    betting_p_value,
    betting_upper_bound,
    binomial_p_value,
    binomial_upper_bound,
    grouped_p_value,
)

CASES = 2000
losses = st.lists(st.sampled_from([-1.0, 0.0, 0.25, 1.0]), min_size=1, max_size=60)


@given(st.integers(1, 3000), st.floats(0, 1), st.data())
def test_the_exact_test_is_the_tail_of_the_binomial_distribution(n: int, rate: float, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, n))
    assert binomial_p_value(events, n, rate) == pytest.approx(stats.binom.cdf(events, n, rate), rel=1e-6, abs=1e-12)


@given(st.integers(1, 500), st.data())
def test_the_exact_bound_is_clopper_and_pearson(n: int, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, n - 1))
    assert binomial_upper_bound(events, n) == pytest.approx(stats.beta.ppf(0.95, events + 1, n - events), rel=1e-6)


def test_samples_that_are_all_events_bound_nothing() -> None:
    assert binomial_upper_bound(7, 7) == 1.0
    assert binomial_upper_bound(0, 0) == 1.0


@given(losses, st.randoms())
def test_the_order_of_the_losses_does_not_matter(seen: list[float], random) -> None:
    mixed = seen.copy()
    random.shuffle(mixed)
    assert betting_p_value(mixed, 0.1, -1.0) == betting_p_value(seen, 0.1, -1.0)


@given(losses, st.floats(-0.5, 0.99), st.floats(0, 0.5))
def test_a_higher_mean_is_never_more_plausible(seen: list[float], mean: float, further: float) -> None:
    above = min(mean + further, 1.0)
    low = betting_p_value(seen, mean, -1.0)
    # where the mean is above what was seen; below it nothing is asked
    if mean >= np.mean(seen):
        assert betting_p_value(seen, above, -1.0) <= low + 1e-9


@given(losses)
def test_the_betting_bound_lies_between_the_mean_and_the_highest_loss(seen: list[float]) -> None:
    assert np.mean(seen) - 1e-9 <= betting_upper_bound(seen, low=-1.0) <= 1.0


@pytest.mark.parametrize(
    ("values", "shares"),
    [((0.0, 1.0), (0.97, 0.03)), ((-1.0, 0.0, 1.0), (0.02, 0.95, 0.03)), ((0.0, 0.3, 1.0), (0.8, 0.15, 0.05))],
)
def test_a_true_mean_is_refused_no_more_often_than_promised(
    values: tuple[float, ...], shares: tuple[float, ...]
) -> None:
    random, mean = np.random.default_rng(0), float(np.dot(values, shares))
    found = [
        betting_p_value(random.choice(values, 300, p=shares), mean, min(values[0], 0.0)) <= 0.05 for _ in range(CASES)
    ]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / CASES)


def test_the_bound_holds_as_often_as_promised_and_is_not_far_above() -> None:
    random = np.random.default_rng(1)
    bounds = np.array([binomial_upper_bound(int(random.binomial(400, 0.01)), 400) for _ in range(CASES)])
    assert (bounds >= 0.01).mean() >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / CASES)
    assert bounds.mean() < 0.03


@pytest.mark.parametrize("events", [0, 5, 30])
def test_both_are_tighter_than_hoeffding_for_rare_events(events: int) -> None:
    n = 1000
    seen = np.arange(n) < events
    hoeffding = events / n + np.sqrt(np.log(20) / (2 * n))
    exact, bet = binomial_upper_bound(events, n), betting_upper_bound(seen)
    assert exact <= bet < hoeffding


def test_groups_that_move_together_count_as_one_sample_each() -> None:
    """Ten copies of 100 independent samples, every tenth promise just kept: they must not pass as 1,000 samples."""
    random = np.random.default_rng(2)
    sizes, rate = np.full(100, 10), 0.1
    events = [10 * random.binomial(1, rate, 100) for _ in range(CASES)]
    assert np.mean([grouped_p_value(one, sizes, rate) <= 0.05 for one in events]) <= 0.065
    assert np.mean([binomial_p_value(int(one.sum()), 1000, rate) <= 0.05 for one in events]) > 0.2


def test_groups_of_different_sizes_are_judged_by_their_samples() -> None:
    """Only large groups hold events: a tenth of all samples, but of few groups."""
    random, rate = np.random.default_rng(3), 0.1
    found = []
    for _ in range(200):
        sizes = random.choice([1, 9], 2000)
        events = np.where(sizes == 9, sizes * random.binomial(1, rate / 0.9, 2000), 0)
        found.append(grouped_p_value(events, sizes, rate) <= 0.05)
    assert np.mean(found) <= 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: binomial_p_value(3, 2, 0.1),
        lambda: binomial_p_value(-1, 2, 0.1),
        lambda: binomial_p_value(1, 2, 1.5),
        lambda: betting_p_value([2.0], 0.5),
        lambda: betting_p_value([np.nan], 0.5),
        lambda: betting_p_value([0.0], 0.0),
        lambda: grouped_p_value([2], [1], 0.1),
    ],
)
def test_what_cannot_be_is_refused(wrong) -> None:
    with pytest.raises(SelectorError, match="allowed are"):
        wrong()

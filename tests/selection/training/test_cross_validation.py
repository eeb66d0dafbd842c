"""Gap closed, and cross-validation on it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compsel.errors import SelectorError
from compsel.selection.classifiers.base import Selector
from compsel.selection.classifiers.baselines import OracleSelector, RandomSelector, SingleBest
from compsel.selection.classifiers.neighbours import NeighbourSelector
from compsel.selection.classifiers.regression import CostRegression
from compsel.selection.training.cross_validation import assign_folds, compare
from compsel.selection.training.gap_closed import gap_closed, measure_gap
from tests.selection.selector_checks import table

costs_tables = arrays(np.float64, (12, 3), elements=st.integers(0, 1000).map(float))


@given(costs=costs_tables, chosen=arrays(np.int64, 12, elements=st.integers(0, 2)))
def test_no_selector_passes_the_oracle(costs, chosen):
    single_best = int(costs.mean(axis=0).argmin())
    gap = gap_closed(costs, chosen, single_best)
    assert gap <= 1.0
    assert gap_closed(costs, np.full(12, single_best), single_best) == 0.0
    if (costs.min(axis=1) < costs[:, single_best]).any():
        assert gap_closed(costs, OracleSelector.choose(costs), single_best) == 1.0


def test_gap_is_a_ratio_of_sums():
    costs = [[10.0, 0.0], [2.0, 0.0], [1.0, 9.0]]
    assert gap_closed(costs, [1, 0, 0], 0) == pytest.approx(10 / 12)


def test_nothing_to_gain():
    costs = [[1.0, 2.0], [1.0, 2.0]]
    assert gap_closed(costs, [0, 0], 0) == 0.0
    assert gap_closed(costs, [0, 1], 0) == -np.inf


def test_interval_narrows_with_samples_and_holds_the_value():
    random = np.random.default_rng(0)
    gaps = []
    for n in (50, 5000):
        costs = random.random((n, 2)) + np.array([0, 0.05])
        chosen = np.where(random.random(n) < 0.6, costs.argmin(axis=1), 0)
        gaps.append(measure_gap(costs, chosen, 0, draws=300))
        assert gaps[-1].low < gaps[-1].value < gaps[-1].high
    assert gaps[0].standard_error > 3 * gaps[1].standard_error


def test_wrong_choices_are_refused():
    with pytest.raises(SelectorError, match=r"chosen must be columns 0..1, got 0..2"):
        gap_closed(np.ones((2, 2)), [0, 2], 0)
    with pytest.raises(SelectorError, match=r"chosen must be whole numbers.*got shape \(3,\)"):
        gap_closed(np.ones((2, 2)), [0, 1, 1], 0)


class Remembers(Selector):
    """Recalls the training samples by heart, and says so when it meets one again."""

    def _fit(self, X, costs):
        self.seen_ = set(X[:, 0].tolist())

    def _predict(self, X):
        assert not self.seen_ & set(X[:, 0].tolist())
        return np.zeros(len(X), dtype=int)


def test_samples_are_held_out_and_selectors_left_as_they_are():
    X, costs = table()
    X[:, 0] = np.arange(60)
    given = Remembers()
    compare({"remembers": given}, X, costs, folds=6)
    assert not hasattr(given, "seen_")


def test_relatives_are_held_out_together():
    fold = assign_folds(100, 5, groups=np.repeat(np.arange(25), 4))
    assert len(set(zip(fold.tolist(), np.repeat(np.arange(25), 4).tolist(), strict=True))) == 25
    assert np.bincount(fold).tolist() == [20] * 5
    assert not np.array_equal(assign_folds(100, 5, random_state=1), assign_folds(100, 5, random_state=2))
    X, costs = table()
    X[:, 0] = np.repeat(np.arange(20), 3)
    compare({"remembers": Remembers()}, X, costs, folds=4, groups=X[:, 0])


def test_the_table_of_selectors():
    X, costs = table(n=200)
    selectors = {"static": SingleBest(), "random": RandomSelector(), "forest": CostRegression(n_trees=20)}
    comparison = compare(selectors, X, costs, folds=4)
    assert [score.name for score in comparison.scores] == ["forest", "static", "random"]
    assert comparison["static"].gap.value == 0.0
    assert comparison["static"].mean_cost == pytest.approx(comparison.single_best_cost)
    assert comparison.oracle_cost < comparison["forest"].mean_cost < comparison.single_best_cost
    assert comparison.winner is comparison["forest"]
    assert "forest" in str(comparison)
    with pytest.raises(KeyError, match="'other' was not compared: there are forest, static, random"):
        comparison["other"]


def test_no_winner_on_noise():
    random = np.random.default_rng(0)
    X, costs = random.random((120, 3)), random.random((120, 4))
    assert compare({"neighbours": NeighbourSelector(5)}, X, costs, folds=4).winner is None


def test_given_folds_and_wrong_ones():
    X, costs = table()
    assert compare({"static": SingleBest()}, X, costs, folds=np.arange(60) % 3).n_folds == 3
    with pytest.raises(SelectorError, match="two different ones at least"):
        compare({"static": SingleBest()}, X, costs, folds=np.zeros(60))
    with pytest.raises(SelectorError, match="0 selectors"):
        compare({}, X, costs)
    with pytest.raises(SelectorError, match="cannot make 1 folds"):
        compare({"static": SingleBest()}, X, costs, folds=1)

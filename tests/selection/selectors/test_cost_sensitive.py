"""The selector with nothing to set: hardly ever worse than not choosing, whatever the table is like."""

import numpy as np
import pytest

from compsel.errors import SelectorError
from compsel.selection.selectors.cost_sensitive import CostSensitiveSelector
from compsel.selection.training.gap_closed import gap_closed
from tests.selection.selector_checks import table


def mean_cost(costs: np.ndarray, chosen: np.ndarray) -> float:
    return float(costs[np.arange(len(costs)), chosen].mean())


@pytest.mark.parametrize("seed", range(5))
def test_hardly_worse_than_the_single_best_where_features_say_nothing(seed):
    random = np.random.default_rng(seed)
    X, costs = random.random((400, 8)), random.gamma(0.5, 1.0, (400, 6)) + np.linspace(0, 0.3, 6)
    selector = CostSensitiveSelector(n_trees=45, random_state=seed).fit(X[:150], costs[:150])
    static = costs[150:, costs[:150].mean(axis=0).argmin()].mean()
    assert mean_cost(costs[150:], selector.predict(X[150:])) <= 1.08 * static


def test_the_guard_is_what_refuses_to_choose():
    random = np.random.default_rng(0)
    X, costs = random.random((100, 3)), random.random((100, 4)) + np.array([0, 0.1, 0.1, 0.1])
    guarded = CostSensitiveSelector(n_trees=30).fit(X, costs)
    assert guarded.selected_ == "single best"
    assert set(guarded.predict(X)) == {0}
    open_ = CostSensitiveSelector(n_trees=30, confidence=0.0).fit(X, costs)
    assert open_.selected_ != "single best"
    assert len(set(open_.predict(X))) > 1


def test_heavy_tailed_costs_and_many_samples_that_all_fail():
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 5))
    hardness = 2 * random.normal(size=(300, 1))
    runtime = np.exp(hardness + 3 * np.abs(X[:, :1] - [-1.5, -0.5, 0.5, 1.5]) + random.normal(size=(300, 4)))
    costs = np.where(runtime > 60, 600.0, runtime)
    assert (costs.min(axis=1) == 600).any()
    chosen = CostSensitiveSelector(n_trees=60).fit(X[:200], costs[:200]).predict(X[200:])
    assert gap_closed(costs[200:], chosen, int(costs[:200].mean(axis=0).argmin())) > 0.5


def test_missing_features_tell_what_to_choose():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3))
    X[::2, 1] = np.nan
    costs = np.column_stack([np.isnan(X[:, 1]), ~np.isnan(X[:, 1])]) + 0.1 * random.random((200, 2))
    chosen = CostSensitiveSelector(n_trees=30).fit(X[:100], costs[:100]).predict(X[100:])
    np.testing.assert_array_equal(chosen, costs[100:].argmin(axis=1))


def test_many_choices_that_are_nearly_equal():
    random = np.random.default_rng(0)
    X = random.normal(size=(150, 3))
    costs = np.where((X[:, :1] > 0) == (np.arange(30) % 2 == 0), 0.0, 1.0) + 0.05 * random.random((150, 30))
    chosen = CostSensitiveSelector(n_trees=45).fit(X[:100], costs[:100]).predict(X[100:])
    assert mean_cost(costs[100:], chosen) < 0.15


def test_the_candidates_are_told():
    X, costs = table(n=120)
    selector = CostSensitiveSelector(n_trees=30).fit(X, costs)
    candidates = {candidate.name: candidate for candidate in selector.candidates_}
    assert selector.selected_ in candidates
    assert candidates["single best"].cost == pytest.approx(costs.mean(axis=0).min())
    assert candidates[selector.selected_].cost < candidates["single best"].cost
    assert candidates[selector.selected_].confidence > 0.9


def test_relatives_do_not_vouch_for_each_other():
    """Every sample is there four times: without groups, noise looks as if it could be learnt."""
    random = np.random.default_rng(0)
    X = np.repeat(random.normal(size=(60, 3)), 4, axis=0)
    costs = np.repeat(random.random((60, 4)), 4, axis=0)
    groups = np.repeat(np.arange(60), 4)
    alone = CostSensitiveSelector(n_trees=45).fit(X, costs)
    together = CostSensitiveSelector(n_trees=45).fit(X, costs, groups=groups)
    flattered, honest = (selector.candidates_[1].cost for selector in (alone, together))
    assert flattered < 0.75 * honest


def test_a_budget_ends_growing():
    X, costs = table(n=120)
    selector = CostSensitiveSelector(n_trees=100_000, budget_s=0.2, confidence=0.0).fit(X, costs)
    assert 1 <= len(selector.table_.roots) < 10_000


def test_another_seed_is_another_forest_and_the_same_seed_the_same():
    X, costs = table(n=120)
    first, again, other = (CostSensitiveSelector(n_trees=30, random_state=seed).fit(X, costs) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.scores(X), again.scores(X))
    assert not np.array_equal(first.scores(X), other.scores(X))


def test_arguments_out_of_range():
    X, costs = table()
    with pytest.raises(SelectorError, match="n_trees must be at least 3"):
        CostSensitiveSelector(n_trees=2).fit(X, costs)
    with pytest.raises(SelectorError, match=r"confidence 0\.\.1"):
        CostSensitiveSelector(confidence=1.5).fit(X, costs)
    with pytest.raises(SelectorError, match="3 groups for 60 samples"):
        CostSensitiveSelector().fit(X, costs, groups=[0, 1, 2])

"""Forests as tables: equal to scikit-learn's and XGBoost's own answers, and sums that no order can change."""

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from compsel.errors import SelectorError
from compsel.selection.selectors.classification import CostSensitiveClassifier, weighted_labels
from compsel.selection.selectors.forest import ForestSettings, at_most, grow_forest, table_of_tree, with_indicators
from compsel.selection.selectors.tree_table import TreeTable
from tests.selection.selector_checks import table

X, COSTS = table(n=150, n_choices=5)
X = X.astype(np.float32)


def test_table_reaches_the_leaves_that_scikit_learn_reaches():
    forest = ExtraTreesRegressor(15, max_features=0.5, random_state=0).fit(X, COSTS)
    tables = [table_of_tree(tree.tree_, tree.tree_.value[:, :, 0], 5) for tree in forest.estimators_]
    stacked = TreeTable.stack(tables)
    leaves = stacked.leaves(X) - stacked.roots
    np.testing.assert_array_equal(leaves, forest.apply(X))
    np.testing.assert_allclose(stacked.weighted(1 / 15).evaluate(X), forest.predict(X), rtol=1e-6)


def test_thresholds_between_two_float32_numbers_send_features_as_float64_would():
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    between = (np.float64(low) + np.float64(high)) / 2
    for threshold in (between, np.nextafter(between, 2), np.float64(high)):
        for x in (low, high):
            assert (x <= at_most(np.array([threshold]))[0]) == (np.float64(x) <= threshold)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([1e-20, 1.0, 1e20]))
def test_exact_sums_do_not_depend_on_the_order(seed, scale):
    random = np.random.default_rng(seed)
    leaves = [TreeTable.constant(scale * random.normal(size=3)) for _ in range(60)]
    trees = [
        TreeTable(*(np.array([value], dtype) for value, dtype in
                    [(0, np.int32), (0, np.int32), (-1, np.int32), (0, np.float32), (0, np.int32), (0, np.int32),
                     (False, bool)]), values=leaf.bias[None], bias=np.zeros(3))
        for leaf in leaves
    ]  # fmt: skip
    values = TreeTable.stack(trees).exact().values.astype(np.float32)
    forwards, backwards = np.zeros(3, np.float32), np.zeros(3, np.float32)
    for row in values:
        forwards += row
    for row in values[::-1]:
        backwards += row
    np.testing.assert_array_equal(forwards, backwards)
    np.testing.assert_allclose(forwards, np.sum([leaf.bias for leaf in leaves], axis=0), atol=scale * 1e-3)


def test_held_out_answers_come_from_trees_that_did_not_see_the_sample():
    random = np.random.default_rng(0)
    noise = random.normal(size=(200, 1))
    features = random.normal(size=(200, 3)).astype(np.float32)
    forest = grow_forest(features, noise, noise, ForestSettings(60, min_samples_leaf=1), random)
    assert np.corrcoef(forest.table.evaluate(features)[:, 0], noise[:, 0])[0, 1] > 0.8
    assert abs(np.corrcoef(forest.held_out[:, 0], noise[:, 0])[0, 1]) < 0.25


def test_relatives_are_in_the_bag_together():
    random = np.random.default_rng(0)
    features = np.repeat(random.normal(size=(60, 3)), 4, axis=0).astype(np.float32)
    noise = np.repeat(random.normal(size=(60, 1)), 4, axis=0)
    groups = np.repeat(np.arange(60), 4)
    alone = grow_forest(features, noise, noise, ForestSettings(40), np.random.default_rng(0))
    together = grow_forest(features, noise, noise, ForestSettings(40), np.random.default_rng(0), groups)
    assert np.corrcoef(alone.held_out[:, 0], noise[:, 0])[0, 1] > 0.7
    assert abs(np.corrcoef(together.held_out[:, 0], noise[:, 0])[0, 1]) < 0.35


def test_missingness_itself_is_learnt():
    random = np.random.default_rng(0)
    features = random.normal(size=(100, 2)).astype(np.float32)
    features[::2, 1] = np.nan
    target = np.isnan(features[:, 1:]).astype(float)
    forest = grow_forest(features, target, target, ForestSettings(20), random)
    np.testing.assert_array_equal(forest.table.evaluate(features) > 0.5, target)
    assert forest.table.feature.max() <= 1


def test_one_indicator_for_features_that_are_missing_together():
    features = np.zeros((6, 4), dtype=np.float32)
    features[:2, 1:3] = np.nan
    features[:, 3] = np.nan
    grown, missing = with_indicators(features)
    assert missing.tolist() == [1]
    np.testing.assert_array_equal(grown[:, 4], [1, 1, 0, 0, 0, 0])


@pytest.mark.parametrize("n_choices", [2, 5])
def test_classifier_selects_what_its_estimator_predicts(n_choices):
    costs = COSTS[:, :n_choices]
    rows, label, weight = weighted_labels(costs)
    for estimator in (
        xgboost.XGBClassifier(n_estimators=20, max_depth=3, n_jobs=1, random_state=0),
        ExtraTreesClassifier(20, min_samples_leaf=3, random_state=0),
    ):
        ours = CostSensitiveClassifier(estimator).fit(X, costs).predict(X)
        theirs = estimator.fit(X[rows], label, sample_weight=weight).predict(X)
        assert (ours == theirs).mean() > 0.99  # leaves are on a grid of 2**-24: ties may break otherwise


def test_samples_on_which_all_cost_the_same_are_no_examples():
    equal = np.full((4, 3), 0.1)
    assert equal.mean(axis=1)[0] != 0.1  # a sum that is rounded: what a naive comparison trips over
    assert [len(part) for part in weighted_labels(equal)] == [0, 0, 0]


def test_a_choice_that_is_never_best_is_never_selected():
    costs = np.column_stack([COSTS[:, 0], np.full(150, 100.0), COSTS[:, 1], COSTS[:, 2]])
    assert 1 not in CostSensitiveClassifier().fit(X, costs).predict(X)


def test_only_trees_can_be_exported():
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(SelectorError, match="LogisticRegression is not made of trees: use"):
        CostSensitiveClassifier(LogisticRegression()).fit(X, COSTS)

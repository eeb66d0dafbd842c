"""The premodel against its paper's algorithm, worked by hand, and against scikit-learn's neighbours."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import MinMaxScaler

from compsel.errors import SelectorError
from compsel.selection.selectors.neighbour_index import NeighbourIndex
from compsel.selection.selectors.neighbours import NeighbourSelector
from compsel.selection.selectors.premodel import Premodel, order_choices


def finds_none(premodel: Premodel, X: object) -> np.ndarray:
    """Whether the chain finds no choice for a sample: the paper's "failure"."""
    return premodel._answer(np.asarray(X, np.float32)) < 0


def test_order_is_that_of_algorithm_1():
    # Choice 1 is optimal most often (4 of 10); of the six that it fails on, choice 2 is right on three and choice 0 on
    # two; then choice 0 adds two more and choice 3 one.
    correct = np.array([[0, 1, 1, 0]] * 4 + [[0, 0, 1, 0]] * 3 + [[1, 0, 0, 0]] * 2 + [[0, 0, 0, 1]], dtype=bool)
    optimal = np.array([1] * 4 + [2] * 3 + [0] * 2 + [3])
    assert order_choices(optimal, correct) == (1, 2, 0, 3)
    assert order_choices(optimal, correct, stop_points=10.0) == (1, 2, 0)
    assert order_choices(optimal, correct, stop_points=25.0) == (1, 2)
    assert order_choices(optimal, correct, max_choices=2) == (1, 2)


def test_no_choice_is_ever_right():
    correct = np.zeros((10, 2), dtype=bool)
    assert order_choices(np.full(10, -1), correct) == ()
    premodel = Premodel().fit(np.zeros((10, 1)), np.tile([3.0, 2.0], (10, 1)), correct=correct)
    assert finds_none(premodel, [[0.0]]).tolist() == [True]
    assert premodel.predict([[0.0]]).tolist() == [1]


def test_each_level_is_a_5_nearest_neighbour_classifier_on_scaled_features():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3)).astype(np.float32) * [1, 100, 0.01]
    correct = np.column_stack([X[:, 0] > 0, X[:, 2] > 0.002, np.ones(200, dtype=bool)])
    premodel = Premodel().fit(X, np.tile([1.0, 2.0, 9.0], (200, 1)), correct=correct)
    assert premodel.chain_ == (0, 2)
    queries = random.normal(size=(600, 3)).astype(np.float32) * [1, 100, 0.01]
    scaler = MinMaxScaler().fit(X)
    first = KNeighborsClassifier(5).fit(scaler.transform(X), correct[:, 0])
    inside = np.clip(scaler.transform(queries), -0.5, 1.5)
    yes = first.predict(inside)
    np.testing.assert_array_equal(premodel.predict(queries) == 0, yes)
    # the next level knows only what the first leaves over
    left = ~correct[:, 0]
    second = KNeighborsClassifier(5).fit(scaler.transform(X[left]), ~correct[left, 1])
    np.testing.assert_array_equal(finds_none(premodel, queries[~yes]), ~second.predict(inside[~yes]))


def test_optimal_is_the_cheapest_that_is_right():
    X = np.zeros((6, 1))
    costs = np.tile([1.0, 5.0, 3.0], (6, 1))
    correct = np.tile([False, True, True], (6, 1))
    assert Premodel().fit(X, costs, correct=correct).chain_ == (2,)


def test_the_answer_without_a_choice_is_the_one_that_is_right_most_often():
    X = np.arange(20.0)[:, None]
    correct = np.column_stack([X[:, 0] < 4, X[:, 0] < 8])
    premodel = Premodel().fit(X, np.tile([1.0, 2.0], (20, 1)), correct=correct)
    assert finds_none(premodel, [[19.0]]).tolist() == [True]
    assert premodel.predict([[19.0]]).tolist() == [1]


def test_wrong_arguments():
    with pytest.raises(SelectorError, match=r"correct has shape \(2, 1\), costs \(2, 2\)"):
        Premodel().fit(np.zeros((2, 1)), np.ones((2, 2)), correct=np.ones((2, 1)))
    for selector in (Premodel(neighbours=0), NeighbourSelector(neighbours=0)):
        with pytest.raises(SelectorError, match="neighbours must be at least 1, got 0"):
            selector.fit(np.zeros((2, 1)), np.ones((2, 2)))


def test_neighbours_are_those_of_brute_force():
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 5)).astype(np.float32)
    queries = random.normal(size=(70, 5)).astype(np.float32)
    low, high = X.min(axis=0), X.max(axis=0)
    scaled = np.clip((queries - low) / (high - low), -0.5, 1.5)
    distance = ((scaled[:, None] - (X - low) / (high - low)) ** 2).sum(axis=2)
    found = NeighbourIndex.build(X).nearest(queries, 6)
    np.testing.assert_array_equal(np.sort(found), np.sort(np.argsort(distance, axis=1)[:, :6]))


def test_the_lower_row_wins_a_tie_and_missing_features_stand_at_the_mean():
    X = np.array([[0.0], [2.0], [2.0], [1.0]], dtype=np.float32)
    index = NeighbourIndex.build(X)
    assert index.nearest(np.float32([[2.0]]), 2).tolist() == [[1, 2]]
    assert index.nearest(np.float32([[np.nan]]), 1).tolist() == [[3]]


def test_neighbour_costs_are_averaged():
    X = np.array([[0.0], [0.1], [0.2], [10.0]])
    costs = np.array([[0.0, 1.0], [0.0, 1.0], [5.0, 0.0], [0.0, 9.0]])
    assert NeighbourSelector(neighbours=3, transform="regret").fit(X, costs).select([0.1]) == 1
    assert NeighbourSelector(neighbours=3, transform="rank").fit(X, costs).select([0.1]) == 0

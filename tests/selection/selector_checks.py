"""What every selector has to do, whatever it learns: run over all of them, and over a fake one."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import clone

from compsel.errors import SelectorError
from compsel.selection.selectors.base import Selector


def table(n: int = 60, n_features: int = 4, n_choices: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of which the first two matter, some missing, and costs of which no two are equal."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, n_features))
    best = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
    costs = 1 + random.random((n, n_choices)) + 4 * (np.arange(n_choices) != np.minimum(best, n_choices - 1)[:, None])
    X[random.random(X.shape) < 0.1] = np.nan
    return X, costs


def check_fit_returns_the_selector(selector: Selector) -> None:
    X, costs = table()
    assert selector.fit(X, costs) is selector
    assert (selector.n_features_in_, selector.n_choices_) == (4, 3)


def check_answer_is_a_column_for_each_row(selector: Selector) -> None:
    X, costs = table()
    chosen = selector.fit(X, costs).predict(X)
    assert chosen.shape == (60,)
    assert chosen.dtype == np.int64
    assert set(chosen) <= {0, 1, 2}
    assert selector.predict(X[:0]).shape == (0,)


def check_constructor_only_stores(selector: Selector) -> None:
    assert not [name for name in vars(selector) if name.endswith("_")]
    assert set(vars(selector)) == set(selector.get_params(deep=False))


def check_clone_is_unfitted_and_equal(selector: Selector) -> None:
    X, costs = table()
    copy = clone(selector.fit(X, costs))
    assert repr(copy) == repr(selector)
    with pytest.raises(SelectorError, match="not fitted"):
        copy.predict(X)


def check_parameters_can_be_set(selector: Selector) -> None:
    parameters = selector.get_params(deep=False)
    assert selector.set_params(**parameters) is selector
    with pytest.raises(SelectorError, match="has no parameter 'nonsense'"):
        selector.set_params(nonsense=1)


def check_two_fits_agree(selector: Selector) -> None:
    X, costs = table()
    first = clone(selector).fit(X, costs).predict(X)
    np.testing.assert_array_equal(first, clone(selector).fit(X, costs).predict(X))
    other = table(seed=1)
    np.testing.assert_array_equal(first, clone(selector).fit(*other).fit(X, costs).predict(X))


def check_input_is_untouched(selector: Selector) -> None:
    X, costs = table()
    before = X.copy(), costs.copy()
    selector.fit(X, costs).predict(X)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(costs, before[1])


def check_one_row_as_in_a_batch(selector: Selector) -> None:
    X, costs = table()
    batch = selector.fit(X, costs).predict(X)
    assert [selector.select(row) for row in X] == batch.tolist()
    assert [int(selector.predict(row[None])[0]) for row in X] == batch.tolist()


def check_order_of_test_rows_does_not_matter(selector: Selector) -> None:
    X, costs = table()
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(selector.fit(X, costs).predict(X)[order], selector.predict(X[order]))


def check_missing_and_infinite_features(selector: Selector) -> None:
    X, costs = table()
    X[:, 3] = np.nan
    selector.fit(X, costs)
    for value in (np.nan, np.inf, -np.inf, 1e300):
        assert selector.select(np.full(4, value)) in {0, 1, 2}


def check_wrong_tables_are_refused(selector: Selector) -> None:
    X, costs = table()
    for features, targets, message in [
        (X[:-1], costs, "59 rows and costs 60"),
        (X[0], costs, r"X must be a matrix \(n, n_features\), got shape \(4,\)"),
        (X, costs[:, 0], r"costs must be a matrix \(n, n_choices\).*got shape \(60,\)"),
        (X, costs[:, :0], "got shape"),
        (X[:0], costs[:0], "got shape"),
        (X, np.where(costs > 5, np.inf, costs), "costs must be finite, got inf in row"),
        (X, np.full(costs.shape, "dear"), "costs must be a matrix of numbers"),
    ]:
        with pytest.raises(SelectorError, match=message):
            clone(selector).fit(features, targets)


def check_wrong_rows_are_refused(selector: Selector) -> None:
    X, costs = table()
    selector.fit(X, costs)
    with pytest.raises(SelectorError, match="X has 3 features, it was fitted with 4"):
        selector.predict(X[:, :3])
    with pytest.raises(SelectorError, match="one row"):
        selector.select(X)


def check_one_choice(selector: Selector) -> None:
    X, costs = table()
    assert not selector.fit(X, costs[:, :1]).predict(X).any()


def check_no_features(selector: Selector) -> None:
    X, costs = table()
    chosen = selector.fit(X[:, :0], costs).predict(X[:, :0])
    assert len(set(chosen)) == 1


def check_few_rows(selector: Selector) -> None:
    X, costs = table()
    for n in (1, 2, 3):
        assert set(clone(selector).fit(X[:n], costs[:n]).predict(X)) <= {0, 1, 2}


def check_all_choices_equal(selector: Selector) -> None:
    X, costs = table()
    chosen = selector.fit(X, np.full_like(costs, 7.0)).predict(X)
    assert set(chosen) <= {0, 1, 2}


def check_constant_and_repeated_features(selector: Selector) -> None:
    X, costs = table()
    wide = np.hstack([X, X[:, :1], np.full((len(X), 1), 3.0), np.full((len(X), 1), -1e38)])
    assert selector.fit(wide, costs).predict(wide).shape == (60,)


def check_unit_of_cost_does_not_matter(selector: Selector) -> None:
    X, costs = table()
    chosen = clone(selector).fit(X, costs).predict(X)
    np.testing.assert_array_equal(clone(selector).fit(X, costs * 1024.0).predict(X), chosen)


CHECKS: tuple[Callable[[Selector], None], ...] = tuple(
    check for name, check in sorted(globals().items()) if name.startswith("check_")
)
LEARNER_CHECKS: tuple[Callable[[Selector], None], ...] = ()


def learner_check_beats_the_single_best(selector: Selector) -> None:
    X, costs = table(n=300)
    test_X, test_costs = table(n=300, seed=1)
    chosen = selector.fit(X, costs).predict(test_X)
    ours = test_costs[np.arange(300), chosen].mean()
    static = test_costs[:, costs.mean(axis=0).argmin()].mean()
    oracle = test_costs.min(axis=1).mean()
    assert oracle <= ours
    assert (static - ours) / (static - oracle) > 0.4


def learner_check_samples_where_all_fail_do_not_matter(selector: Selector) -> None:
    """They could teach a classifier that takes the first of equal costs as its label that choice 0 is best."""
    X, costs = table(n=300)
    random = np.random.default_rng(5)
    failing = np.hstack([X[:, :2] + 0.01 * random.normal(size=(300, 2)), X[:, 2:]])
    chosen = selector.fit(np.vstack([X, failing]), np.vstack([costs, np.full_like(costs, 10.0)])).predict(X)
    static = costs.mean(axis=0).min()
    assert costs[np.arange(300), chosen].mean() < static - 0.4 * (static - costs.min(axis=1).mean())


LEARNER_CHECKS = tuple(check for name, check in sorted(globals().items()) if name.startswith("learner_check_"))

"""Every selector, and a fake one, through the shared checks."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier

from compsel.selection.selectors.base import Selector
from compsel.selection.selectors.baselines import RandomSelector, SingleBest
from compsel.selection.selectors.boosted import BoostedRegression
from compsel.selection.selectors.classification import CostSensitiveClassifier
from compsel.selection.selectors.cost_sensitive import CostSensitiveSelector
from compsel.selection.selectors.neighbours import NeighbourSelector
from compsel.selection.selectors.pairwise import PairwiseSelector
from compsel.selection.selectors.premodel import Premodel
from compsel.selection.selectors.regression import CostRegression
from tests.selection.selector_checks import CHECKS, LEARNER_CHECKS


class ByFirstFeature(Selector):
    """A fake: the smallest selector that obeys the contract."""

    def _fit(self, X, costs):
        pass

    def _predict(self, X):
        known = np.nan_to_num(X[:, 0]) if X.shape[1] else np.zeros(len(X))
        return (known > 0).astype(int) % self.n_choices_


LEARNERS = [
    NeighbourSelector(neighbours=7),
    Premodel(),
    CostRegression(n_trees=15),
    BoostedRegression(rounds=15),
    PairwiseSelector(n_trees=30),
    CostSensitiveClassifier(),
    CostSensitiveClassifier(ExtraTreesClassifier(20, min_samples_leaf=2)),
    CostSensitiveSelector(n_trees=30),
]
SELECTORS = [ByFirstFeature(), SingleBest(), RandomSelector(), *LEARNERS]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
def test_selector(selector, check):
    check(clone(selector))


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
# not the premodel: it learns to answer "failure" where all fail, as its paper has it
@pytest.mark.parametrize("selector", [each for each in LEARNERS if not isinstance(each, Premodel)], ids=repr)
def test_learner(selector, check):
    check(clone(selector))


def test_parameters_of_a_nested_estimator():
    selector = CostSensitiveClassifier(ExtraTreesClassifier(20))
    assert selector.get_params()["estimator__n_estimators"] == 20
    assert selector.set_params(estimator__n_estimators=7).estimator.n_estimators == 7


def test_an_incomplete_selector_cannot_be_made():
    class Incomplete(Selector):
        def _fit(self, X, costs):
            pass

    with pytest.raises(TypeError, match="abstract"):
        Incomplete()

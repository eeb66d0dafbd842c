"""Linear heads: the same solution as scikit-learn's, from soft targets and weights too; regularisation out of fold."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from compsel.techniques.heads.cross_validation import fit_by_cross_validation
from compsel.techniques.heads.design import Design
from compsel.techniques.heads.softmax_regression import fit_softmax_regression
from compsel.techniques.heads.targets import one_hot


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    x = (rng.normal(size=(300, 12)) + np.eye(4, 12)[labels] * 1.5).astype(np.float32)
    return x, labels


@pytest.mark.parametrize("form", ["dense", "sparse", "both"])
def test_the_solution_is_that_of_scikit_learn(problem, form):
    x, labels = problem
    weight = np.random.default_rng(1).uniform(0.5, 2, len(x)).astype(np.float32)
    design = {
        "dense": Design(x),
        "sparse": Design(sparse=csr_array(x)),
        "both": Design(x[:, :5].copy(), csr_array(x[:, 5:])),
    }[form]
    l2 = 1e-2
    head = fit_softmax_regression(design, one_hot(labels, 4), l2, sample_weight=weight, tolerance=1e-9)
    reference = LogisticRegression(C=1 / (l2 * weight.sum()), tol=1e-7, max_iter=2000).fit(x, labels, weight)
    expected = reference.predict_log_proba(x)
    scores = head.scores(design).astype(np.float64)
    np.testing.assert_allclose(scores - np.log(np.exp(scores).sum(1, keepdims=True)), expected, atol=5e-3)


def test_soft_targets_are_reached(problem):
    x, _ = problem
    soft = np.tile(np.array([0.7, 0.2, 0.1], np.float32), (len(x), 1))
    scores = fit_softmax_regression(Design(x), soft, 1.0).scores(Design(x))
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(chances, soft, atol=0.01)


def test_scores_are_out_of_fold():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(200, 400)).astype(np.float32), rng.integers(0, 2, 200)
    found = fit_by_cross_validation(Design(x), one_hot(labels, 2), np.arange(200) % 5)
    assert (found.head.scores(Design(x)).argmax(1) == labels).mean() > 0.95  # all can be learned by heart
    assert (found.scores.argmax(1) == labels).mean() < 0.65  # and nothing else


def test_regularisation_suits_the_data(problem):
    x, labels = problem
    noise = np.random.default_rng(2).normal(size=(300, 300)).astype(np.float32)
    targets, folds = one_hot(labels, 4), np.arange(300) % 5
    noisy = fit_by_cross_validation(Design(np.hstack([x, noise])), targets, folds)
    assert noisy.l2 >= 1e-2
    separable = fit_by_cross_validation(Design(targets * np.float32(0.01)), targets, folds)
    assert (separable.scores.argmax(1) == labels).all()
    assert max(separable.path.values()) == 1.0

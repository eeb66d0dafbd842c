"""Calibration: ridge, prior, and what few samples are worth with it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.selection.cascade import calibration_prior
from compsel.selection.cascade.calibration import calibrate
from compsel.selection.cascade.calibration_prior import CalibrationPrior, shipped_prior

TRUE = np.array([0.8, 0.1, -0.3])
PRIOR = CalibrationPrior(TRUE, np.eye(3) * 4.0)


def drawn(n: int, seed: int = 0, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    features = generator.normal(1.0, scale, (n, 2))
    chance = 1 / (1 + np.exp(-(features @ TRUE[:2] + TRUE[2])))
    return features, generator.uniform(size=n) < chance


def loss(found: tuple[np.ndarray, float], features: np.ndarray, right: np.ndarray) -> float:
    logits = features @ found[0] + found[1]
    return float(np.mean(np.logaddexp(0, np.where(right, -logits, logits))))


@pytest.mark.parametrize("prior", [None, PRIOR])
def test_many_samples_find_the_coefficients(prior):
    coefficients, intercept = calibrate(*drawn(20_000), prior=prior)
    assert np.allclose([*coefficients, intercept], TRUE, atol=0.1)


def test_few_samples_do_better_with_a_prior():
    test = drawn(4000, 99)
    losses = [
        [loss(calibrate(*drawn(12, seed), prior=prior), *test) for seed in range(1, 21)] for prior in (None, PRIOR)
    ]
    assert np.mean(losses[1]) < np.mean(losses[0]) - 0.01


def test_without_a_wrong_answer_the_prior_says_what_unsure_looks_like():
    features = np.array([[4.0, 4.0]] * 30)
    coefficients, intercept = calibrate(features, np.ones(30, bool), prior=PRIOR)
    sure, unsure = (float(np.dot(row, coefficients) + intercept) for row in ([4.0, 4.0], [-2.0, 0.0]))
    assert sure > 2 > 0 > unsure
    assert not calibrate(features, np.ones(30, bool))[0].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1e-3, 1.0, 50.0]), st.integers(10, 60))
def test_it_is_the_optimum_whatever_the_start(seed, scale, n):
    features, right = drawn(n, seed, scale)
    plain = calibrate(features, right, prior=PRIOR)
    started = calibrate(features, right, prior=PRIOR, start=(np.array([5.0, -5.0]), 3.0))
    assert np.allclose(plain[0], started[0], atol=1e-3) and plain[1] == pytest.approx(started[1], abs=1e-3)


def test_further_features_have_a_ridge():
    wider = PRIOR.with_features(1, 2.0)
    assert wider.mean.tolist() == [0.8, 0.1, 0.0, -0.3]
    assert wider.precision[2].tolist() == [0.0, 0.0, 2.0, 0.0]


def test_what_ships_has_a_prior_for_each_number_of_stages(tmp_path, monkeypatch):
    for n_stages, size in ((1, 3), (2, 6), (3, 6)):
        prior = shipped_prior(n_stages)
        assert prior is not None and prior.mean.shape == (size,)
        assert np.linalg.eigvalsh(prior.precision).min() > 0
    assert shipped_prior(9) is None
    monkeypatch.setattr(calibration_prior, "FILE", tmp_path / "prior.json")
    (tmp_path / "prior.json").write_text(json.dumps({"stages": {"1": PRIOR.to_dict()}}))
    shipped_prior.cache_clear()
    assert np.array_equal(shipped_prior(1).precision, PRIOR.precision)
    shipped_prior.cache_clear()

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compsel.evaluation.characterization.answer_quality import Answers, compare_answers
from compsel.features.fusion import softmax
from compsel.profiling.confidence_intervals import above_chance, bootstrap_mean


def answers(logits):
    table = np.asarray(logits, np.float32)
    return Answers([[row[None]] for row in table], softmax(table).astype(np.float64))


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e3, 1e3)))
def test_the_mean_lies_in_its_interval_and_the_interval_in_the_range(values):
    estimate = bootstrap_mean(values)
    assert estimate.value == pytest.approx(values.mean())
    slack = 1e-9 + 1e-9 * np.abs(values).max()
    assert values.min() - slack <= estimate.low <= estimate.high <= values.max() + slack


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        estimate = bootstrap_mean(generator.normal(5.0, 1.0, 60))
        inside += estimate.low <= 5.0 <= estimate.high
    assert 0.88 <= inside / 200 <= 0.99


def test_guessing_is_told_from_knowing():
    assert not above_chance(right=0, n=100, classes=1000)
    assert not above_chance(right=14, n=100, classes=10)
    assert above_chance(right=30, n=100, classes=10)


def test_figures_of_known_answers():
    original = answers([[9, 0, 0], [0, 9, 0], [0, 0, 9], [9, 0, 0]] * 4)
    variant = answers([[9, 0, 0], [0, 9, 0], [9, 0, 0], [9, 0, 0]] * 4)
    labels = [0, 1, 2, 1] * 4
    quality = compare_answers(variant, original, labels)
    assert quality.trained
    assert quality.n_samples == 16
    assert quality.accuracy.value == 0.5
    assert quality.accuracy_change.value == -0.25
    assert quality.agreement.value == 0.75
    p = softmax(np.array([0.0, 0.0, 9.0], np.float32)).astype(float)
    q = p[[2, 1, 0]]
    assert quality.kl.value == pytest.approx(float((p * np.log(p / q)).sum()) / 4, rel=1e-4)
    assert quality.relative_error.value == pytest.approx(2**0.5 / 4)


def test_the_model_itself_loses_nothing():
    logits = np.random.default_rng(0).normal(size=(20, 5))
    quality = compare_answers(answers(logits), answers(logits), [None] * 20)
    assert quality.accuracy is None
    assert quality.trained is None
    assert quality.agreement.value == quality.score == 1.0
    assert quality.kl.value == quality.relative_error.value == 0.0


def test_answers_that_are_not_finite_have_no_divergence():
    original = answers([[1, 2], [2, 1]])
    broken = Answers([[np.full((1, 2), np.nan)]] * 2, np.full((2, 2), np.nan))
    quality = compare_answers(broken, original, [None, None])
    assert quality.kl is None
    assert quality.relative_error is None


def test_outputs_of_other_shapes_have_no_error():
    one, other = (Answers([[np.zeros(shape)]], None) for shape in (3, 4))
    quality = compare_answers(one, other, [None])
    assert quality.agreement is None
    assert quality.relative_error is None
    assert quality.score == 0.0

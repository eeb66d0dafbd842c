"""How sure an answer is: numbers that hold for any output of a classifier."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compsel.errors import InputError
from compsel.features.probe import PROBE_FEATURES, evidence, is_probabilities, probe_features, softmax

LOGITS = arrays.arrays(np.float32, st.integers(1, 30), elements=st.floats(-100, 100, width=32))
ANYTHING = arrays.arrays(
    np.float32, st.integers(1, 30), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
)


@settings(deadline=None)
@given(LOGITS)
def test_softmax_is_a_distribution_in_the_order_of_the_logits(logits: np.ndarray) -> None:
    probabilities = softmax(logits)
    assert probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert probabilities[logits.argmax()] == probabilities.max()
    reference = np.exp(logits.astype(np.float64) - logits.max())
    np.testing.assert_allclose(probabilities, reference / reference.sum(), atol=1e-6)


@settings(deadline=None)
@given(LOGITS, st.floats(-50, 50, width=32))
def test_features_do_not_depend_on_an_offset_of_the_logits(logits: np.ndarray, offset: float) -> None:
    one, other = (evidence(values, "logits").features for values in (logits, logits + np.float32(offset)))
    np.testing.assert_allclose(one, other, atol=5e-3)


@settings(deadline=None)
@given(LOGITS)
def test_logits_and_their_probabilities_say_the_same(logits: np.ndarray) -> None:
    of_logits = evidence(logits, "logits")
    of_probabilities = evidence(of_logits.probabilities, "probabilities")
    np.testing.assert_allclose(of_logits.features, of_probabilities.features, atol=2e-3)
    np.testing.assert_allclose(of_logits.features, probe_features(of_logits.probabilities), atol=2e-3)


@settings(deadline=None)
@given(ANYTHING, st.sampled_from(["logits", "probabilities", None]))
def test_any_output_gives_finite_features(output: np.ndarray, kind: str | None) -> None:
    result = evidence(output, kind)  # type: ignore[arg-type]
    values = dict(zip(PROBE_FEATURES, result.features.tolist(), strict=True))
    assert np.isfinite(result.features).all()
    assert 0 <= values["margin"] <= values["top1"] <= 1.0001
    assert -1e-6 <= values["entropy"] <= math.log(output.size) + 1e-3
    assert 0 <= values["log_ratio"] <= 50
    assert 0 <= result.top < output.size
    assert result.probabilities.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("output", [[np.nan, 1, 2, 3], [-np.inf] * 4, [np.nan] * 4])
def test_output_with_nan_says_nothing(output: list[float]) -> None:
    result = evidence(np.array(output, np.float32), "logits")
    np.testing.assert_allclose(result.features, [0.25, 0, math.log(4), 0], atol=1e-6)


def test_infinite_logit_is_sure() -> None:
    assert evidence(np.array([0, np.inf, 5], np.float32), "logits").features[0] == 1
    np.testing.assert_allclose(evidence(np.array([0, np.inf, np.inf], np.float32)).features[:2], [0.5, 0])


def test_kind_is_seen() -> None:
    assert is_probabilities(np.array([0.1, 0.9]))
    assert not is_probabilities(np.array([1.0, 2.0]))
    assert not is_probabilities(np.array([]))
    quantised = np.array([[0.25, 0.7421875, 0.0]], np.float32)
    assert evidence(quantised).features[0] == pytest.approx(0.748, abs=1e-3)


@pytest.mark.parametrize("shape", [(7,), (1, 7), (1, 7, 1, 1), (7, 1)])
def test_axes_of_length_one_are_ignored(shape: tuple[int, ...]) -> None:
    assert evidence(np.arange(7, dtype=np.float16).reshape(shape)).top == 6


@pytest.mark.parametrize("shape", [(2, 3), (0,), (1, 0), (2, 1, 2)])
def test_several_rows_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="one row of classes"):
        evidence(np.zeros(shape, np.float32))


def test_single_class() -> None:
    np.testing.assert_array_equal(evidence(np.array([3.0], np.float32), "logits").features, [1, 1, 0, 50])

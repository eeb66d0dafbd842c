"""How many inputs a certificate needs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.selection.certificate.bounds import binomial_p_value
from compsel.selection.certificate.inputs_needed import inputs_needed, most_events


@given(st.integers(1, 5000), st.floats(0.001, 0.5))
def test_one_event_more_would_not_show_it(n: int, rate: float) -> None:
    most = most_events(n, rate)
    assert most < n * rate
    if most >= 0:
        assert binomial_p_value(most, n, rate) <= 0.05
    assert binomial_p_value(most + 1, n, rate) > 0.05


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 0.6), st.sampled_from([0.9, 0.95, 0.99]))
def test_so_many_inputs_certify_it_in_four_of_five_cases(share: float, level: float) -> None:
    rate = share * (1.0 - level)
    n = inputs_needed(level, rate)
    assert n is not None
    counts = np.random.default_rng(0).binomial(n, rate, 4000)
    passed = np.mean(counts <= most_events(n, 1.0 - level))
    assert 0.77 < passed <= 1.0


def test_no_disagreement_needs_the_fewest() -> None:
    assert [inputs_needed(level, 0.0) for level in (0.95, 0.99, 0.999)] == [59, 299, 2995]


@pytest.mark.parametrize("rate", [0.01, 0.02, 0.00999])
def test_what_disagrees_as_often_as_may_be_needs_more_than_there_are(rate: float) -> None:
    assert inputs_needed(0.99, rate) is None

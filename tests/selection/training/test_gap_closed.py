"""Gap closed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compsel.errors import SelectorError
from compsel.selection.selectors.baselines import OracleSelector
from compsel.selection.training.gap_closed import gap_closed, measure_gap

costs_tables = arrays(np.float64, (12, 3), elements=st.integers(0, 1000).map(float))


@given(costs=costs_tables, chosen=arrays(np.int64, 12, elements=st.integers(0, 2)))
def test_no_selector_passes_the_oracle(costs, chosen):
    single_best = int(costs.mean(axis=0).argmin())
    gap = gap_closed(costs, chosen, single_best)
    assert gap <= 1.0
    assert gap_closed(costs, np.full(12, single_best), single_best) == 0.0
    if (costs.min(axis=1) < costs[:, single_best]).any():
        assert gap_closed(costs, OracleSelector.choose(costs), single_best) == 1.0


def test_gap_is_a_ratio_of_sums():
    costs = [[10.0, 0.0], [2.0, 0.0], [1.0, 9.0]]
    assert gap_closed(costs, [1, 0, 0], 0) == pytest.approx(10 / 12)


def test_nothing_to_gain():
    costs = [[1.0, 2.0], [1.0, 2.0]]
    assert gap_closed(costs, [0, 0], 0) == 0.0
    assert gap_closed(costs, [0, 1], 0) == -np.inf


def test_interval_narrows_with_samples_and_holds_the_value():
    random = np.random.default_rng(0)
    gaps = []
    for n in (50, 5000):
        costs = random.random((n, 2)) + np.array([0, 0.05])
        chosen = np.where(random.random(n) < 0.6, costs.argmin(axis=1), 0)
        gaps.append(measure_gap(costs, chosen, 0, draws=300))
        assert gaps[-1].low < gaps[-1].value < gaps[-1].high
    assert gaps[0].standard_error > 3 * gaps[1].standard_error


def test_wrong_choices_are_refused():
    with pytest.raises(SelectorError, match=r"chosen must be columns 0..1, got 0..2"):
        gap_closed(np.ones((2, 2)), [0, 2], 0)
    with pytest.raises(SelectorError, match=r"chosen must be whole numbers.*got shape \(3,\)"):
        gap_closed(np.ones((2, 2)), [0, 1, 1], 0)

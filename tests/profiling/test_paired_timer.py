import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.profiling.latency import Criterion
from compsel.profiling.paired_timer import PairedLatencies, measure_pair

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock


class Slept:
    """An engine that sleeps, and notes who ran."""

    def __init__(self, name, ms, log):
        self.name, self.ms, self.log = name, ms, log

    def __call__(self, value):
        self.log.append((self.name, value))
        time.sleep(self.ms / 1000)


def test_both_run_in_turns_on_the_same_inputs_and_first_runs_are_not_timed():
    log = []
    pair = measure_pair(
        Slept("a", 1.0, log), Slept("b", 1.0, log), ["x", "y"], Criterion(min_runs=6, max_runs=6, budget_s=5)
    )
    assert len(pair.original_ms) == len(pair.variant_ms) == 6
    assert pair.runs_per_visit == 3
    after_warming_up = [name for name, _ in log[4:]]
    assert [name for name, _ in itertools.groupby(after_warming_up)] == ["b", "a", "b"]
    assert after_warming_up.count("a") == after_warming_up.count("b") == 8
    assert [value for name, value in log if name == "a"] == [value for name, value in log if name == "b"]


def test_the_budget_ends_it_but_each_runs_three_times():
    log = []
    slow = Slept("slow", 70.0, log)
    pair = measure_pair(slow, slow, ["x"], Criterion(relative_half_width=1e-9, budget_s=1e-9))
    assert len(pair.variant_ms) == 3
    assert pair.original_ms.tolist() == pair.variant_ms.tolist()
    assert pair.ratio().value == 1.0


@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=12), st.floats(0.1, 10.0))
def test_ratio_of_a_variant_that_is_always_that_much_slower(latencies, factor):
    original = np.array(latencies)
    ratio = PairedLatencies(original, factor * original).ratio()
    assert np.isclose(ratio.value, factor)
    assert ratio.low <= ratio.value <= ratio.high
    assert np.isclose(ratio.low, factor)
    assert np.isclose(ratio.high, factor)

"""Counts of latencies: in any order, without outliers, in bounded memory."""

import numpy as np
import pyarrow as pa
import pytest

from compsel.errors import ProfileError
from compsel.fleet.learning.cost_counts import CostCounts
from compsel.fleet.learning.places import Places
from compsel.selection.costs.model import CostModel

COSTS = CostModel(
    (("a", "cpu:1"), ("a", "cpu:2")), np.array([[0.0], [2.0]]), np.array([[2.0, 1.0], [6.0, 5.0]]), np.full((2, 2), 9.0)
)


def rows(n: int, factor: float = 1.5, seed: int = 0, devices: int = 3) -> pa.RecordBatch:
    """Answers at loads between those that were measured, at so many times the expected latency."""
    generator = np.random.default_rng(seed)
    load, column = generator.uniform(0, 2, n), generator.integers(0, 2, n)
    expected = np.array([COSTS.at(one)[number] for one, number in zip(load, column, strict=True)])
    columns = {
        "device_id": ["id"] * n,
        "installation": [f"{number % devices:016x}" for number in range(n)],
        "variant": ["a"] * n,
        "processor": [COSTS.choices[number][1] for number in column],
        "latency_ms": factor * expected * np.exp(0.1 * generator.normal(size=n)),
        "load_others": load,
    }
    return pa.RecordBatch.from_pydict(columns)


def counts(*batches: pa.RecordBatch, memory_limit_mb: float = 100.0) -> CostCounts:
    return CostCounts(Places(COSTS), {"id": "kind"}, memory_limit_mb).add_all(batches)


def test_means_are_of_the_ratio_whatever_the_order() -> None:
    batch = rows(3000)
    one = counts(batch).means()
    shuffled = batch.take(pa.array(np.random.default_rng(1).permutation(3000)))
    other = counts(*(shuffled.slice(start, 700) for start in range(0, 3000, 700))).means()
    assert one.keys() == other.keys()
    for name, found in one.items():
        assert found.means == pytest.approx(np.log(1.5), abs=0.05)
        assert np.array_equal(found.means, other[name].means)
        assert np.array_equal(found.variances, other[name].variances)


def test_rows_are_counted_by_kind() -> None:
    batch = rows(400, devices=40)
    kind_of = {f"id {number}": f"kind {number % 3}" for number in range(5)}
    names = [f"id {int(one, 16) % 5}" for one in batch.column("installation").to_pylist()]
    batch = batch.set_column(0, "device_id", pa.array(names))
    found = CostCounts(Places(COSTS), kind_of).add_all([batch]).rows_by_kind()
    for kind, table in found.items():
        mine = [place for place, name in enumerate(names) if kind_of[name] == kind]
        alone = CostCounts(Places(COSTS), kind_of).add_all([batch.take(pa.array(mine))]).rows_by_kind()
        assert table.sum() == len(mine)
        assert np.array_equal(table, alone[kind])
    assert sorted(found) == ["kind 0", "kind 1", "kind 2"]


def test_outliers_hardly_count() -> None:
    batch = rows(900, devices=1)
    latency = batch.column("latency_ms").to_numpy().copy()
    latency[::20] = 1e4
    spoilt = batch.set_column(4, "latency_ms", pa.array(latency))
    (clean,), (found,) = counts(batch).means().values(), counts(spoilt).means().values()
    assert found.means == pytest.approx(clean.means, abs=0.06)


def test_what_says_nothing_of_costs_is_left_out() -> None:
    batch = rows(10).to_pydict()
    batch["latency_ms"][:3] = [None, float("nan"), -1.0]
    batch["variant"][3] = "unknown"
    found = counts(pa.RecordBatch.from_pydict(batch))
    assert (found.rows, found.left_out) == (6, 4)


def test_memory_is_bounded_by_wider_steps_and_then_refused() -> None:
    batch = rows(5000)
    narrow, wide = counts(batch), counts(batch, memory_limit_mb=0.012)
    one, other = narrow.means(), wide.means()
    assert len(wide._keys) < len(narrow._keys)
    for name in one:
        assert other[name].means == pytest.approx(one[name].means, abs=0.05)
    with pytest.raises(ProfileError, match="--memory-limit-mb"):
        counts(batch, memory_limit_mb=0.001).means()


def test_rows_of_unknown_size_or_state_share_a_context() -> None:
    # NaN as a key is never found again: every answer was planned anew
    states, sizes = np.array([[0.0], [0.0], [np.nan], [np.nan]]), np.full(4, np.nan)
    contexts, of_row = Places(COSTS).contexts(states, sizes)
    assert len(set(contexts)) == 2
    assert of_row[0] == of_row[1] != of_row[2] == of_row[3]
    assert contexts == Places(COSTS).contexts(states, sizes)[0]
    state, size = Places.where(contexts[of_row[2]])
    assert np.isnan(state).all()
    assert size is None

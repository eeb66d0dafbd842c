"""A profile's variants as candidates: figures from its tables, what beats them, and why."""

from dataclasses import replace

import numpy as np
import pytest

from compsel.errors import ProfileError
from compsel.profiling.candidates import candidates
from compsel.profiling.latency_table import LatencyTable


def with_latencies(profile, means):
    """The profile with made-up latencies: by variant and processor, five runs around a mean, in one idle state."""
    rows = [
        (variant, processor, value)
        for (variant, processor), mean in means.items()
        for value in mean * np.array([0.99, 1.0, 1.0, 1.0, 1.01])
    ]
    variants, processors, values = zip(*rows, strict=True)
    table = LatencyTable(variants, processors, ("idle",) * len(rows), np.array(values), {"idle": {"load_others": 0.0}})
    return replace(profile, latency=table)


@pytest.fixture
def names(profile):
    return profile.names


def test_each_variant_stands_on_its_fastest_processor(profile, names):
    none, int8, lower = names
    means = {(none, "cpu:1"): 9.0, (none, "cpu:2"): 6.0, (int8, "cpu:1"): 4.0, (int8, "cpu:2"): 5.0}
    found = candidates(with_latencies(profile, means | {(lower, "cpu:1"): 3.0}))
    assert [one.variant for one in found] == [none, int8, lower]
    assert [one.processor for one in found] == ["cpu:2", "cpu:1", "cpu:1"]
    assert [one.latency_ms for one in found] == pytest.approx([6.0, 4.0, 3.0])
    assert all(one.low_ms < one.latency_ms < one.high_ms for one in found)
    assert [one.quality for one in found] == profile.quality.mean(axis=0).tolist()


def test_a_trap_is_dominated_and_its_cause_is_told(profile, profile_folder, names):
    none, int8, lower = names
    slow = with_latencies(profile, {(none, "cpu:1"): 4.0, (int8, "cpu:1"): 8.0, (lower, "cpu:1"): 3.9})
    quality = profile.quality.copy()
    quality[:, 1] = quality[:, 0] * (np.arange(len(quality)) % 4 != 1)
    found = {one.variant: one for one in candidates(replace(slow, quality=quality), profile_folder / "variants")}
    assert found[none].domination is None
    assert found[int8].domination.by == none
    assert found[int8].domination.slower == pytest.approx(2.0)
    assert isinstance(found[int8].why, str)
    assert found[none].why == found[lower].why == ""


def test_what_is_faster_than_its_model_needs_no_reason(profile, profile_folder, names):
    none, int8, lower = names
    quick = with_latencies(profile, {(none, "cpu:1"): 9.0, (int8, "cpu:1"): 4.0, (lower, "cpu:1"): 6.0})
    quality = profile.quality.copy()
    quality[:, 2] = 0.0
    found = {one.variant: one for one in candidates(replace(quick, quality=quality), profile_folder / "variants")}
    assert found[lower].domination.by == int8
    assert found[lower].why == ""


def test_without_costs_there_are_no_candidates(profile):
    with pytest.raises(ProfileError, match="has no latencies"):
        candidates(replace(profile, latency=None))

"""What devices recorded trains: latencies of inputs of usual size, and what was heard of the answers."""

from dataclasses import replace

import numpy as np
import pandas
import pytest

import compsel
from compsel.errors import ProfileError
from compsel.profiling.latency_table import LatencyTable
from compsel.profiling.profile import Profile
from tests.reporters import Heard


def recorded(name: str, latency_ms: float, count: int, **columns: object) -> pandas.DataFrame:
    rows = {"id": [f"a-{number}" for number in range(count)], "stage": 0, "variant": name, "processor": "cpu:1"}
    return pandas.DataFrame({**rows, "latency_ms": latency_ms, "state": "idle", "load_others": 0.0, **columns})


@pytest.fixture
def sized(profile: Profile) -> Profile:
    """A profile whose latencies were measured at two sizes."""
    assert profile.latency is not None
    ours = profile.latency
    n = len(ours.latency_ms)
    doubled: LatencyTable = replace(
        ours,
        variant=2 * ours.variant, processor=2 * ours.processor, state=2 * ours.state,
        latency_ms=np.concatenate((ours.latency_ms, 2 * ours.latency_ms)),
        size=np.repeat([1000.0, 2000.0], n), usual_size=1000.0, unit="pixels", sized_by=profile.names[0],
    )  # fmt: skip
    return replace(profile, latency=doubled)


def test_records_of_other_sizes_are_no_costs_of_the_usual_one(sized: Profile) -> None:
    name = sized.names[0]
    usual = recorded(name, 500.0, 10, size=[1000.0, np.nan] * 5)
    large = recorded(name, 9000.0, 200, size=2000.0)
    trained = compsel.train(sized, costs=pandas.concat([usual, large]))
    assert trained.static[name].latency_ms.mean() == pytest.approx(500.0)
    with pytest.raises(ProfileError, match="no row of inputs of about 1000 pixels"):
        compsel.train(sized, costs=large)


def test_what_was_heard_of_the_answers_is_told(profile: Profile) -> None:
    costs = recorded(profile.names[0], 500.0, 10, right=[1.0, 0.0] + 8 * [np.nan], probability_right=0.75)
    told = Heard()
    compsel.train(profile, costs=costs, reporter=told)
    assert "outcomes of 2 of 10 answers: 50.0 % right, 75.0 % were expected of these, 75.0 % of all" in told.messages

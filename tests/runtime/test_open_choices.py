"""Calls run where a variant is loaded; where it would be cheaper is opened behind, once that lasts."""

from pathlib import Path

import pytest

import compsel
from compsel.device.state import DeviceState
from compsel.runtime import Runtime
from compsel.runtime.planning import open_choices
from compsel.selection.policies import FixedPolicy
from tests.dense_bundles import dense_bundle, row
from tests.runtime.test_start import settle

IDLE, BUSY = DeviceState(1, 2, load_others=0.0), DeviceState(2, 2, load_others=2.0)


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that a test moves."""
    now = [100.0]
    monkeypatch.setattr(open_choices.time, "monotonic", lambda: now[0])
    return now


def started(folder: Path, monkeypatch: pytest.MonkeyPatch, states: list[DeviceState], policy: FixedPolicy) -> Runtime:
    monkeypatch.setattr("compsel.device.sampler.DeviceSampler.state", lambda _: states[-1])
    return compsel.load(dense_bundle(folder, ("only",), policy), adapt=False)


def test_what_is_open_answers_until_something_else_stays_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now_s: list[float]
) -> None:
    states = [IDLE]
    with started(tmp_path, monkeypatch, states, FixedPolicy("only/none")) as runtime:
        assert runtime(row()).stages[0].processor == "cpu:1"
        states.append(BUSY)
        runtime.flush()
        assert runtime(row()).stages[0].processor == "cpu:1"
        states.append(IDLE)  # it was not for long
        runtime.flush()
        now_s[0] += 10.0
        states.append(BUSY)
        for _ in range(3):
            assert {processor for _, processor, _ in runtime._pool._engines} == {"cpu:1"}
            runtime.flush()
            now_s[0] += 0.6
        settle(runtime)
        runtime.flush()
        assert runtime(row()).stages[0].processor == "cpu:2:nospin"


def test_who_pins_a_processor_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now_s: list[float]) -> None:
    with started(tmp_path, monkeypatch, [BUSY], FixedPolicy("only/none")) as runtime:
        runtime(row())
        pinned = runtime.with_policy(FixedPolicy("only/none", "cpu:2"))
        assert pinned(row()).stages[0].processor == "cpu:2"

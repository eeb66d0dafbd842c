"""What is only suspected of hanging is left alone, but not where nothing else is left."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from compsel.errors import ProcessorError
from compsel.inputs.samples import ArraySamples
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.selection.policies import CascadePolicy
from tests.cascade_bundle import cascade_policy
from tests.runtime.conftest import Rules, StartScripted

GOOD = np.arange(10, dtype=np.float32)[None]


@pytest.mark.clock
def test_a_caller_is_answered_by_suspects_where_all_are(scripted: StartScripted, crops: ArraySamples) -> None:
    hangs, released = threading.Event(), threading.Event()

    def rule(_: Mapping[str, np.ndarray]) -> Any:
        if hangs.is_set():
            released.wait(30)
        return [GOOD]

    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=rule, slow=rule), adapt=False)
    runtime(crops.value(0))
    hangs.set()
    others = [threading.Thread(target=runtime, args=(crops.value(0),), kwargs={"deadline_ms": 60}) for _ in range(3)]
    for other in others:
        other.start()
    time.sleep(0.3)  # both have been given up by then
    hangs.clear()
    try:
        assert runtime(crops.value(0)).outputs[0].tolist() == GOOD.tolist()
    finally:
        released.set()
    for other in others:
        other.join()


def test_what_failed_is_not_suspected(scripted: StartScripted, crops: ArraySamples) -> None:
    broken = threading.Event()

    def rule(_: Mapping[str, np.ndarray]) -> Any:
        return ProcessorError("device lost") if broken.is_set() else [GOOD]

    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=rule, slow=rule), adapt=False)
    runtime(crops.value(0))
    broken.set()
    for said in ("device lost", "failed just now"):
        with pytest.raises(ProcessorError, match=said):
            runtime(crops.value(0))


def test_no_stage_begins_after_the_deadline(
    runtime: Runtime, profile: Profile, crops: ArraySamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    cascade = runtime.with_policy(CascadePolicy(cascade_policy(profile).policy, 1e7))
    answer = cascade(crops.value(0), deadline_ms=60_000)
    assert len(answer.stages) > 1
    watch = cascade._runner.watch

    def slow(*given: Any) -> Any:
        answer = watch(*given)
        time.sleep(2.1)
        return answer

    monkeypatch.setattr(cascade._runner, "watch", slow)
    answer = cascade(crops.value(0), deadline_ms=2000)
    assert len(answer.stages) == 1
    assert "deadline_ms=2000 left no time for" in answer.note

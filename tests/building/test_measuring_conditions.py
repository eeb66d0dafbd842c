"""Under what conditions is measured: within a time limit, on a device that is idle or said not to be."""

import numpy as np
import pytest

from compsel.building import measure as measuring
from compsel.inputs.samples import ArraySamples
from tests.measuring import quick
from tests.reporters import Heard


@pytest.fixture
def images():
    return ArraySamples([np.random.default_rng(n).integers(0, 256, (70, 80, 3), np.uint8) for n in range(110)])


def test_what_a_time_limit_leaves_out_is_not_measured_and_said(small_model, images, tmp_path):
    heard = Heard()
    profile, _ = measuring.measure(
        [small_model], images, tmp_path, quick(techniques=("none",), time_limit_s=0.5), reporter=heard
    )
    assert len(profile.samples) == 100
    assert "left out to keep a time limit: all but 100 samples" in profile.warnings
    assert any("to keep the limit of 0.5 s, left out: all but 100 samples" in message for message in heard.messages)
    assert any("even so it will take longer than 0.5 s" in message for message in heard.messages)


def test_whether_the_device_is_idle_is_looked_at_before_and_noted_after(small_model, images, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(measuring, "wait_until_idle", lambda wait_s, reporter: waited.append(wait_s))
    monkeypatch.setattr(measuring, "BUSY_CORES", -1.0)  # any load is too much
    options = quick(techniques=("none",), idle_wait_s=3.0)
    profile, _ = measuring.measure([small_model], images.subset(range(8)), tmp_path, options)
    assert waited == [3.0]
    (warning,) = profile.warnings
    assert warning.startswith("idle was measured with ") and "its times are too long" in warning
    # what is there already is not measured again, and nobody is waited for
    measuring.measure([small_model], images.subset(range(8)), tmp_path, options)
    assert waited == [3.0]
    # what is there of other files counts for nothing
    more = quick(techniques=("none", "float16"), idle_wait_s=3.0)
    measuring.measure([small_model], images.subset(range(8)), tmp_path, more)
    assert waited == [3.0, 3.0]

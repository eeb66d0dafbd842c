"""Training on a table that does not fit memory: what comes out, that the limit is kept, and what ends it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.building.training_tables import opened_table, trained_on
from compsel.errors import ObjectiveError, ProfileError, UsageError
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.selection.objective import Objective
from compsel.selection.training.streaming.memory import MemoryLimit
from tests.large_profiles import write_profile
from tests.reporters import Heard

LIMIT_MB = 700.0

TRAIN = """
import sys
from compsel.building.training_tables import opened_table, trained_on
from compsel.device.resident_memory import peak_bytes
from compsel.profiling.stream import ProfileStream
from compsel.selection.objective import Objective
from compsel.selection.training.streaming.memory import MemoryLimit
limit = MemoryLimit(float(sys.argv[2]))
table = opened_table(sys.argv[1], limit)
assert isinstance(table, ProfileStream)
trained_on(table, Objective(), limit=limit)
print(peak_bytes() / 1e6)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("large") / "profile"
    write_profile(place, 12_000, row_group=5000, group_of=2)
    return place


def test_what_is_trained_is_judged_on_others_and_said(folder):
    said = Heard()
    found = trained_on(ProfileStream.open(folder), Objective(), limit=MemoryLimit(LIMIT_MB), reporter=said)
    assert set(found.trained.fitted) == {"single best", "boosted", "cascade"}
    assert found.n_samples == 12_000
    assert any("do not fit the memory limit" in message for message in said.messages)
    whole = Profile.load(folder)
    np.testing.assert_allclose(found.dataset.mean_quality, whole.quality.mean(axis=0))
    groups = dict(zip(whole.samples, whole.groups, strict=True))
    assert all(groups[name] == group for name, group in zip(found.profile.samples, found.profile.groups, strict=True))
    assert len(found.profile.samples) == len(found.dataset.targets) == len(found.with_evidence.targets)
    # what is cheapest for some is not for all: simulated samples are drawn again and again, so they can be told apart
    scores = found.trained.comparison.scores
    assert scores["boosted"].cost <= scores["single best"].cost


def test_a_table_that_fits_is_trained_on_as_ever(folder):
    assert isinstance(opened_table(folder, MemoryLimit(2000.0)), Profile)
    assert isinstance(opened_table(folder, MemoryLimit(500.0)), ProfileStream)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_the_limit_is_kept(tmp_path):
    write_profile(tmp_path / "p", 40_000, row_group=40_000)
    command = [sys.executable, "-c", TRAIN, tmp_path / "p", str(LIMIT_MB)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert float(ended.stdout) < LIMIT_MB


def test_a_broken_table_ends_it_and_nothing_is_written(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "p")
    path = sorted((tmp_path / "p" / "quality").iterdir())[4]
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = b"\xff" * 4000
    path.write_bytes(data)
    with pytest.raises(ProfileError, match=path.name):
        compsel.train(tmp_path / "p", out=tmp_path / "bundle", memory_limit_mb=500)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["p"]


def test_what_is_refused(folder):
    with pytest.raises(UsageError, match="memory_limit_mb: got 10"):
        compsel.train(folder, memory_limit_mb=10)
    with pytest.raises(ObjectiveError, match="certify: got 12,000 samples, which do not fit"):
        compsel.train(folder, out=Path("bundle"), certify="99 % agreement", memory_limit_mb=500)

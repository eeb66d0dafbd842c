"""Clusters of cores, from recorded trees, and threads that stay on them."""

import os
from pathlib import Path

import numpy as np
import pytest

from compsel.errors import InputError, ProcessorError
from compsel.processors import clusters, discover, parse
from compsel.processors.clusters import ClusterProcessor, PinnedSession, core_clusters
from compsel.processors.ort_session import OrtSession
from compsel.processors.smoke_test import smoke_feeds, smoke_graph

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be pinned on this system")


def phone(root: Path, capacities: list[int]) -> str:
    for core, capacity in enumerate(capacities):
        folder = root / f"devices/system/cpu/cpu{core}"
        folder.mkdir(parents=True)
        (folder / "cpu_capacity").write_text(f"{capacity}\n")
    return str(root)


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("capacities", "found"),
    [
        ([325] * 4 + [1024] * 4, {"big": (4, 5, 6, 7), "little": (0, 1, 2, 3)}),
        ([160] * 4 + [498] * 3 + [1024], {"big": (7,), "mid": (4, 5, 6), "little": (0, 1, 2, 3)}),
        ([1024, 1010, 990, 1000], {}),
        ([1024] * 8, {}),
        ([100, 200, 400, 800, 1024], {}),
        ([], {}),
    ],
    ids=["two", "three", "binned", "alike", "too many kinds", "unknown"],
)
def test_clusters_by_capacity(tmp_path: Path, capacities: list[int], found: dict[str, tuple[int, ...]]) -> None:
    assert core_clusters(phone(tmp_path, capacities)) == found


@pytest.mark.usefixtures("eight_cores")
def test_performance_and_efficiency_cores(tmp_path: Path) -> None:
    for name, cores in (("cpu_core", "0-3,6\n"), ("cpu_atom", "4-5\n")):
        (tmp_path / "devices" / name).mkdir(parents=True)
        (tmp_path / "devices" / name / "cpus").write_text(cores)
    assert core_clusters(tmp_path) == {"big": (0, 1, 2, 3, 6), "little": (4, 5)}


def test_only_cores_that_we_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 6})
    assert core_clusters(phone(tmp_path, [325] * 4 + [1024] * 4)) == {"big": (5, 6)}


def test_a_machine_of_other_clusters_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    processor = ClusterProcessor("mid", phone(tmp_path, [325] * 4 + [1024] * 4))
    assert processor.availability().reason == "the clusters of this machine are big, little"
    with pytest.raises(ProcessorError, match="cpu:mid: the clusters of this machine"):
        processor.open(smoke_graph())


def test_cluster_of_this_machine_runs_pinned_and_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    core = min(os.sched_getaffinity(0))
    monkeypatch.setattr(clusters, "core_clusters", lambda *_: {"big": (core,)})
    found = {processor.name: availability for processor, availability in discover()}["cpu:big"]
    assert (found.available, found.reason) == (True, f"cores {core}")
    before = os.sched_getaffinity(0)
    seen: list[set[int]] = []
    real = OrtSession.run
    monkeypatch.setattr(OrtSession, "run", lambda *a, **k: (seen.append(os.sched_getaffinity(0)), real(*a, **k))[1])
    session = parse("cpu:big").open(smoke_graph())
    session.run(smoke_feeds())
    with pytest.raises(InputError):
        session.run({})
    assert seen == [{core}, {core}]
    assert os.sched_getaffinity(0) == before
    session.close()


def test_workers_are_pinned_too() -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        pytest.xfail("one core has no second thread")
    tasks = Path("/proc/self/task")
    before = {task.name for task in tasks.iterdir()}
    with PinnedSession(smoke_graph(), cores) as pinned, OrtSession(smoke_graph()) as free:
        new = {task.name for task in tasks.iterdir()} - before
        assert len(new) == 1
        assert os.sched_getaffinity(int(new.pop())) == set(cores)
        np.testing.assert_array_equal(pinned.run(smoke_feeds())[0], free.run(smoke_feeds())[0])


def test_core_that_is_not_there() -> None:
    session = PinnedSession(smoke_graph(), [0])
    session.cores = frozenset({4095})
    with pytest.raises(ProcessorError, match=r"cores \[4095\] may not be used"):
        session.run(smoke_feeds())


def test_unknown_word_is_refused() -> None:
    with pytest.raises(ProcessorError, match="allowed are big, mid, little"):
        ClusterProcessor("medium")

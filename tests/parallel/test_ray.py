"""Shards on a real Ray of two workers: the same tables, workers that are killed, addresses where nobody listens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from compsel.errors import BackendError, ShardError
from compsel.parallel.backend import Backend
from tests.clusters import ray_cluster
from tests.parallel.shard_work import computed, merged

ray = pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = [
    pytest.mark.slow,
    # of Ray's own sockets and processes
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with ray_cluster(2):
        yield


@pytest.mark.usefixtures("cluster")
def test_the_same_table_also_where_a_worker_is_killed(tmp_path: Path) -> None:
    expected = merged(tmp_path / "whole", 8, Backend.local(1))
    assert merged(tmp_path / "ray", 8, Backend.ray()) == expected
    assert merged(tmp_path / "killed", 8, Backend.ray(), kills_once=3) == expected
    assert computed(tmp_path / "killed", 3) == 2


@pytest.mark.usefixtures("cluster")
def test_a_shard_that_fails_or_kills_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="2 of 6 parts failed 3 times") as caught:
        merged(tmp_path, 6, Backend.ray(), fails=1, kills=4)
    assert list(caught.value.tracebacks) == ["part 1", "part 4"]
    assert len(list((tmp_path / "shards").glob("*.parquet"))) == 4


def test_nobody_at_the_address(tmp_path: Path) -> None:
    ray.shutdown()
    with pytest.raises(BackendError, match=r"127.0.0.1:9: nobody answers there.*ray start"):
        merged(tmp_path, 2, Backend.ray("127.0.0.1:9"))


def test_what_answers_and_is_no_head_is_told_soon(tmp_path: Path, http_server: int) -> None:
    ray.shutdown()
    with pytest.raises(BackendError, match=r"what answers there is no head of Ray.*6379"):
        merged(tmp_path, 2, Backend.ray(f"127.0.0.1:{http_server}"))

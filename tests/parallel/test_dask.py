"""Shards on a real Dask cluster of processes: the same tables, workers that are killed, schedulers that are gone."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compsel.errors import BackendError, ShardError
from compsel.parallel.backend import Backend
from compsel.parallel.engines import dask as dask_engine
from tests.clusters import dask_cluster
from tests.parallel.shard_work import Words, computed, merged

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with dask_cluster(2) as cluster:
            yield cluster.scheduler_address


@pytest.mark.parametrize("workers", [1, 4])
def test_the_same_table_for_any_number_of_workers(tmp_path: Path, workers: int) -> None:
    expected = merged(tmp_path / "whole", 6, Backend.local(1))
    with dask_cluster(workers) as cluster:
        assert merged(tmp_path / "dask", 6, Backend.dask(cluster.scheduler_address)) == expected


def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path, scheduler: str) -> None:
    expected = merged(tmp_path / "whole", 8, Backend.local(1))
    assert merged(tmp_path / "dask", 8, Backend.dask(scheduler), kills_once=3, seconds=0.05) == expected
    assert computed(tmp_path / "dask", 3) == 2


def test_a_shard_that_fails_is_named_and_the_rest_is_done(tmp_path: Path, scheduler: str) -> None:
    words = Words()
    with pytest.raises(ShardError, match="1 of 6 parts failed 3 times") as caught:
        merged(tmp_path, 6, Backend.dask(scheduler), words, fails=1)
    assert list(caught.value.tracebacks) == ["part 1"]
    assert "in compute" in caught.value.tracebacks["part 1"]
    assert len(list((tmp_path / "shards").glob("*.parquet"))) == 5


def test_a_scheduler_that_is_stopped_is_an_error_and_the_next_run_goes_on(tmp_path: Path) -> None:
    cluster = dask_cluster(2)

    class Stops(Words):
        """Closes the cluster once two shards are done."""

        def track(self, items: Any, label: str, total: int | None = None) -> Iterator[Any]:
            for count, item in enumerate(items):
                yield item
                if count == 1:
                    cluster.close()

    with pytest.raises(BackendError, match=r"does not answer any more: start it again.* goes on from there"):
        merged(tmp_path, 30, Backend.dask(cluster.scheduler_address), Stops(), seconds=0.1)
    assert 2 <= len(list((tmp_path / "shards").glob("*.parquet"))) < 30
    assert merged(tmp_path, 30, Backend.local(1)) == merged(tmp_path / "whole", 30, Backend.local(1))


@pytest.mark.slow
def test_a_shard_that_kills_every_worker_is_named_and_the_rest_is_done(tmp_path: Path, scheduler: str) -> None:
    with pytest.raises(ShardError, match="1 of 6 parts failed 3 times") as caught:
        merged(tmp_path, 6, Backend.dask(scheduler), kills=4)
    assert list(caught.value.tracebacks) == ["part 4"]
    assert len(list((tmp_path / "shards").glob("*.parquet"))) == 5


def test_a_scheduler_without_workers_is_an_error_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_engine, "_NO_WORKERS_S", 1.5)
    with (
        dask_cluster(0) as cluster,
        pytest.raises(BackendError, match=r"has had no workers for 1.5 s: start some with `dask worker tcp://"),
    ):
        merged(tmp_path, 2, Backend.dask(cluster.scheduler_address))


def test_nobody_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"tcp://127.0.0.1:9: nobody answers there.*dask scheduler"):
        merged(tmp_path, 2, Backend.dask("tcp://127.0.0.1:9"))


def test_what_answers_and_is_no_scheduler_is_told_soon(tmp_path: Path, http_server: int) -> None:
    with pytest.raises(BackendError, match=r"what answers there is no scheduler.*8786"):
        merged(tmp_path, 2, Backend.dask(f"tcp://127.0.0.1:{http_server}"))
    with pytest.raises(BackendError, match="got http://, allowed is tcp://"):
        merged(tmp_path, 2, Backend.dask(f"http://127.0.0.1:{http_server}"))


def test_a_client_that_joblib_has_set_up_is_used(tmp_path: Path, scheduler: str) -> None:
    from joblib import parallel_config

    with distributed.Client(scheduler), parallel_config(backend="dask"):
        expected = merged(tmp_path / "whole", 6, Backend.local(1))
        assert merged(tmp_path / "dask", 6, Backend()) == expected

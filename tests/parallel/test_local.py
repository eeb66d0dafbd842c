"""Shards in processes of this machine: nothing lost, nothing twice, whatever fails, dies or is interrupted."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from compsel.errors import ProfileError, ShardError, UsageError
from compsel.parallel.backend import Backend, backend_of
from compsel.parallel.engines.joblib_processes import end_processes
from tests.parallel.shard_work import Words, computed, interrupt, merged


@pytest.fixture(autouse=True, scope="module")
def _no_processes_stay() -> Iterator[None]:
    yield
    end_processes()


def test_the_same_table_for_any_number_of_processes(tmp_path: Path) -> None:
    tables = [merged(tmp_path / str(jobs), 6, Backend.local(jobs)) for jobs in (1, 2, 4)]
    tables.append(merged(tmp_path / "default", 6, Backend()))
    assert len(set(tables)) == 1


def test_what_is_there_is_not_computed_again(tmp_path: Path) -> None:
    words = Words()
    merged(tmp_path, 4, Backend.local(2))
    merged(tmp_path, 6, Backend.local(1), words)
    assert [computed(tmp_path, number) for number in range(6)] == [1] * 6
    assert words.words == ["squares: 4 of 6 parts are there from an earlier run"]


def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    expected = merged(tmp_path / "whole", 8, Backend.local(1))
    assert merged(tmp_path / "killed", 8, Backend.local(2), kills_once=3, seconds=0.05) == expected
    assert computed(tmp_path / "killed", 3) == 2


def test_a_shard_that_kills_every_worker_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"1 of 6 parts failed 3 times: part 2 .*SIGKILL") as caught:
        merged(tmp_path, 6, Backend.local(2), kills=2)
    assert list(caught.value.tracebacks) == ["part 2"]
    assert len(list((tmp_path / "shards").glob("*.parquet"))) == 5


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_shard_that_fails_is_tried_three_times_and_the_rest_is_done(tmp_path: Path, jobs: int) -> None:
    words = Words()
    with pytest.raises(ShardError, match=r"part 2 .ZeroDivisionError: part 2 divides by zero") as caught:
        merged(tmp_path, 5, Backend.local(jobs), words, fails=2)
    assert computed(tmp_path, 2) == 3
    assert "in compute" in caught.value.tracebacks["part 2"]
    assert "in compute" in words.words[-1]
    assert sum(computed(tmp_path, number) for number in (0, 1, 3, 4)) == 4
    mended = merged(tmp_path, 5, Backend.local(jobs))
    assert mended == merged(tmp_path / "whole", 5, Backend.local(1))
    assert [computed(tmp_path, number) for number in range(5)] == [1, 1, 4, 1, 1]


def test_a_shard_that_fails_twice_is_no_failure(tmp_path: Path) -> None:
    merged(tmp_path, 4, Backend.local(2), fails_twice=1)
    assert computed(tmp_path, 1) == 3


def test_what_is_raised_on_purpose_is_raised_here_at_once(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="the labels are wrong"):
        merged(tmp_path, 4, Backend.local(2), fails_on_purpose=1)
    assert computed(tmp_path, 1) == 1


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    thread = threading.Thread(target=interrupt, args=(tmp_path,), daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        merged(tmp_path, 40, Backend.local(2), seconds=0.1)
    thread.join()
    done = len(list((tmp_path / "shards").glob("*.parquet")))
    assert 0 < done < 40
    assert merged(tmp_path, 40, Backend.local(2)) == merged(tmp_path / "whole", 40, Backend.local(1))
    assert sum(computed(tmp_path, number) > 1 for number in range(40)) <= 2


@pytest.mark.parametrize("configured", ["loky", "multiprocessing", "threading"])
def test_what_joblib_has_set_up_is_used(tmp_path: Path, configured: str) -> None:
    from joblib import parallel_config

    expected = merged(tmp_path / "whole", 4, Backend.local(1))
    with parallel_config(backend=configured, n_jobs=2):
        assert merged(tmp_path / "joblib", 4, Backend()) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "spark"}, "allowed are local, dask, ray"),
        ({"backend": "dask"}, "got no address: give --scheduler"),
        ({"backend": "local", "scheduler": "here:1"}, "scheduler: is for --backend dask"),
        ({"backend": "ray", "jobs": 2}, "jobs: is for --backend local"),
        ({"jobs": 0}, "allowed is 1 or more"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        backend_of(**options)

"""Processes that use the same address at the same time."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compsel.errors import LocationError, UsageError
from compsel.progress import Reporter
from compsel.storage.locations.locks import FileLock, wait_for
from compsel.storage.locations.using import fetch, kept_in_step
from tests.storage.locations.test_mirror import BUCKET, at, own_cache, run_server

__all__ = ["own_cache", "run_server"]

_WRITER = """
import sys
from compsel.storage.locations.using import kept_in_step
with kept_in_step(sys.argv[1]) as folder:
    print(folder, flush=True)
    sys.stdin.readline()
    (folder / "a.txt").write_text("theirs")
"""


class Heard(Reporter):
    def __init__(self) -> None:
        self.messages: list[str] = []
        self.waits = threading.Event()

    def say(self, message: str) -> None:
        self.messages.append(message)
        self.waits.set()


@contextmanager
def writer(address: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), "it writes"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(name="address")
def make_address(port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    import fsspec

    at(port, monkeypatch)
    fsspec.filesystem("s3").mkdirs(BUCKET, exist_ok=True)
    return f"s3://{BUCKET}/locked"


def test_who_writes_what_another_process_writes_waits_for_it(address: str) -> None:
    heard = Heard()
    with writer(address) as process:
        assert process.stdin is not None

        def end_it() -> None:
            heard.waits.wait()
            process.stdin.write("\n")
            process.stdin.flush()

        thread = threading.Thread(target=end_it)
        thread.start()
        with kept_in_step(address, heard) as folder:
            assert (folder / "a.txt").read_text() == "theirs"
        thread.join()
    assert len(heard.messages) == 1
    assert f"{address}: waiting for process {process.pid} (since " in heard.messages[0]


def test_who_waited_long_enough_is_told_for_whom(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPSEL_LOCATIONS_WAIT_S", "0.2")
    with writer(address) as process:
        with (
            pytest.raises(LocationError, match=f"cannot write {address}: process {process.pid} .* for 0.2 s: let it"),
            kept_in_step(address),
        ):
            pytest.fail("both write")
        assert process.poll() is None
        with pytest.raises(LocationError, match="there is no such file"):
            fetch(f"{address}/nothing")  # who reads need not wait
        process.kill()
        process.wait()
        with kept_in_step(address) as folder:
            assert folder.is_dir(), "a process that was killed holds nothing"


def test_threads_wait_as_well_and_a_block_in_a_block_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPSEL_LOCATIONS_WAIT_S", "0.2")
    errors: list[str] = []

    def write() -> None:
        try:
            with kept_in_step("memory://locked/threads"):
                pass
        except LocationError as error:
            errors.append(str(error))

    with kept_in_step("memory://locked/threads") as outer:
        with kept_in_step("memory://locked/threads") as inner:
            assert inner == outer
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert "this process" in errors[0]


def test_any_number_share_a_lock_and_nobody_else_has_it(tmp_path: Path) -> None:
    path = tmp_path / "use"
    shared = [FileLock(path, shared=True) for _ in range(3)]
    assert all(lock.take() for lock in shared)
    alone = FileLock(path)
    for lock in shared:
        assert not alone.take()
        lock.release()
    assert alone.take() and not shared[0].take()
    alone.release()


def test_where_files_have_no_locks_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        lock = FileLock(tmp_path / "lock")
        wait_for(lock, "write", "nowhere", Heard())
        assert not lock.works


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_a_time_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPSEL_LOCATIONS_WAIT_S", text)
    with (
        pytest.raises(UsageError, match=f"COMPSEL_LOCATIONS_WAIT_S: got '{text}', allowed is a number of seconds"),
        kept_in_step("memory://locked/none"),
    ):
        pytest.fail("it works")

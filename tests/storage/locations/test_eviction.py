"""Mirrors make room for others: the least recently used first, never what is used or has yet to be put."""

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from compsel.errors import UsageError
from compsel.storage.locations.eviction import use_of
from compsel.storage.locations.mirror import Mirror
from compsel.storage.locations.using import fetch
from tests.storage.locations.test_mirror import BUCKET, at, own_cache, run_server

__all__ = ["own_cache", "run_server"]

_READER = """
import sys
from compsel.storage.locations.using import fetch
for address in sys.argv[1:]:
    print(fetch(address), flush=True)
if len(sys.argv) == 2:
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def three_files(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at(port, monkeypatch)
    files = fsspec.filesystem("s3")
    files.mkdirs(BUCKET, exist_ok=True)
    for name in "abc":
        files.pipe_file(f"{BUCKET}/evicted/{name}/table", 400_000 * name.encode())
    monkeypatch.setenv("COMPSEL_LOCATIONS_GB", "0.001")


def read_elsewhere(*names: str) -> list[Path]:
    """Read in a process that ends: what it used is used no more."""
    addresses = [f"s3://{BUCKET}/evicted/{name}" for name in names]
    done = subprocess.run([sys.executable, "-c", _READER, *addresses], stdout=subprocess.PIPE, text=True, check=True)
    return [Path(line) for line in done.stdout.splitlines()]


def used_at(folder: Path, seconds: int) -> None:
    os.utime(use_of(folder), (seconds, seconds))


def test_the_least_recently_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = read_elsewhere("a", "b")
    used_at(a, 2_000)
    used_at(b, 1_000)
    c = fetch(f"s3://{BUCKET}/evicted/c")
    assert (a.is_dir(), b.is_dir(), (c / "table").stat().st_size) == (True, False, 400_000)
    assert (read_elsewhere("b")[0] / "table").read_bytes() == 400_000 * b"b", "what was removed is fetched again"
    assert not a.exists() and c.is_dir(), "this process uses c"
    monkeypatch.setenv("COMPSEL_LOCATIONS_GB", "20")
    a, b = read_elsewhere("a", "b")
    assert a.is_dir() and b.is_dir() and c.is_dir()


def test_what_another_process_uses_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPSEL_LOCATIONS_GB", "0")
    process = subprocess.Popen(
        [sys.executable, "-c", _READER, f"s3://{BUCKET}/evicted/a"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        a = Path(process.stdout.readline().strip())
        fetch(f"s3://{BUCKET}/evicted/b")
        assert (a / "table").is_file()
    finally:
        process.kill()
        process.communicate()
    fetch(f"s3://{BUCKET}/evicted/c")
    assert not a.exists(), "it has ended"


def test_what_has_yet_to_be_put_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPSEL_LOCATIONS_GB", "0")
    kept, put = Mirror(f"s3://{BUCKET}/evicted/kept"), Mirror(f"s3://{BUCKET}/evicted/put")
    for mirror in (kept, put):
        mirror.fetch()
        (mirror.path / "table").write_text("measured for hours")
    put.push()
    fetch(f"s3://{BUCKET}/evicted/a")
    assert (kept.path / "table").read_text() == "measured for hours"
    assert not put.path.exists()


def test_other_folders_in_the_cache_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPSEL_LOCATIONS_GB", "0")
    other = tmp_path / "cache" / "compsel" / "locations" / "notes"
    other.mkdir(parents=True)
    (other / "mine.txt").write_text("mine")
    fetch(f"s3://{BUCKET}/evicted/a")
    assert (other / "mine.txt").read_text() == "mine"


def test_a_size_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPSEL_LOCATIONS_GB", "much")
    with pytest.raises(UsageError, match="COMPSEL_LOCATIONS_GB: got 'much', allowed is a number of billions of bytes"):
        fetch(f"s3://{BUCKET}/evicted/a")


def test_mirrors_of_memory_end_with_their_process(tmp_path: Path) -> None:
    code = """
import fsspec
from compsel.storage.locations.using import fetch
fsspec.filesystem("memory").pipe_file("/ends/a.txt", b"one")
print(fetch("memory://ends"))
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path))
    assert not [*Path(done.stdout.strip()).parent.iterdir()]

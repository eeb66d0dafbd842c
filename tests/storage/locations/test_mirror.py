"""Mirrors of places beyond this machine: in memory, and on a server that speaks S3."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from compsel.errors import LocationError, MissingDependencyError, UsageError
from compsel.storage.locations.mirror import Mirror
from compsel.storage.locations.using import fetch, kept_in_step
from tests.s3_server import BreakingConnection, s3_server

BUCKET = "tables"


@pytest.fixture(scope="module", name="port")
def run_server() -> Iterator[int]:
    with s3_server() as port:
        yield port


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def at(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["memory", "s3"], name="address")
def make_address(request: pytest.FixtureRequest, port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    name = request.node.name.replace("[", "-").replace("]", "")
    if request.param == "memory":
        return f"memory://{name}/profile"
    at(port, monkeypatch)
    fsspec.filesystem("s3").mkdirs(f"{BUCKET}-{request.node.nodeid.__hash__() % 1000}", exist_ok=True)
    fsspec.filesystem("s3").mkdirs(BUCKET, exist_ok=True)
    return f"s3://{BUCKET}/{name}/profile"


def test_what_is_written_here_is_there_and_what_is_removed_is_gone(address: str, tmp_path: Path) -> None:
    with kept_in_step(address) as folder:
        (folder / "quality").mkdir()
        (folder / "quality" / "a.parquet").write_bytes(bytes(range(256)) * 100)
        (folder / "profile.json").write_text("{}")
        (folder / ".half.tmp").write_text("not whole")
    files, root = fsspec.url_to_fs(address)
    assert sorted(path.rpartition("profile/")[2] for path in files.find(root)) == ["profile.json", "quality/a.parquet"]
    other = Mirror(address, tmp_path / "elsewhere")
    assert other.fetch() == 2
    assert (other.path / "quality/a.parquet").read_bytes() == bytes(range(256)) * 100
    assert (other.fetch(), other.push()) == (0, 0), "nothing has changed"
    (other.path / "profile.json").write_text('{"more": 1}')
    (other.path / "quality/a.parquet").unlink()
    assert other.push() == 1
    assert (fetch(address) / "profile.json").read_text() == '{"more": 1}'
    assert not (fetch(address) / "quality/a.parquet").exists()
    assert fetch(f"{address}/profile.json").read_text() == '{"more": 1}', "a file"


def test_what_was_done_before_an_error_is_kept(address: str) -> None:
    with pytest.raises(ZeroDivisionError), kept_in_step(address) as folder:
        (folder / "done.txt").write_text("done")
        raise ZeroDivisionError
    with kept_in_step(address) as folder:
        assert (folder / "done.txt").read_text() == "done"


@pytest.mark.slow
def test_a_connection_that_breaks_in_the_middle_of_a_write_leaves_the_old_file(
    port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connection = BreakingConnection(port)
    at(connection.port, monkeypatch)
    files = fsspec.filesystem("s3")
    files.mkdirs(BUCKET, exist_ok=True)
    address = f"s3://{BUCKET}/broken"
    mirror = Mirror(address, tmp_path / "a")
    mirror.fetch()
    table = mirror.path / "big.parquet"
    table.write_bytes(b"old" * 100)
    mirror.push()
    for size in (3_000_000, 102_000_000):
        table.write_bytes(b"new" * (size // 3))
        connection.left = 1_000_000 if size < 10_000_000 else 55_000_000
        begin = time.monotonic()
        with pytest.raises(LocationError, match="run the same again: what is there stays, what was made here is kept"):
            mirror.push()
        assert time.monotonic() - begin < 60
        connection.left = None
        assert Mirror(address, tmp_path / f"b{size}").fetch() == 1
        assert (tmp_path / f"b{size}").rglob("big.parquet").__next__().read_bytes() == b"old" * 100
    again = Mirror(address, tmp_path / "a")
    assert again.fetch() == 0, "what could not be put is kept here"
    assert again.push() == 1, "and the next time it arrives"
    assert files.info(f"{BUCKET}/broken/big.parquet")["size"] == 102_000_000
    assert not files.call_s3("list_multipart_uploads", Bucket=BUCKET).get("Uploads"), "nothing of the first one is left"
    connection.close()


@pytest.mark.slow
def test_work_that_could_not_be_put_is_there_for_the_next_run(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = BreakingConnection(port)
    at(connection.port, monkeypatch)
    fsspec.filesystem("s3").mkdirs(BUCKET, exist_ok=True)
    address = f"s3://{BUCKET}/kept"
    with kept_in_step(address) as folder:
        (folder / "first.txt").write_text("first")
        (folder / "grows.txt").write_text("1")
    connection.left = 0
    with (
        pytest.raises(ZeroDivisionError) as raised,  # the work's own error, not that of the connection
        kept_in_step_while_broken(address, connection) as folder,
    ):
        (folder / "second.txt").write_text("second")
        (folder / "grows.txt").write_text("1 2")
        raise ZeroDivisionError
    assert any("cannot write" in note for note in raised.value.__notes__)
    connection.left = None
    with pytest.raises(LocationError):
        fetch(f"{address}/second.txt")
    assert (fetch(address) / "grows.txt").read_text() == "1", "who reads gets what is there"
    with kept_in_step(address) as folder:
        assert [path.read_text() for path in sorted(folder.iterdir())] == ["first", "1 2", "second"]
    assert sorted(path.name for path in fetch(address).iterdir()) == ["first.txt", "grows.txt", "second.txt"]
    fsspec.filesystem("s3").rm(f"{BUCKET}/kept", recursive=True)
    with kept_in_step(address) as folder:
        assert not [*folder.iterdir()], "who empties the folder begins anew"
    connection.close()


@contextlib.contextmanager
def kept_in_step_while_broken(address: str, connection: BreakingConnection) -> Iterator[Path]:
    connection.left = None
    with kept_in_step(address) as folder:
        connection.left = 0
        yield folder


def test_a_folder_that_is_replaced_as_a_whole_does_not_empty_the_place(address: str) -> None:
    with kept_in_step(address) as folder:
        (folder / "manifest.json").write_text("{}")
    mirror = Mirror(address)
    mirror.fetch()
    away = mirror.path.rename(mirror.path.with_name("away"))
    assert mirror.push() == 0
    away.rename(mirror.path)
    (mirror.path / "manifest.json").unlink()
    assert mirror.push(removes=False) == 0
    assert fetch(f"{address}/manifest.json").read_text() == "{}"


def test_what_changes_while_it_is_put_is_put_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "memory://changes/profile"
    mirror = Mirror(address)
    mirror.fetch()
    (mirror.path / "grows.txt").write_text("1")
    files, _ = fsspec.url_to_fs(address)
    put = type(files).put

    def put_then_change(*args: Any, **options: Any) -> Any:
        result = put(*args, **options)
        (mirror.path / "grows.txt").write_text("1 2")
        return result

    with monkeypatch.context() as patched:
        patched.setattr(type(files), "put", put_then_change)
        mirror.push()
    assert mirror.push() == 1
    assert fetch(f"{address}/grows.txt").read_text() == "1 2"


def test_many_small_files_are_listed_once_and_put_together(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at(port, monkeypatch)
    fsspec.filesystem("s3").mkdirs(BUCKET, exist_ok=True)
    address = f"s3://{BUCKET}/many"
    with kept_in_step(address) as folder:
        for number in range(150):
            (folder / f"{number}.json").write_text(f"{number}")
        (folder / "half.tmp").mkdir()
        (folder / "half.tmp" / "a.json").write_text("not whole")
    assert sorted(int(path.stem) for path in fetch(address).iterdir()) == [*range(150)]


def test_folders_that_a_console_made_are_no_files(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at(port, monkeypatch)
    files = fsspec.filesystem("s3")
    files.mkdirs(BUCKET, exist_ok=True)
    for key in ("console/", "console/sub/", "empty/"):
        files.call_s3("put_object", Bucket=BUCKET, Key=key)
    files.pipe_file(f"{BUCKET}/console/a.txt", b"a")
    assert [path.name for path in fetch(f"s3://{BUCKET}/console").iterdir()] == ["a.txt"]
    with pytest.raises(LocationError, match="check the address"):
        fetch(f"s3://{BUCKET}/empty")
    with kept_in_step(f"s3://{BUCKET}/empty") as folder:
        assert folder.is_dir() and not [*folder.iterdir()]


def test_a_bucket_that_is_not_there_is_told_before_the_work(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at(port, monkeypatch)
    with pytest.raises(LocationError, match="check the address"), kept_in_step("s3://no-such-bucket/profile"):
        pytest.fail("it works for nothing")


def test_a_server_that_takes_a_connection_and_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        at(silent.getsockname()[1], monkeypatch)
        # fsspec's own settings come before ours: thirty seconds, three times
        own = {"read_timeout": 0.2, "s3": {"addressing_style": "path"}}
        monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": own})
        begin = time.monotonic()
        with pytest.raises(LocationError, match="check the network"):
            fetch("s3://bucket/profile")
        assert time.monotonic() - begin < 30


def test_what_is_wrong_with_an_address_is_told(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at(port, monkeypatch)
    with pytest.raises(LocationError, match="check the address"):
        fetch("s3://no-such-bucket/profile")
    with pytest.raises(LocationError, match="check the address"):
        fetch("memory://nowhere/at-all")
    with pytest.raises(UsageError, match=r"got xyz://, allowed are s3://, gs://"):
        fetch("xyz://bucket")
    with pytest.raises(MissingDependencyError, match=r"pip install 'compsel\[gcs\]'"):
        fetch("gs://bucket/folder")


def test_a_server_that_is_gone_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    at(9, monkeypatch)
    begin = time.monotonic()
    with pytest.raises(LocationError, match="check the network"):
        fetch("s3://bucket/profile")
    assert time.monotonic() - begin < 30


def test_wrong_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(INITIAL_NO_AUTH_ACTION_COUNT="0") as port:
        at(port, monkeypatch)
        with pytest.raises(LocationError, match="check the credentials"):
            fetch("s3://bucket/profile")


def test_paths_of_this_machine_are_as_they_are(tmp_path: Path) -> None:
    assert fetch(tmp_path) == tmp_path
    assert fetch(f"file://{tmp_path}") == tmp_path
    with kept_in_step(tmp_path) as folder:
        assert folder == tmp_path

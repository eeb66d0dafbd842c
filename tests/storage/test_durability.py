"""What was written outlives a power cut and a kill at any moment: it is there whole, as before or as it became."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compsel.errors import StorageError
from compsel.storage.exchange import exchange
from compsel.storage.files import atomic_directory, atomic_file, write_json
from compsel.storage.parquet import write_table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are not synced, processes do not fork there")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is synced ("sync", inode) and what gets its name ("name", inode), in order."""
    found: list[tuple[str, int]] = []
    sync = os.fsync

    def synced(descriptor: int) -> None:
        found.append(("sync", os.fstat(descriptor).st_ino))
        sync(descriptor)

    def named(rename: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(first: Path, second: Path) -> Any:
            found.append(("name", first.stat().st_ino))
            return rename(first, second)

        return wrapped

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named(Path.replace))
    monkeypatch.setattr(Path, "rename", named(Path.rename))
    monkeypatch.setattr("compsel.storage.files.exchange", lambda *_: False)
    return found


def place_of(events: list[tuple[str, int]], event: str, path: Path) -> int:
    return events.index((event, path.stat().st_ino))


WRITERS: dict[str, Callable[[Path], None]] = {
    "json": lambda path: write_json(path, {"a": 1}),
    "table": lambda path: write_table(path, {"a": np.arange(3)}),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_bytes_are_on_the_disk_before_they_have_their_name_and_the_name_after(
    tmp_path: Path, events: list[tuple[str, int]], writer: str
) -> None:
    path = tmp_path / "file"
    WRITERS[writer](path)
    named = place_of(events, "name", path)
    assert place_of(events, "sync", path) < named < place_of(events, "sync", tmp_path)


@pytest.mark.parametrize("there", [False, True])
def test_all_that_a_folder_holds_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, events: list[tuple[str, int]], there: bool
) -> None:
    target = tmp_path / "bundle"
    if there:
        target.mkdir()
        (target / "old").touch()
    with atomic_directory(target, replace=True) as temporary:
        (temporary / "variants").mkdir()
        (temporary / "variants" / "weights").write_bytes(b"1" * 1000)
        (temporary / "a").touch()
    named = place_of(events, "name", target)
    for path in (target, target / "variants", target / "variants" / "weights", target / "a"):
        assert place_of(events, "sync", path) < named, path
    assert place_of(events, "sync", tmp_path) > named


def test_a_disk_that_tells_late_that_it_is_full_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space is left"), atomic_file(tmp_path / "file") as temporary:
        temporary.write_text("new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


CHANGES = {"open", "mkdir", "rename", "replace", "rmdir", "unlink", "chmod", "fsync", "scandir"}


def killed_at(call: int, work: Callable[[], None]) -> bool:
    """Do the work in a process that ends, without a word, before its so and so many-th change to a folder.

    Returns:
        Whether it got so far as to be killed.
    """
    child = os.fork()
    if child == 0:
        left = call

        def count(_: Any, event: str, called: Any) -> None:
            nonlocal left
            if event == "c_call" and called.__module__ == os.name and called.__name__ in CHANGES:
                left -= 1
                if left < 0:
                    os._exit(9)

        sys.setprofile(count)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def content(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


OLD, NEW = {"a": "old", "sub/b": "old"}, {"a": "new", "sub/c": "new"}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def replace_by_new(target: Path) -> None:
    with atomic_directory(target, replace=True) as temporary:
        write(temporary, NEW)


@pytest.mark.parametrize("at_once", [True, False])
def test_wherever_a_replacement_is_killed_the_folder_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    target, seen = tmp_path / "world" / "bundle", set()
    target.mkdir(parents=True)
    if at_once and not exchange(target, target):
        pytest.skip("this system cannot exchange two folders at once")
    if not at_once:
        monkeypatch.setattr("compsel.storage.files.exchange", lambda *_: False)
    call = 0
    while True:
        shutil.rmtree(target.parent)
        target.mkdir(parents=True)
        write(target, OLD)
        killed = killed_at(call, lambda: replace_by_new(target))
        if at_once:
            assert content(target) in (OLD, NEW), call
        # where it takes two renames, the next writer puts back what it finds
        with pytest.raises(KeyError), atomic_directory(target, replace=True):
            raise KeyError
        assert [path.name for path in target.parent.iterdir()] == ["bundle"], call
        seen.add(tuple(content(target).values()))
        assert content(target) in (OLD, NEW), call
        if not killed:
            break
        call += 1
    assert seen == {tuple(OLD.values()), tuple(NEW.values())}
    assert call > 10


def test_wherever_a_file_is_killed_it_is_whole_and_the_next_writer_cleans_up(tmp_path: Path) -> None:
    target, seen, call = tmp_path / "table", set(), 0
    target.write_text("old")

    def write_new() -> None:
        with atomic_file(target) as temporary:
            temporary.write_text("new")

    while killed_at(call, write_new):
        seen.add(target.read_text())
        with pytest.raises(KeyError), atomic_file(target):
            raise KeyError
        assert [path.name for path in tmp_path.iterdir()] == ["table"], call
        target.write_text("old")
        call += 1
    assert seen == {"old", "new"}
    assert call > 3

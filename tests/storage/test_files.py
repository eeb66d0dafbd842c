import errno
import json
import os
import resource
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from compsel.errors import StorageError
from compsel.storage.exchange import exchange
from compsel.storage.files import (
    atomic_directory,
    atomic_file,
    check_place,
    check_writable,
    sha256_file,
    storage_errors,
    write_json,
)

needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may change its user")
needs_user = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "sub" / "file.txt"
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == target.parent
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(target.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_whatever_interrupts_leaves_the_older_file(tmp_path, error):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(error), atomic_file(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_files_are_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomic_file(tmp_path / "file"):
        pass
    with atomic_directory(tmp_path / "folder"):
        pass
    (tmp_path / "plain folder").mkdir()
    for made, plain in (("file", "plain"), ("folder", "plain folder")):
        assert stat.S_IMODE((tmp_path / made).stat().st_mode) == stat.S_IMODE((tmp_path / plain).stat().st_mode)


def test_a_folder_appears_whole(tmp_path):
    with atomic_directory(tmp_path / "folder") as temporary:
        (temporary / "a").write_text("1")
        assert not (tmp_path / "folder").exists()
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["a"]


def test_a_folder_that_holds_something_is_replaced_only_on_request(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    for attempt in (lambda: check_place(target), lambda: atomic_directory(target).__enter__()):
        with pytest.raises(StorageError, match=r"is there already and not empty: give --replace .*"):
            attempt()
    check_place(target, replace=True)
    with atomic_directory(target, replace=True) as temporary:
        (temporary / "new").touch()
    assert names(target) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_folder_that_fails_leaves_the_older_one(tmp_path, monkeypatch):
    target = tmp_path / "folder"
    with atomic_directory(target) as temporary:
        (temporary / "old").touch()
    with pytest.raises(KeyboardInterrupt), atomic_directory(target, replace=True) as temporary:
        (temporary / "new").touch()
        raise KeyboardInterrupt
    assert (names(tmp_path), names(target)) == (["folder"], ["old"])

    rename = Path.rename

    def fails_for_the_new_one(self, destination):
        if Path(destination) == target and self.name.endswith(".tmp"):
            raise OSError(errno.EIO, "gone")
        return rename(self, destination)

    # as on a system that cannot exchange two folders at once
    monkeypatch.setattr("compsel.storage.files.exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", fails_for_the_new_one)
    with pytest.raises(StorageError, match="device failed"), atomic_directory(target, replace=True):
        pass
    assert (names(tmp_path), names(target)) == (["folder"], ["old"])


KILLED = """
import os, signal, sys
from pathlib import Path
from compsel.storage import files
if sys.argv[2] == "between":
    files.exchange = lambda *_: False
    rename = Path.rename
    def once(self, target):
        rename(self, target)
        os.kill(os.getpid(), signal.SIGKILL)
    Path.rename = once
with files.atomic_directory(sys.argv[1], replace=True) as temporary:
    (temporary / "new").touch()
    if sys.argv[2] == "inside":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by a signal")
@pytest.mark.parametrize("when", ["inside", "between"])
def test_what_a_killed_process_left_is_removed_or_put_back_by_the_next_one(tmp_path, when):
    target = tmp_path / "folder"
    with atomic_directory(target) as temporary:
        (temporary / "old").touch()
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), when], check=False)
    assert done.returncode == -9
    assert len(names(tmp_path)) == 2
    with pytest.raises(KeyError), atomic_directory(target, replace=True):
        raise KeyError  # it fails itself: the older one is there again all the same
    assert (names(tmp_path), names(target)) == (["folder"], ["old"])


def test_a_folder_that_is_replaced_is_there_at_every_moment(tmp_path, monkeypatch):
    target = tmp_path / "folder"
    with atomic_directory(target) as temporary:
        (temporary / "old").touch()
    if not exchange(target, target):
        pytest.skip("this system cannot exchange two folders at once")
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("moved aside"))
    with atomic_directory(target, replace=True) as temporary:
        (temporary / "new").touch()
    assert (names(tmp_path), names(target)) == (["folder"], ["new"])


def test_json_has_no_words_for_what_is_no_number(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"b": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, None]}


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_below_a_file_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a", tmp_path / "file" / "sub" / "a"):
        with pytest.raises(StorageError, match=r"cannot write .*: a (part of the path is a )?file"):
            write_json(path, {})
        with pytest.raises(StorageError, match="cannot write"), atomic_directory(path):
            pass
    assert names(tmp_path) == ["file"]


def test_over_a_folder_no_file_can_be_written(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="it is a folder, a file is needed"):
        write_json(tmp_path / "folder", {})
    assert names(tmp_path) == ["folder"]


def test_over_a_file_no_folder_can_be_written(tmp_path):
    (tmp_path / "file").write_text("old")
    for replace in (False, True):
        with pytest.raises(StorageError, match="a file"), atomic_directory(tmp_path / "file", replace=replace):
            pass
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(StorageError, match="name is too long"):
        write_json(tmp_path / ("a" * 300), {})
    assert names(tmp_path) == []


def test_other_errors_pass_unchanged(tmp_path):
    with pytest.raises(OSError, match="other") as caught, storage_errors(tmp_path):
        raise OSError(errno.EPIPE, "other")
    assert not isinstance(caught.value, StorageError)


WRITER = """
import os, sys
import psutil  # another user may not even read where Python lies
from compsel.storage.files import write_json
if len(sys.argv) > 2:
    os.setuid(int(sys.argv[2]))
try:
    write_json(sys.argv[1], "x" * 100_000)
except OSError as error:
    print(f"{type(error).__name__}: {error}")
"""


def write_elsewhere(path: Path, *user: str, **options) -> str:
    command = [sys.executable, "-c", WRITER, str(path), *user]
    # a process that may not write cannot say how much of it was covered
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, **options)
    assert not done.stderr
    return done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of files as Linux does")
def test_a_file_over_the_limit_leaves_the_older_one(tmp_path):
    target = tmp_path / "file.json"
    target.write_text("old")
    limit = (50_000, 50_000)
    said = write_elsewhere(target, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert said.startswith("StorageError: ")
    assert "larger than is allowed" in said
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.json"]


@needs_root
def test_a_full_disk_leaves_the_older_file(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("file systems may not be mounted here")
    try:
        target = tmp_path / "file.json"
        target.write_text("old")
        said = write_elsewhere(target)
        assert said.startswith("StorageError: ")
        assert "no space is left on the device: free some" in said
        assert target.read_text() == "old"
        assert names(tmp_path) == ["file.json"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_no_space_is_said_in_words(tmp_path, monkeypatch):
    def full(self, content, **_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match=r"file\.json: no space is left on the device") as caught:
        write_json(tmp_path / "file.json", {})
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


@needs_user
def test_no_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="permission denied: choose a place that you may write"):
            write_json(tmp_path / "file.json", {})
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has it")
def test_a_folder_of_the_kernel_is_no_place_to_write():
    with pytest.raises(StorageError, match="permission denied: choose a place that you may write"):
        check_writable("/proc/new")


@needs_root
def test_no_permission_for_another_user():
    # not in `tmp_path`, whose parents another user may not even look into
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        said = write_elsewhere(Path(folder) / "file.json", "65534")
        assert said.startswith("StorageError: ")
        assert "permission denied: choose a place that you may write" in said
        assert names(Path(folder)) == []

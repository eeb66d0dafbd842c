"""Atomic files and folders, written under a temporary name and then renamed; hashes of files; JSON."""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from compsel.errors import StorageError
from compsel.storage.exchange import exchange
from compsel.storage.leftovers import remove_leftovers, temporary_prefix
from compsel.storage.syncing import sync_file, sync_folder, sync_tree

__all__ = [
    "atomic_directory",
    "atomic_file",
    "check_place",
    "check_writable",
    "copy_file",
    "copy_folder",
    "folder_size_mb",
    "sha256_file",
    "storage_errors",
    "without_nan",
    "write_json",
]

_LONGEST_NAME_BYTES = 255  # of all usual file systems
_REASONS = {
    errno.ENOSPC: "no space is left on the device: free some, or choose another place",
    errno.EDQUOT: "the disk quota is used up: free some space, or choose another place",
    errno.EACCES: "permission denied: choose a place that you may write",
    errno.EPERM: "permission denied: choose a place that you may write",
    errno.EROFS: "the file system is read-only: choose a place that you may write",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another place",
    errno.EISDIR: "it is a folder, a file is needed: choose another name",
    errno.EEXIST: "a file is where a folder is needed: choose another place",
    errno.EFBIG: "the file would be larger than is allowed here: raise the limit, or choose another place",
    errno.EIO: "the device failed: check it, or choose another place",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


def folder_size_mb(folder: str | os.PathLike[str]) -> float:
    """Return the size of all files in a folder, and in those below it."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6


@contextlib.contextmanager
def storage_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the operating system's errors in writing `path` into `StorageError` with advice."""
    if "\0" in os.fspath(path):
        raise StorageError(errno.EINVAL, f"cannot write {os.fspath(path)!r}: a zero character: choose another name")
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        reason = _REASONS.get(error.errno or 0)
        if reason is None:
            raise
        raise StorageError(error.errno, f"cannot write {os.fspath(path)}: {reason}") from error


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], *, beside: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Give a temporary path; it becomes `path`, and is on the disk, when the block ends well, and vanishes otherwise.

    Args:
        path: of the file.
        beside: what the temporary path lies beside, on the same file system; None: beside `path`, where all names are
            looked through for what killed processes left.

    Raises:
        StorageError: a full disk, no permission, a read-only file system.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with atomic_file(target) as temporary:
    ...     _ = temporary.write_text("1 2 3")
    >>> target.read_text()
    '1 2 3'
    """
    target = Path(path)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        place = target if beside is None else Path(beside)
        place.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(place)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=temporary_prefix(place), suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            # mkstemp makes private files; what we write is as readable as any other file
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            sync_file(temporary)
            temporary.replace(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def copy_file(source: Path, target: Path, *, beside: Path | None = None) -> None:
    """Copy a file, whole or not at all, see `atomic_file`; where it has that content already, it is left alone.

    Raises:
        StorageError: a full disk, no permission, no such file.
    """
    with storage_errors(target):
        if target.is_file() and sha256_file(target) == sha256_file(source):
            return
        with atomic_file(target, beside=beside) as temporary:
            shutil.copyfile(source, temporary)


def copy_folder(source: Path, target: Path, *, without: Collection[str] = ()) -> None:
    """Copy the files of a folder, and those below it, into another one; `without` those of some names.

    `shutil.copytree` goes on after a full disk, and raises an error that has lost which one it was.

    Raises:
        OSError: what the first file that cannot be copied raises.

    >>> import tempfile
    >>> source = Path(tempfile.mkdtemp())
    >>> _ = (source / "a").write_text("1"), (source / "b").write_text("2")
    >>> target = source / "c" / "d"
    >>> copy_folder(source, target, without={"b"})
    >>> [path.name for path in target.iterdir()]
    ['a']
    """
    for path in [path for path in sorted(source.rglob("*")) if path.is_file() and path.name not in without]:
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)


@contextlib.contextmanager
def atomic_directory(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it becomes `path`, and is on the disk, when the block ends well.

    Otherwise it vanishes.

    Args:
        path: the folder to make.
        replace: whether an existing folder is replaced; otherwise it is an error.

    Raises:
        StorageError: an existing folder, a full disk, no permission.
    """
    target = Path(path)
    with storage_errors(target):
        check_place(target, replace=replace)
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=temporary_prefix(target), suffix=".tmp"))
        try:
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o777 & ~umask)
            sync_tree(temporary)
            # after an exchange the temporary folder is the old one
            if target.exists() and not exchange(temporary, target):
                old = temporary.with_suffix(".old")
                target.rename(old)
                try:
                    temporary.rename(target)
                except BaseException:
                    old.rename(target)
                    raise
                shutil.rmtree(old)
            elif not target.exists():
                temporary.rename(target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_place(path: str | os.PathLike[str], *, replace: bool = False) -> None:
    """Raise StorageError where `atomic_directory` would: ask before hours of work, not after them."""
    target = Path(path)
    with storage_errors(target):
        check_writable(target.parent)
        if target.exists() and any(target.iterdir()) and not replace:
            raise StorageError(
                errno.EEXIST,
                f"{target} is there already and not empty: give --replace (in Python replace=True), or choose another "
                "place",
            )


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Raise StorageError where a folder, or what has to be made of it, cannot be written: before the work, not after.

    Nothing stays there.

    >>> import tempfile
    >>> check_writable(Path(tempfile.mkdtemp()) / "new" / "newer")
    """
    target = Path(folder).absolute()
    with storage_errors(target):
        if len(target.name.encode(errors="surrogateescape")) > _LONGEST_NAME_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(target))
        above = next(path for path in (target, *target.parents) if path.exists() or path.is_symlink())
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target))
        probe = above / "compsel"
        remove_leftovers(probe)
        try:
            Path(tempfile.mkdtemp(dir=above, prefix=temporary_prefix(probe), suffix=".tmp")).rmdir()
        except FileNotFoundError as error:  # what a folder of the kernel's says, such as /proc
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(above)) from error


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def without_nan(content: Any) -> Any:
    """Return `content` with None for every float that JSON cannot express (NaN, infinities).

    >>> without_nan({"gap": [float("nan"), 1.0]})
    {'gap': [None, 1.0]}
    """
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_json(path: str | os.PathLike[str], content: Any, *, beside: Path | None = None) -> None:
    """Write `content` as JSON, completely or not at all, see `atomic_file`."""
    text = json.dumps(content, indent=2, allow_nan=False)
    with atomic_file(path, beside=beside) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")

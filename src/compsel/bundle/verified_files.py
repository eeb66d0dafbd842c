"""The files of a bundle as they were checked: what was checked is what runs, whatever happens to the folder later."""

import contextlib
import errno
import hashlib
import os
import stat
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Self

from compsel.errors import IntegrityError
from compsel.processors.base import GraphFile

__all__ = ["ListedFile", "VerifiedFiles", "read_regular_file"]

_CHUNK_BYTES = 1 << 20
# a file that takes so much less room than it has bytes holds next to nothing but zeros: no weights do
_SPARSE, _LARGE_BYTES = 20, 64_000_000
_READABLE_BYTES = 64_000_000
_HEXADECIMAL = frozenset("0123456789abcdef")
_SHA256_DIGITS = 64
# a file system notes times in steps of a few milliseconds: what changed since then cannot be told by its time
_SETTLED_NS = 50_000_000
# elsewhere an open file cannot be replaced, nor a folder with one
_KEEPS_DESCRIPTORS = os.name == "posix"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as a manifest lists it.

    Attributes:
        size_bytes: of the whole file.
        sha256: in hexadecimal.

    >>> ListedFile.from_dict({"size_bytes": -1, "sha256": "0" * 64})
    Traceback (most recent call last):
    ValueError: size_bytes: got -1, allowed is a whole number from 0
    """

    size_bytes: int
    sha256: str

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            ValueError, KeyError, TypeError: content that is no size and no hash.
        """
        size, digest = content["size_bytes"], content["sha256"]
        if type(size) is not int or size < 0:
            raise ValueError(f"size_bytes: got {size!r}, allowed is a whole number from 0")
        if not isinstance(digest, str) or len(digest) != _SHA256_DIGITS or not set(digest) <= _HEXADECIMAL:
            raise ValueError(f"sha256: got {digest!r}, allowed are {_SHA256_DIGITS} hexadecimal digits")
        return cls(size, digest)


class VerifiedFiles(Mapping[str, ListedFile]):
    """The files of a bundle, each checked, by name.

    They stay open, so that a bundle that is replaced or removed goes on as it was checked, and whatever is opened later
    is what was checked: a file that has been written to since is hashed again.

    Args:
        folder: of the bundle.
        listed: its files, by path relative to the folder.

    Raises:
        IntegrityError: a changed file, a link, something that is no file.

    >>> VerifiedFiles(Path("nowhere"), {})
    VerifiedFiles(nowhere: 0 files)
    """

    def __init__(self, folder: Path, listed: Mapping[str, ListedFile]) -> None:
        self.folder = folder
        self._listed = dict(listed)
        self._descriptors: dict[str, int] = {}
        self._seen: dict[str, tuple[int, ...]] = {}
        self._finalizer = weakref.finalize(self, _close_all, self._descriptors)
        try:
            for name in self._listed:
                descriptor = _open_regular(folder / name, self._listed[name].size_bytes)
                self._descriptors[name] = descriptor
                self._hash(name, descriptor)
        except BaseException:
            self.close()
            raise
        if not _KEEPS_DESCRIPTORS:
            self.close()

    def __getitem__(self, name: str) -> ListedFile:
        return self._listed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def __repr__(self) -> str:
        return f"VerifiedFiles({self.folder}: {len(self)} files)"

    def read(self, name: str) -> bytes:
        """Return the content of a small file.

        Raises:
            IntegrityError: changed, or of more than 64 MB.
            KeyError: not listed.
        """
        if name not in self._listed:
            raise KeyError(f"{name} is not in the manifest")
        if self._listed[name].size_bytes > _READABLE_BYTES:
            raise IntegrityError(f"{self.folder}: {name} is over {_READABLE_BYTES} bytes: get the bundle again")
        with self._opened(name) as descriptor:
            return _read_all(descriptor, self._listed[name].size_bytes)

    def graph(self, name: str, weights: str | None = None) -> GraphFile:
        """Return a graph, with the file of its weights, to be opened by a processor.

        Raises:
            IntegrityError: changed since it was checked.
        """
        path = self.folder / name
        names = [name, *([] if weights is None else [weights])]
        if all(self._lies_there(one) for one in names):
            return GraphFile(path)
        with contextlib.ExitStack() as stack:
            content = {one: _read_or_map(stack.enter_context(self._opened(one))) for one in names}
        graph = bytes(content.pop(name))
        return GraphFile(path, graph, {Path(one).name: data for one, data in content.items()})

    def close(self) -> None:
        """Close every file; what is opened later is opened, and hashed, anew."""
        _close_all(self._descriptors)

    def _lies_there(self, name: str) -> bool:
        """Whether the path still leads to what was checked; that is hashed again where it was written to since."""
        with self._opened(name) as descriptor:
            try:
                return os.path.samestat((self.folder / name).lstat(), os.fstat(descriptor))
            except OSError:
                return False

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        """Give a descriptor of the file, its content being what was checked."""
        kept = self._descriptors.get(name)
        descriptor = _open_regular(self.folder / name, self._listed[name].size_bytes) if kept is None else kept
        try:
            if kept is None or self._seen.get(name) != _signature(descriptor):
                self._hash(name, descriptor)
            yield descriptor
        finally:
            if kept is None:
                os.close(descriptor)

    def _hash(self, name: str, descriptor: int) -> None:
        before, begin_ns = _signature(descriptor), time.time_ns()
        digest, position = hashlib.sha256(), 0
        while chunk := _read_at(descriptor, position):
            digest.update(chunk)
            position += len(chunk)
        if (position, digest.hexdigest()) != (self._listed[name].size_bytes, self._listed[name].sha256):
            raise IntegrityError(
                f"{self.folder}: {name} was changed after the bundle was written: get the bundle again"
            )
        self._seen.pop(name, None)
        if max(before[-2:]) + _SETTLED_NS < begin_ns:
            self._seen[name] = before


def read_regular_file(path: Path, most_bytes: int) -> bytes:
    """Return the content of a file.

    Raises:
        IntegrityError: a link, something that is no file, or more bytes than that.
    """
    descriptor = _open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        if size > most_bytes:
            raise IntegrityError(f"{path}: is over {most_bytes} bytes: get the bundle again")
        return _read_all(descriptor, size)
    finally:
        os.close(descriptor)


def _open_regular(path: Path, size_bytes: int | None = None) -> int:
    """Open a file that is a file, of that size; a FIFO or a device is never waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        reason = "is a link" if error.errno == errno.ELOOP else f"cannot be opened ({error.strerror})"
        raise IntegrityError(f"{path}: {reason}: get the bundle again") from error
    found = os.fstat(descriptor)
    wrong = ""
    if not stat.S_ISREG(found.st_mode):
        wrong = "is no file"
    elif size_bytes is not None and found.st_size != size_bytes:
        wrong = f"was changed after the bundle was written: has {found.st_size} bytes, not {size_bytes}"
    elif found.st_size > _LARGE_BYTES and getattr(found, "st_blocks", found.st_size) * 512 * _SPARSE < found.st_size:
        wrong = f"has {found.st_size} bytes, of which next to none are there"
    if wrong:
        os.close(descriptor)
        raise IntegrityError(f"{path} {wrong}: get the bundle again")
    return descriptor


def _signature(descriptor: int) -> tuple[int, ...]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read_at(descriptor: int, position: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, _CHUNK_BYTES, position)
    os.lseek(descriptor, position, os.SEEK_SET)
    return os.read(descriptor, _CHUNK_BYTES)


def _read_all(descriptor: int, size_bytes: int) -> bytes:
    parts, position = [], 0
    while position < size_bytes and (part := _read_at(descriptor, position)):
        parts.append(part)
        position += len(part)
    return b"".join(parts)[:size_bytes]


def _read_or_map(descriptor: int) -> bytes | mmap:
    return mmap(descriptor, 0, access=ACCESS_READ) if os.fstat(descriptor).st_size else b""


def _close_all(descriptors: dict[str, int]) -> None:
    while descriptors:
        _, descriptor = descriptors.popitem()
        with contextlib.suppress(OSError):
            os.close(descriptor)

"""The files of a bundle as they were checked: what was checked is what runs, whatever happens to the folder later."""

import contextlib
import errno
import hashlib
import os
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from compsel.bundle.background_checks import BackgroundChecks
from compsel.bundle.descriptors import CHUNK_BYTES, read_all, read_into, read_or_map, signature
from compsel.errors import IntegrityError, UnreadableFileError
from compsel.models.graph_file import GraphFile
from compsel.storage.regular_files import open_descriptor
from compsel.values import dataclass

__all__ = ["ListedFile", "VerifiedFiles", "read_regular_file"]

_LARGE_FROM_BYTES = 1 << 20
_READABLE_BYTES = 64_000_000
_ADVICE = "get the bundle again"
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

    Large ones are checked when they are needed: `wait`, or in the background, which `begin` begins; none is opened
    before it is checked. They stay open,
    so that a bundle that is replaced or removed goes on as it was checked, and whatever is opened later is what was
    checked: a file that has been written to since is hashed again, and where that spoilt it, one that was put in its
    place is taken, if it is what is listed.

    Args:
        folder: of the bundle.
        listed: its files, by path relative to the folder.
        manifest: what lists them, as it was read.

    Raises:
        IntegrityError: a changed file, a link, something that is no file.

    >>> VerifiedFiles(Path("nowhere"), {})
    VerifiedFiles(nowhere: 0 files)
    """

    def __init__(self, folder: Path, listed: Mapping[str, ListedFile], manifest: bytes = b"") -> None:
        self.folder, self.manifest = folder, manifest
        self._listed = dict(listed)
        self._descriptors: dict[str, int] = {}
        self._seen: dict[str, tuple[int, ...]] = {}
        self._finalizer = weakref.finalize(self, _close_all, self._descriptors)
        self._checks = BackgroundChecks((), _no_check)
        try:
            for name in self._listed:
                self._descriptors[name] = _open_regular(folder / name, self._listed[name].size_bytes)
            large = [name for name, file in self._listed.items() if file.size_bytes > _LARGE_FROM_BYTES]
            for name in self._listed.keys() - set(large):
                self._hash(name, self._descriptors[name])
        except BaseException:
            self.close()
            raise
        held = weakref.ref(self)

        def check(name: str) -> None:
            if (files := held()) is not None:
                files._hash(name, files._descriptors[name])

        # the smallest first: what answers first is small, the others may be checked behind it
        self._checks = BackgroundChecks(sorted(large, key=self._size_of), check)

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
            return read_all(descriptor, self._listed[name].size_bytes)

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
            content = {one: read_or_map(stack.enter_context(self._opened(one))) for one in names}
        graph = bytes(content.pop(name))
        return GraphFile(path, graph, {Path(one).name: data for one, data in content.items()})

    def begin(self, names: Iterable[str] | None = None) -> None:
        """Check large files in the background, the smallest first; None: all."""
        self._checks.begin(names)

    def wait(self, names: Iterable[str] | None = None) -> None:
        """Return once files are checked.

        Args:
            names: of the files; None: all.

        Raises:
            IntegrityError: a changed file.
        """
        try:
            if names is None or not _KEEPS_DESCRIPTORS:
                self._checks.wait_for_all()
            for name in names or ():
                self._checks.wait_for(name)
        except BaseException:
            self.close()
            raise
        if not _KEEPS_DESCRIPTORS:
            _close_all(self._descriptors)

    def close(self) -> None:
        """Close every file; what is opened later is opened, and hashed, anew."""
        self._checks.stop()
        _close_all(self._descriptors)

    def _size_of(self, name: str) -> int:
        return self._listed[name].size_bytes

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
        self._checks.wait_for(name)
        kept = self._descriptors.get(name)
        descriptor = _open_regular(self.folder / name, self._listed[name].size_bytes) if kept is None else kept
        try:
            if kept is None:
                self._hash(name, descriptor)
            elif self._seen.get(name) != signature(descriptor):
                self._hash_or_take_anew(name, descriptor)
            yield descriptor
        finally:
            if kept is None:
                os.close(descriptor)

    def _hash_or_take_anew(self, name: str, descriptor: int) -> None:
        """Hash a file that was written to; where that spoilt it, take what lies in its place now, if that is right."""
        try:
            self._hash(name, descriptor)
        except IntegrityError as error:
            try:
                anew = _open_regular(self.folder / name, self._listed[name].size_bytes)
            except IntegrityError:
                raise error from None
            try:
                self._hash(name, anew)
                # at once, under the number that others may be reading by
                os.dup2(anew, descriptor, inheritable=False)
            finally:
                os.close(anew)

    def _hash(self, name: str, descriptor: int) -> None:
        before, begin_ns = signature(descriptor), time.time_ns()
        digest, position, chunk = hashlib.sha256(), 0, memoryview(bytearray(CHUNK_BYTES))
        while count := read_into(descriptor, position, chunk):
            digest.update(chunk[:count])
            position += count
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
        return read_all(descriptor, size)
    finally:
        os.close(descriptor)


def _open_regular(path: Path, size_bytes: int | None = None) -> int:
    """Open a file that is a file, and no link to one, of that size."""
    try:
        descriptor = open_descriptor(path, follow_links=False, advice=_ADVICE)
    except UnreadableFileError as error:
        raise IntegrityError(str(error)) from error
    except OSError as error:
        reason = "is a link" if error.errno == errno.ELOOP else f"cannot be opened ({error.strerror})"
        raise IntegrityError(f"{path}: {reason}: {_ADVICE}") from error
    found_bytes = os.fstat(descriptor).st_size
    if size_bytes is not None and found_bytes != size_bytes:
        os.close(descriptor)
        changed = f"was changed after the bundle was written: has {found_bytes} bytes, not {size_bytes}"
        raise IntegrityError(f"{path} {changed}: {_ADVICE}")
    return descriptor


def _no_check(name: str) -> None:
    pass


def _close_all(descriptors: dict[str, int]) -> None:
    while descriptors:
        _, descriptor = descriptors.popitem()
        with contextlib.suppress(OSError):
            os.close(descriptor)

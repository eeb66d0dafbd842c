"""Use a place wherever it is: paths of this machine as they are, addresses through their mirror."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from compsel.errors import LocationError
from compsel.progress import Reporter
from compsel.storage.locations.address import address_of, as_local, driver_of, location_errors

if TYPE_CHECKING:
    from compsel.storage.locations.mirror import Mirror

__all__ = [
    "FilesThere",
    "address_behind",
    "fetch",
    "in_addresses",
    "kept_in_step",
    "mirror_of",
    "note",
    "written",
    "written_file",
]

_EVERY_S = 30.0
_FILES = (".onnx", ".html", ".json", ".toml")
# of the mirrors that this process uses, by path
_mirrored: dict[str, str] = {}
# the threads that write them
_writers: dict[Path, int] = {}


def address_behind(path: str | os.PathLike[str]) -> str:
    """Return the address that a path here is the mirror of; "" where it is of none.

    >>> address_behind("bundle")
    ''
    """
    return _mirrored.get(os.fspath(path), "")


def note(path: Path, address: str) -> None:
    """Note which address a path of a mirror has, for messages."""
    _mirrored[str(path)] = address


def mirror_of(address: str) -> Path | None:
    """Return the path of an address's mirror that this process uses; None: it uses none."""
    return next((Path(path) for path, known in _mirrored.items() if known == address), None)


def in_addresses(text: str) -> str:
    """Return a text with addresses in the place of the paths of their mirrors: those are what a user has named.

    >>> in_addresses("bundle: is not a bundle")
    'bundle: is not a bundle'
    """
    for path in sorted(_mirrored, key=len, reverse=True):  # of one, others may be the beginning
        text = text.replace(path, _mirrored[path])
    return text


def fetch(place: str | os.PathLike[str], reporter: Reporter | None = None) -> Path:
    """Return where a file or folder can be read here; what lies elsewhere is fetched, as far as it has changed.

    It stays there while this process runs.

    Args:
        place: its path, or address.
        reporter: hears it where another process is waited for.

    Raises:
        LocationError: it cannot be read, or there is nothing.
        UsageError: no such kind of address.
        MissingDependencyError: its driver is not installed.

    >>> fetch("profile").as_posix()
    'profile'
    """
    address = address_of(place)
    if not address:
        return as_local(place)
    from compsel.storage.locations.holding import alone_in
    from compsel.storage.locations.mirror import Mirror

    mirror = Mirror(address, reads_only=True)
    with alone_in(mirror, "read", reporter):
        mirror.fetch()
    if mirror.is_empty:
        raise LocationError(f"cannot read {address}: there is no such file or folder: check the address")
    _mirrored[str(mirror.path)] = mirror.address
    return mirror.path


class FilesThere:
    """Some files of a folder elsewhere, fetched without the others.

    Args:
        address: of the folder.
        named: what errors name instead.

    Attributes:
        folder: here.

    Raises:
        UsageError: no such kind of address.
        MissingDependencyError: its driver is not installed.

    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe_file("/doctest/some/a.txt", b"one")
    >>> some = FilesThere("memory://doctest/some")
    >>> some.look(["a.txt", "b.txt"])
    {'a.txt': 3}
    >>> some.fetch(["a.txt"])
    >>> (some.folder / "a.txt").read_text()
    'one'
    """

    def __init__(self, address: str, named: str = "") -> None:
        from compsel.storage.locations.mirror import Mirror

        self._mirror = Mirror(address, reads_only=True, named=named)
        self.folder = self._mirror.folder

    def look(self, names: Iterable[str], *, pass_over: bool = False) -> dict[str, int]:
        """Return which of some files are there, and their sizes in bytes, 0 where nobody knows.

        Args:
            names: paths below the folder.
            pass_over: what may not be read is not there, as S3 says of both where one may not list.

        Raises:
            LocationError: it cannot be read.
        """
        return self._mirror.look(names, pass_over=pass_over)

    def fetch(self, names: Collection[str], reporter: Reporter | None = None) -> None:
        """Fetch those that `look` has found, and remove the others of them here.

        Args:
            names: paths below the folder.
            reporter: hears it where another process is waited for.

        Raises:
            LocationError: it cannot be read, or there is no room for it here.
        """
        from compsel.storage.locations.holding import alone_in

        with alone_in(self._mirror, "read", reporter):
            self._mirror.fetch_files(names)
        _mirrored[str(self.folder)] = self._mirror.address


@contextlib.contextmanager
def kept_in_step(place: str | os.PathLike[str], reporter: Reporter | None = None) -> Iterator[Path]:
    """Give a folder here to work in; what changes is put there every half a minute, and when the block ends.

    Also where it ends with an error: what was measured until then is kept. What cannot be put is kept here, and put by
    the next run. Meanwhile no other process of this machine writes it: who wants to waits.

    Args:
        place: its path, or address.
        reporter: hears it where another process is waited for.

    Raises:
        LocationError: it cannot be read or written, or another process wrote it for too long.
        UsageError: no such kind of address.
        MissingDependencyError: its driver is not installed.
    """
    address = address_of(place)
    if not address:
        yield as_local(place)
        return
    from compsel.storage.locations.holding import alone_in
    from compsel.storage.locations.mirror import Mirror

    mirror = Mirror(address)
    if _writers.get(mirror.folder) == threading.get_ident():
        yield mirror.path  # a block around this one puts it there
        return
    with alone_in(mirror, "write", reporter):
        _writers[mirror.folder] = threading.get_ident()
        try:
            mirror.fetch()
            _mirrored[str(mirror.path)] = mirror.address
            yield from _put_meanwhile(mirror)
        finally:
            del _writers[mirror.folder]


def _put_meanwhile(mirror: "Mirror") -> Iterator[Path]:
    ended = threading.Event()

    def put_now_and_then() -> None:
        while not ended.wait(_EVERY_S):
            with contextlib.suppress(LocationError):  # the next time, or the last one, which tells
                mirror.push(removes=False)

    thread = threading.Thread(target=put_now_and_then, name="compsel-location", daemon=True)
    thread.start()
    try:
        yield mirror.path
    except BaseException as error:
        _end(thread, ended)
        try:
            mirror.push(removes=False)
        except LocationError as second:
            error.add_note(str(second))
        raise
    _end(thread, ended)
    mirror.push()


@contextlib.contextmanager
def written_file(place: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path here for a file; where the block ends well, it is put where it belongs, and what lies beside it too.

    A model leaves its tokenizer, or its weights, there.

    Raises:
        LocationError: it cannot be written.
        UsageError: no such kind of address.
        MissingDependencyError: its driver is not installed.
    """
    address = address_of(place)
    if not address:
        yield as_local(place)
        return
    from compsel.storage.locations.putting import put_whole

    files, there = driver_of(address)
    with location_errors(address, "write the file"):
        files.exists(there)  # a server that is gone is told before the work
    with tempfile.TemporaryDirectory(prefix="compsel-location-") as folder:
        path = Path(folder) / PurePosixPath(there).name
        _mirrored[str(path)] = address
        yield path
        beside = [one for one in sorted(Path(folder).iterdir()) if one != path]
        with location_errors(address, "write the file"):
            for one in (*beside, path):
                put_whole(files, one, str(PurePosixPath(there).with_name(one.name)))


def written(place: str | os.PathLike[str], reporter: Reporter | None = None) -> contextlib.AbstractContextManager[Path]:
    """Give a path here for what is written: a file where the name has the ending of one, else a folder.

    Args:
        place: its path, or address.
        reporter: hears it where another process is waited for.

    Raises:
        LocationError, UsageError, MissingDependencyError: see `kept_in_step`.
    """
    is_file = PurePosixPath(os.fspath(place)).suffix in _FILES
    return written_file(place) if is_file else kept_in_step(place, reporter)


def _end(thread: threading.Thread, ended: threading.Event) -> None:
    ended.set()
    thread.join()

"""Use a place wherever it is: paths of this machine as they are, addresses through their mirror."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from compsel.errors import LocationError
from compsel.storage.locations.address import address_of, as_local, driver_of, location_errors

__all__ = ["address_behind", "fetch", "in_addresses", "kept_in_step", "mirror_of", "written", "written_file"]

_EVERY_S = 30.0
_FILES = (".onnx", ".html", ".json", ".toml")
# of the mirrors that this process uses, by path
_mirrored: dict[str, str] = {}


def address_behind(path: str | os.PathLike[str]) -> str:
    """Return the address that a path here is the mirror of; "" where it is of none.

    >>> address_behind("bundle")
    ''
    """
    return _mirrored.get(os.fspath(path), "")


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


def fetch(place: str | os.PathLike[str]) -> Path:
    """Return where a file or folder can be read here; what lies elsewhere is fetched, as far as it has changed.

    For an app that keeps its bundle there: `compsel.load(compsel.fetch("s3://bucket/bundle"))`.

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
    from compsel.storage.locations.mirror import Mirror

    mirror = Mirror(address, reads_only=True)
    mirror.fetch()
    if mirror.is_empty:
        raise LocationError(f"cannot read {address}: there is no such file or folder: check the address")
    _mirrored[str(mirror.path)] = mirror.address
    return mirror.path


@contextlib.contextmanager
def kept_in_step(place: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a folder here to work in; what changes is put there every half a minute, and when the block ends.

    Also where it ends with an error: what was measured until then is kept. What cannot be put is kept here, and put by
    the next run.

    Raises:
        LocationError: it cannot be read or written.
        UsageError: no such kind of address.
        MissingDependencyError: its driver is not installed.
    """
    address = address_of(place)
    if not address:
        yield as_local(place)
        return
    from compsel.storage.locations.mirror import Mirror

    mirror = Mirror(address)
    mirror.fetch()
    _mirrored[str(mirror.path)] = mirror.address
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


def written(place: str | os.PathLike[str]) -> contextlib.AbstractContextManager[Path]:
    """Give a path here for what is written: a file where the name has the ending of one, else a folder.

    Raises:
        LocationError, UsageError, MissingDependencyError: see `kept_in_step`.
    """
    is_file = PurePosixPath(os.fspath(place)).suffix in _FILES
    return written_file(place) if is_file else kept_in_step(place)


def _end(thread: threading.Thread, ended: threading.Event) -> None:
    ended.set()
    thread.join()

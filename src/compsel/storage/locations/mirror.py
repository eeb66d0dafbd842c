"""A folder here that mirrors one elsewhere: fetched as far as it has changed, and put back as far as it was changed.

Whatever works with files works on it. An object store shows an upload when all of it has arrived; elsewhere a file is
put under another name, then renamed. What names other files (`profile.json`, `manifest.json`) goes last.
"""

import contextlib
import functools
import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from compsel.errors import LocationError
from compsel.storage.files import storage_errors
from compsel.storage.locations.address import driver_of, location_errors, server_of
from compsel.storage.locations.eviction import READ, index_of, make_room
from compsel.storage.locations.index import ON_ITS_WAY, Copy, files_in, is_as_noted, read_index, write_index
from compsel.storage.locations.putting import put_all
from compsel.storage.locations.settings import cache_folder

__all__ = ["Mirror"]

_LAST = ("manifest.json", "profile.json", "current.json")
_MOST_FILES = 1_000_000
# files put together, and how many are asked for one by one rather than by listing all that are there
_TOGETHER, _FEW = 64, 8
# questions that are asked at the same time
_AT_ONCE = 8


def _rank(name: str) -> int:
    """Return when a file is put: what names others after them."""
    last = PurePosixPath(name).name
    return 1 + _LAST.index(last) if last in _LAST else 0


class Mirror:
    """The mirror of an address.

    Args:
        address: of a folder, or of a file.
        cache: where mirrors lie; None: `cache_folder()`.
        reads_only: nothing is put there. Such a mirror is a folder of its own: who reads finds what is there, and takes
            nothing away from who writes at the same time.
        named: what errors name instead of the address.

    Attributes:
        path: of the folder, or of the file, here.

    Raises:
        UsageError: no such kind of address.
        MissingDependencyError: its driver is not installed.

    >>> import tempfile
    >>> mirror = Mirror("memory://doctest/table", Path(tempfile.mkdtemp()))
    >>> _ = mirror.fetch()
    >>> _ = (mirror.path / "a.txt").write_text("one")
    >>> mirror.push()
    1
    >>> other = Mirror("memory://doctest/table", Path(tempfile.mkdtemp()))
    >>> other.fetch()
    1
    >>> (other.path / "a.txt").read_text()
    'one'
    """

    def __init__(self, address: str, cache: Path | None = None, *, reads_only: bool = False, named: str = "") -> None:
        self.address = address.rstrip("/")
        self._files, self._root = driver_of(self.address)
        name = hashlib.sha256(f"{self.address} {server_of(self._files)}".encode()).hexdigest()[:24]
        if self.address.startswith("memory:"):  # each process has its own
            name = f"{name}-{os.getpid()}"
        self._named = named or self.address
        self._reads_only = reads_only
        self._folder = (cache or cache_folder()) / (f"{name}{READ}" if reads_only else name)
        self._index = index_of(self._folder)
        self._is_file = False
        self._copies: dict[str, Copy] = {}
        self._looked: dict[str, dict[str, Any]] = {}

    @property
    def path(self) -> Path:
        """Where it is here."""
        return self._folder / PurePosixPath(self._root).name if self._is_file else self._folder

    @property
    def folder(self) -> Path:
        """What holds all of it here."""
        return self._folder

    @property
    def is_empty(self) -> bool:
        """Whether nothing is there."""
        return not self._copies

    def fetch(self) -> int:
        """Fetch what has changed there, and forget what is gone there; return how many files were fetched.

        A folder that is not there is empty. What an earlier run could not put any more is kept, unless somebody else
        has changed the same file there since, or emptied the folder, which begins anew.

        Raises:
            LocationError: it cannot be read, or there is no room for it here.
        """
        with location_errors(self.address, "read"):
            there = self._listed()
            self._begin()
            emptied = not there and any(copy.version != ON_ITS_WAY for copy in self._copies.values())
            for name, path in files_in(self._folder).items():
                if name not in there and (self._reads_only or emptied or self._is_noted(name)):
                    path.unlink()
            self._copies = {name: copy for name, copy in self._copies.items() if name in there}
            return self._bring(there)

    def look(self, names: Iterable[str], *, pass_over: bool = False) -> dict[str, int]:
        """Return which of some files are there, and their sizes in bytes: 0 where nobody knows.

        Args:
            names: paths below the folder.
            pass_over: what may not be read is not there.

        Raises:
            LocationError: it cannot be read.
        """
        with location_errors(self._named, "read"), ThreadPoolExecutor(_AT_ONCE) as threads:
            self._files.invalidate_cache()
            asked = [*names]
            look = functools.partial(self._info, pass_over=pass_over)
            for name, info in zip(asked, threads.map(look, asked), strict=True):
                if info is not None:
                    self._looked[name] = info
        return {name: self._looked[name].get("size") or 0 for name in asked if name in self._looked}

    def fetch_files(self, names: Collection[str]) -> int:
        """Fetch those of some files that `look` has found, and forget the others of them; return how many were fetched.

        What else was fetched before is left alone.

        Raises:
            LocationError: see `fetch`.
        """
        with location_errors(self._named, "read"):
            self._begin()
            for name in names:
                if name not in self._looked:
                    self._copies.pop(name, None)
                    (self._folder / name).unlink(missing_ok=True)
            return self._bring({name: self._looked[name] for name in names if name in self._looked})

    def _info(self, name: str, *, pass_over: bool) -> dict[str, Any] | None:
        denied = (PermissionError,) if pass_over else ()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, *denied):
            info: dict[str, Any] = self._files.info(self._there(name))
            return info if info.get("type") != "directory" else None
        return None

    def _begin(self) -> None:
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        self._copies = read_index(self._index)

    def _bring(self, there: dict[str, dict[str, Any]]) -> int:
        """Fetch what has changed of some files, and note it."""
        wanted = [name for name, info in there.items() if self._is_wanted(name, self._version(info))]
        needed = sum(there[name].get("size") or 0 for name in wanted)
        if wanted or not self._reads_only:  # what is written grows
            make_room(self._folder.parent, needed, self._folder)
        self._check_room(needed)
        self._fetch(wanted)
        for name in wanted:
            self._note(name, self._version(there[name]), (self._folder / name).stat())
        self._write_index()
        return len(wanted)

    def push(self, *, removes: bool = True) -> int:
        """Put what has changed here; return how many files were put.

        Args:
            removes: also remove there what was removed here.

        Raises:
            LocationError: it cannot be written: files that were there before are as they were, or whole and new.
        """
        if not self._folder.exists():  # another one takes its place just now
            return 0
        with location_errors(self.address, "write"):
            here = files_in(self._folder)
            # before they are put: what changes meanwhile is put the next time
            changed = {name: path.stat() for name, path in here.items() if not self._is_noted(name)}
            try:
                for rank in range(len(_LAST) + 1):
                    self._put({name: seen for name, seen in changed.items() if _rank(name) == rank})
                for name in [name for name in self._copies if removes and name not in here]:
                    self._files.rm_file(self._there(name))
                    del self._copies[name]
            finally:
                self._write_index()
        return len(changed)

    def _put(self, changed: dict[str, os.stat_result]) -> None:
        names = sorted(changed)
        for begin in range(0, len(names), _TOGETHER):
            group = names[begin : begin + _TOGETHER]
            self._copies |= {name: Copy(ON_ITS_WAY, -1, -1) for name in group}
            self._write_index()
            put_all(self._files, [(self._folder / name, self._there(name)) for name in group])
        there = self._listed() if len(names) > _FEW else {name: self._files.info(self._there(name)) for name in names}
        for name in names:
            self._note(name, self._version(there[name]), changed[name])

    def _listed(self) -> dict[str, dict[str, Any]]:
        """Return what is known of all files there, by path below the folder."""
        self._files.invalidate_cache()
        root = self._root.rstrip("/")
        found = self._files.find(self._root, detail=True)
        # consoles make an empty object "folder/" where one asks them for a folder
        found = {path: info for path, info in found.items() if not _is_folder_mark(path, info, root)}
        if len(found) > _MOST_FILES:
            raise LocationError(
                f"{self.address}: has {len(found)} files, allowed are {_MOST_FILES}: name a folder in it"
            )
        self._is_file = [*found] == [root]
        if self._is_file:
            return {PurePosixPath(root).name: found[root]}
        names = {path.removeprefix(f"{root}/"): info for path, info in found.items()}
        for name in names:
            if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in name.split("/")):
                raise LocationError(f"{self.address}: holds {name!r}, which is no path below it: do not trust it")
        return names

    def _check_room(self, size: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if size > free:
            raise LocationError(
                f"{self.address}: takes {size / 1e9:.1f} GB here, {free / 1e9:.1f} GB are free in "
                f"{self._folder.parent}: free some, set XDG_CACHE_HOME to a larger disk, or name a folder in it"
            )

    def _fetch(self, names: list[str]) -> None:
        """Fetch files together, each under a temporary name first."""
        pairs = [(self._there(name), self._folder / name) for name in names]
        for _, path in pairs:
            path.parent.mkdir(parents=True, exist_ok=True)
        word = secrets.token_hex(4)  # others may fetch the same
        temporary = [path.with_name(f".{path.name[:80]}.{word}.tmp") for _, path in pairs]
        try:
            self._files.get([there for there, _ in pairs], [str(path) for path in temporary])
            for (_, path), fetched in zip(pairs, temporary, strict=True):
                fetched.replace(path)
        finally:
            for fetched in temporary:
                fetched.unlink(missing_ok=True)

    def _there(self, name: str) -> str:
        return self._root if self._is_file else f"{self._root.rstrip('/')}/{name}"

    def _is_wanted(self, name: str, version: str) -> bool:
        """Whether a file is to be fetched: it has changed there, or is not here as it was."""
        copy = self._copies.get(name)
        if copy is None or not (self._folder / name).is_file():
            return True
        if not self._reads_only and copy.version in (version, ON_ITS_WAY):
            return False  # only here it has changed
        return copy.version != version or not self._is_noted(name)

    def _is_noted(self, name: str) -> bool:
        """Whether a file here is as it was fetched or put."""
        return is_as_noted(self._folder / name, self._copies.get(name))

    def _note(self, name: str, version: str, seen: os.stat_result) -> None:
        self._copies[name] = Copy(version, seen.st_size, seen.st_mtime_ns)

    @staticmethod
    def _version(info: dict[str, Any]) -> str:
        """Return what changes when a file does: its tag where there is one, else size and times."""
        tag = info.get("ETag") or info.get("etag") or info.get("md5Hash")
        times = [str(info[name]) for name in ("mtime", "LastModified", "updated", "created") if name in info]
        return str(tag) if tag else f"{info.get('size')} {' '.join(times)}"

    def _write_index(self) -> None:
        write_index(self._index, self.address, self._copies)


def _is_folder_mark(path: str, info: dict[str, Any], root: str) -> bool:
    return not info.get("size") and (path.endswith("/") or (path == root and str(info.get("Key", "")).endswith("/")))

"""Releases of a fleet: which bundle is current, which were before, since when and why.

releases/<number>/bundle/           as it was released
releases/<number>/comparison.json   what it was compared with, and for which kinds of devices it is better
releases/current.json               the current one, and the history; replaced in one step
"""

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from compsel.bundle.bundle import Bundle
from compsel.bundle.digest import bundle_digest
from compsel.errors import BundleError, ProfileError, UsageError
from compsel.fleet.compare import FleetComparison, compare_bundles
from compsel.fleet.layout import FleetFolder
from compsel.progress import SILENT, Reporter
from compsel.storage.files import atomic_directory, check_writable, copy_folder, without_nan, write_json
from compsel.storage.strict_json import read_json

__all__ = ["Release", "Releases", "release", "roll_back"]

_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Release:
    """An entry of the history: a release became the current one.

    Attributes:
        number: of the release.
        bundle: its hash.
        since: when, in UTC (ISO 8601).
        why: in words.

    >>> Release(1, 64 * "a", "2026-11-29T00:00:00+00:00", "the first release").number
    1
    """

    number: int
    bundle: str
    since: str
    why: str


@dataclass(frozen=True)
class Releases:
    """What was released.

    Attributes:
        folder: of the releases.
        history: the oldest first; the last one is current.

    >>> Releases(Path("nowhere"), ()).current is None
    True
    """

    folder: Path
    history: tuple[Release, ...]

    @classmethod
    def read(cls, fleet: FleetFolder) -> "Releases":
        """Read what was released so far.

        Raises:
            ProfileError: a damaged file.
        """
        path = fleet.releases / "current.json"
        if not path.exists():
            return cls(fleet.releases, ())
        try:
            content = read_json(path)
            if content["format_version"] != _FORMAT_VERSION:
                raise ValueError(f"format_version: got {content['format_version']!r}, allowed is {_FORMAT_VERSION}")
            return cls(fleet.releases, tuple(Release(**entry) for entry in content["history"]))
        except (ValueError, LookupError, TypeError) as error:
            raise ProfileError(f"{path}: is damaged ({error!r}): put back a copy of it") from error

    @property
    def current(self) -> Release | None:
        """The current release; None: there is none."""
        return self.history[-1] if self.history else None

    @property
    def before(self) -> int | None:
        """The release that was current before the current one was released; None: there was none.

        What was rolled back from is not gone back to.

        >>> entries = [Release(number, 64 * "a", "", "") for number in (1, 2, 1, 3)]
        >>> Releases(Path("nowhere"), tuple(entries)).before
        1
        """
        line: list[int] = []
        for entry in self.history:
            line = line[: line.index(entry.number)] if entry.number in line else line
            line.append(entry.number)
        return line[-2] if len(line) > 1 else None

    def bundle_of(self, number: int) -> Path:
        """Return the folder of the bundle of a release."""
        return self.folder / str(number) / "bundle"

    def next_number(self) -> int:
        """Return a number that no release has, whether it became current or not."""
        there = self.folder.iterdir() if self.folder.is_dir() else ()
        return 1 + max((int(path.name) for path in there if path.name.isdecimal()), default=0)

    def switched(self, number: int, bundle: str, why: str) -> "Releases":
        """Make a release the current one, in one step; return what is then.

        Raises:
            StorageError: it cannot be written: then nothing has changed.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        history = (*self.history, Release(number, bundle, now, why))
        entries = [asdict(entry) for entry in history]
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"format_version": _FORMAT_VERSION, "current": number, "history": entries}
        write_json(self.folder / "current.json", content)
        return Releases(self.folder, history)


def release(
    fleet: FleetFolder,
    new: str | os.PathLike[str],
    *,
    since: datetime | None = None,
    memory_limit_mb: float = 2000.0,
    reporter: Reporter = SILENT,
) -> tuple[Releases, FleetComparison | None]:
    """Release a bundle where it beats the current one on held-out records; the first one is released as it is.

    Args:
        fleet: where the records and releases are.
        new: folder of the bundle.
        since, memory_limit_mb, reporter: see `compare_bundles`.

    Returns:
        What is released now, and the comparison; None: there was nothing to compare with.

    Raises:
        BundleError: it does not beat the current one, or is that one.
        ProfileError: no held-out records to compare on.
        StorageError: it cannot be written: then the current one stays.
    """
    releases = Releases.read(fleet)
    bundle = Bundle.load(new)
    digest, current, found = bundle_digest(bundle.files), releases.current, None
    check_writable(releases.folder)
    if current is not None:
        if current.bundle == digest:
            raise BundleError(f"{bundle.folder}: is release {current.number}, the current one")
        old = releases.bundle_of(current.number)
        found = compare_bundles(fleet, old, new, since=since, memory_limit_mb=memory_limit_mb, reporter=reporter)
        if not found.beats:
            raise BundleError(
                f"{bundle.folder}: is not released: it does not beat release {current.number} on held-out records "
                f"({found.words}): retrain with more records; the current one stays"
            )
    number = releases.next_number()
    with atomic_directory(releases.folder / str(number)) as temporary:
        copy_folder(bundle.folder, temporary / "bundle")
        comparison: dict[str, Any] = {"first": True} if found is None else found.to_dict()
        write_json(temporary / "comparison.json", without_nan(comparison))
    why = "the first release" if found is None else found.words
    return releases.switched(number, digest, why), found


def roll_back(fleet: FleetFolder, number: int | None = None) -> Releases:
    """Make an earlier release the current one; None: the one before.

    Raises:
        UsageError: there is no such release, or none before.
        BundleError, IntegrityError: its bundle is damaged: then the current one stays.
    """
    releases = Releases.read(fleet)
    current = releases.current
    known = {entry.number: entry for entry in releases.history}
    if current is None:
        raise UsageError(f"{fleet.root}: nothing was released yet, so nothing can be rolled back")
    if number is None:
        number = releases.before
    if number is None:
        raise UsageError(
            f"{fleet.root}: release {current.number} is the first one: there is none before it to go back to"
        )
    if number not in known or number == current.number:
        others = ", ".join(map(str, sorted(known.keys() - {current.number})))
        allowed = f"allowed are {others}" if others else "there is no other one"
        already = ", the current one already" if number == current.number else ""
        raise UsageError(f"to: got release {number}{already}: {allowed}")
    digest = bundle_digest(Bundle.load(releases.bundle_of(number)).files)
    if digest != known[number].bundle:
        raise BundleError(f"{releases.bundle_of(number)}: is not the bundle that was released: get it again")
    return releases.switched(number, digest, f"rolled back from {current.number}")

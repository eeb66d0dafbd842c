"""The folder of a fleet: where its records, tables and releases lie.

records/<bundle>/<device_id>/<part>         parts that were taken in, as they came
put_aside/<name>, <name>.reason.json        uploads that are broken or meant to harm, with the reason
newer.jsonl                                 which of these a newer compsel wrote: they are looked at again
merged/<bundle>/bucket-<xx>.parquet         a row a stage, without duplicates, with outcomes
merged/<bundle>/devices.parquet             a row a device
releases/<number>/                          bundles that were released, and why
ledgers/<location>/<number>.jsonl           uploads that were looked at
incoming/                                   what is being written
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from compsel.errors import ProfileError, UsageError

__all__ = ["FleetFolder", "is_hash"]

_FOLDERS = {"records", "outcomes", "put_aside", "ledgers", "merged", "releases"}
_HASH = re.compile("[0-9a-f]{8,64}")


def is_hash(text: str) -> bool:
    """Whether a text may be the name of a folder of a bundle, or of a kind of device."""
    return _HASH.fullmatch(text) is not None


@dataclass(frozen=True)
class FleetFolder:
    """Where things lie in the folder of a fleet.

    Attributes:
        root: of the fleet.

    >>> FleetFolder(Path("fleet")).merged_of("0123456789abcdef").as_posix()
    'fleet/merged/0123456789abcdef'
    """

    root: Path

    @classmethod
    def opened(cls, root: Path, *, begins: bool = False) -> Self:
        """Return the folder of a fleet.

        Args:
            root: its path.
            begins: whether there need not be one yet.

        Raises:
            UsageError: it is another folder, such as that of a bundle, or there is none.
        """
        if not root.exists() and not begins:
            raise UsageError(
                f"fleet: there is no folder {root}: compsel fleet ingest makes it; --fleet names another one"
            )
        held = sorted(path.name for path in root.iterdir()) if root.is_dir() else [root.name] if root.exists() else []
        visible = [name for name in held if not name.startswith(".")]
        if visible and not set(visible) & _FOLDERS:
            raise UsageError(
                f"fleet: {root} holds {visible[0]!r}, and nothing of a fleet: name the folder of one, a new one, or an "
                "empty one"
            )
        return cls(root)

    @property
    def records(self) -> Path:
        """Of parts that were taken in."""
        return self.root / "records"

    @property
    def outcomes(self) -> Path:
        """Of outcomes that were taken in."""
        return self.root / "outcomes"

    @property
    def put_aside(self) -> Path:
        """Of uploads that were not."""
        return self.root / "put_aside"

    @property
    def newer(self) -> Path:
        """List of those among them that a newer compsel wrote."""
        return self.root / "newer.jsonl"

    @property
    def incoming(self) -> Path:
        """What temporary files are written beside: looking through a folder of all parts for each would take long."""
        return self.root / "incoming" / "part"

    @property
    def merged(self) -> Path:
        """Of the tables that training reads."""
        return self.root / "merged"

    @property
    def releases(self) -> Path:
        """Of released bundles."""
        return self.root / "releases"

    def records_of(self, bundle: str, device: str = "") -> Path:
        """Return where the parts of a bundle, or of a kind of device with it, lie.

        Raises:
            UsageError: no hash: a name that a stranger wrote is never a path.
        """
        folder = self.records / _checked("bundle", bundle)
        return folder / _checked("device", device) if device else folder

    def merged_of(self, bundle: str) -> Path:
        """Return where the tables of a bundle lie; see `records_of`."""
        return self.merged / _checked("bundle", bundle)

    def merged_bundles(self) -> tuple[str, ...]:
        """Return the bundles of which tables were merged, sorted."""
        return _hashes_in(self.merged)

    def check_merged(self, what: str, bundles: Sequence[str]) -> None:
        """Raise ProfileError where there are no merged records of any of some bundles.

        Args:
            what: the bundles in words.
            bundles: their hashes.
        """
        known = self.merged_bundles()
        if set(known) & set(bundles):
            return
        asked = ", ".join(one[:8] for one in dict.fromkeys(bundles))
        if not known:
            raise ProfileError(f"{what} ({asked}): {self.root} has no merged records: run compsel fleet merge")
        raise ProfileError(
            f"{what} ({asked}): {self.root} has no merged records of it, but of {', '.join(one[:8] for one in known)}: "
            "name the bundle that the devices ran, or merge its records"
        )

    def recorded_bundles(self) -> tuple[str, ...]:
        """Return the bundles of which records were taken in, sorted."""
        return _hashes_in(self.records)


def _hashes_in(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if is_hash(path.name)))


def _checked(what: str, text: str) -> str:
    if not is_hash(text):
        raise UsageError(f"{what}: got {text[:80]!r}, allowed is its hash: 8 to 64 hexadecimal digits")
    return text

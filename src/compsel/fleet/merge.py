"""Merge what was taken in into one table a bundle: bucket by bucket, those alone whose parts have changed."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from compsel.errors import ProfileError, UsageError
from compsel.fleet.bucket_merge import BucketMerge
from compsel.fleet.devices_table import write_devices
from compsel.fleet.layout import FleetFolder
from compsel.fleet.merged import DEVICES_NAME, MergedRecords, bucket_of, write_bucket
from compsel.fleet.notes import read_notes
from compsel.fleet.outcome_buckets import OutcomeBuckets
from compsel.fleet.stored_parts import StoredPart, look_of, stored_parts
from compsel.progress import SILENT, Reporter
from compsel.runtime.recording.part_format import PART_NAME
from compsel.storage.files import sha256_file, write_json

__all__ = ["Merged", "merge"]

_MANIFEST = "manifest.json"
# raised when rows would be merged in another way
_VERSION = 1
_COUNTS = ("duplicates", "dropped", "outcomes", "left_out")
_FEWEST_BUCKETS, _MOST_BUCKETS = 64, 1 << 16
# what a byte of usual parts takes in memory: more buckets alone come of it, for parts may unpack to far more
_UNPACKED = 60
_ROWS_SHARE = 0.2  # of the memory limit, of rows that are merged at a time: sorting takes some times as much


@dataclass
class Merged:
    """What came of a merge of one bundle.

    Attributes:
        bundle: its hash.
        parts: of answers that were taken in.
        buckets, changed: how many there are, and how many of them were merged anew.
        rows, answers: that the tables hold.
        devices, installations: that they are of.
        duplicates: rows that lay there more than once, and were left out.
        dropped: answers that the runtimes could not record.
        outcomes: that found their answer.
        left_out: parts of sessions with more rows than any runtime writes.

    >>> Merged("0123456789abcdef", rows=3).rows
    3
    """

    bundle: str
    parts: int = 0
    buckets: int = 0
    changed: int = 0
    rows: int = 0
    answers: int = 0
    devices: int = 0
    installations: int = 0
    duplicates: int = 0
    dropped: int = 0
    outcomes: int = 0
    left_out: int = 0


def merge(
    fleet: FleetFolder, *, bundles: Sequence[str] = (), memory_limit_mb: float = 2000.0, reporter: Reporter = SILENT
) -> list[Merged]:
    """Merge the records of a fleet; what has not changed since the last time is not merged again.

    The tables are the same byte for byte whatever the order in which parts came, and whether all of them are merged at
    once or bit by bit.

    Args:
        fleet: whose.
        bundles: hashes; empty: all of which there are records.
        memory_limit_mb: that merging may take: more records make more buckets, and of a bucket so many sessions are
            merged at a time; half a gigabyte where it is less, for that much one part may unpack to.
        reporter: of progress.

    Raises:
        ProfileError: no records; a part that is damaged.
        UsageError: a limit that is none.
        StorageError: the tables cannot be written.
    """
    if not memory_limit_mb > 0:
        raise UsageError(f"memory_limit_mb: got {memory_limit_mb!r}, allowed is a size above 0")
    wanted = list(bundles) or list(fleet.recorded_bundles())
    if not wanted:
        raise ProfileError(f"no records in {fleet.root}: run compsel fleet ingest")
    with reporter.phase("merging", len(wanted)):
        return [_Merge(fleet, bundle, memory_limit_mb * 1e6).run(reporter) for bundle in wanted]


@dataclass
class _Merge:
    """The merge of one bundle."""

    fleet: FleetFolder
    bundle: str
    limit_bytes: float

    def run(self, reporter: Reporter) -> Merged:
        folder = self.fleet.merged_of(self.bundle)
        parts = stored_parts(self.fleet.records_of(self.bundle))
        if not parts:
            raise ProfileError(f"{self.fleet.root}: has no records of the bundle {self.bundle}")
        buckets = _bucket_count(parts, self.limit_bytes)
        noted = _noted(folder, buckets)
        by_bucket = _by_bucket(parts, buckets)
        there = {key for key in noted["merged"] if int(key) in by_bucket and (folder / _name(int(key))).exists()}
        done = {key: entry for key, entry in noted["merged"].items() if key in there}
        note = {"version": _VERSION, "buckets": buckets, "merged": done}
        outcomes = stored_parts(self.fleet.outcomes)
        look = look_of(self.fleet.root, outcomes, outcomes)
        with tempfile.TemporaryDirectory(prefix="compsel-merge-") as work:
            heard = OutcomeBuckets(sorted(outcomes, key=lambda path: (path.name, str(path))), buckets, Path(work))
            changed, heard_nothing_new = {}, look and look == noted.get("outcomes")
            for bucket, paths in sorted(by_bucket.items()):
                entry = done.get(str(bucket), {})
                known = entry.get("heard") if heard_nothing_new else None
                origin = self._origin(entry, parts, paths, heard.digest(bucket) if known is None else known)
                if origin["from"] == entry.get("from"):
                    done[str(bucket)] = {**entry, **origin}
                else:
                    changed[bucket] = origin
            try:
                for bucket, origin in reporter.track(list(changed.items()), f"buckets of {self.bundle}"):
                    done[str(bucket)] = {**origin, **self._merged(bucket, by_bucket[bucket], heard)}
            finally:
                if changed and folder.is_dir():
                    write_json(folder / _MANIFEST, note)
        for path in folder.glob("bucket-*.parquet"):
            if int(path.stem.partition("-")[2], 16) not in by_bucket:
                path.unlink()
        same = not changed and done.keys() == noted["merged"].keys()
        # only of a whole merge: after one that ended before, outcomes and devices are looked at again
        whole = {**note, "outcomes": look, "totals": _totals(folder, done, noted.get("totals") if same else None)}
        if whole != noted:
            write_json(folder / _MANIFEST, whole)
        return _result(self.bundle, whole, len(parts), len(changed))

    def _origin(
        self, entry: dict[str, Any], parts: dict[Path, StoredPart], paths: Sequence[Path], heard: str
    ) -> dict[str, str]:
        """Return what a bucket is made from; parts that look as they did the last time are not read for it.

        Args:
            entry: what the manifest notes of the bucket.
            parts: how all of them look.
            paths: of its parts.
            heard: digest of its outcomes.
        """
        look = look_of(self.fleet.root, parts, paths)
        if look and (look, heard) == (entry.get("look"), entry.get("heard")):
            made_from = entry["from"]
        else:
            made_from = _digest([heard, [_entry(self.fleet, path) for path in sorted(paths)]])
        return {"look": look, "heard": heard, "from": made_from}

    def _merged(self, bucket: int, parts: Sequence[Path], outcomes: OutcomeBuckets) -> dict[str, Any]:
        """Merge a bucket, write it, and return what the manifest notes."""
        found = BucketMerge(parts, partial(outcomes.of, bucket), _ROWS_SHARE * self.limit_bytes)
        rows = write_bucket(self.fleet.merged_of(self.bundle) / _name(bucket), found.tables(), found.schema)
        return {"rows": rows, "devices": found.devices, **{name: getattr(found, name) for name in _COUNTS}}


def _noted(folder: Path, buckets: int) -> dict[str, Any]:
    """Return what an earlier merge into as many buckets noted; others are removed."""
    path = folder / _MANIFEST
    content = read_notes(path)
    if (content.get("version"), content.get("buckets")) == (_VERSION, buckets):
        return content
    # first: buckets that are written from here on are none of those that it notes
    path.unlink(missing_ok=True)
    for old in folder.glob("bucket-*.parquet"):
        old.unlink()
    return {"merged": {}}


def _by_bucket(parts: Iterable[Path], buckets: int) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = {}
    for path in parts:
        found.setdefault(bucket_of(_session(path), buckets), []).append(path)
    return found


def _bucket_count(parts: dict[Path, StoredPart], limit_bytes: float) -> int:
    buckets, size_bytes = _FEWEST_BUCKETS, sum(part.size_bytes for part in parts.values())
    while size_bytes * _UNPACKED / buckets > limit_bytes and buckets < _MOST_BUCKETS:
        buckets *= 2
    return buckets


def _totals(folder: Path, done: dict[str, Any], known: dict[str, int] | None) -> dict[str, int]:
    """Write the table of devices, where it is not known what it holds; return how many answers and devices."""
    if known is not None and (folder / DEVICES_NAME).exists():
        return known
    devices = {key: value for one in done.values() for key, value in one["devices"].items()}
    answers, installations = write_devices(folder, MergedRecords(folder), devices)
    return {"answers": answers, "devices": len(devices), "installations": installations}


def _result(bundle: str, note: dict[str, Any], parts: int, changed: int) -> Merged:
    done = note["merged"].values()
    # a version before left nothing out
    sums = {name: sum(one.get(name, 0) for one in done) for name in ("rows", *_COUNTS)}
    return Merged(bundle, parts, len(done), changed, **note["totals"], **sums)


def _session(part: Path) -> str:
    named = PART_NAME.fullmatch(part.name)
    assert named is not None
    return named[2]


def _name(bucket: int) -> str:
    return f"bucket-{bucket:02x}.parquet"


def _entry(fleet: FleetFolder, path: Path) -> list[Any]:
    return [path.relative_to(fleet.root).as_posix(), sha256_file(path)]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()

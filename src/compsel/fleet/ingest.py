"""Take in what devices uploaded: checked, whole, once; what is broken or meant to harm is put aside with the reason."""

import errno
import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compsel.errors import ProfileError, StorageError, UnreadableFileError, UsageError, require
from compsel.fleet.layout import FleetFolder
from compsel.fleet.ledger import Ledger
from compsel.fleet.notes import read_notes
from compsel.fleet.part_check import CheckedPart, PartChecker
from compsel.fleet.put_aside import REASON_SUFFIX, list_newer, newer_put_aside, put_aside, taken_back
from compsel.fleet.uploads import Upload, uploads_in
from compsel.progress import SILENT, Reporter
from compsel.storage.files import copy_file, sha256_file, storage_errors
from compsel.storage.regular_files import open_descriptor

__all__ = ["Ingested", "ingest"]

MOST_BYTES = 64_000_000
_TOGETHER = 32
_PIECE_BYTES = 1 << 20


@dataclass
class Ingested:
    """What came of an ingest.

    Attributes:
        files: that could be records.
        taken: parts that were taken in, those that had grown among them.
        known: that were there already.
        put_aside: by kind of reason, how many.
        reasons: by file, why it was put aside.
        left: by file, why it was left where it is.
        rows: of what was taken in.
        bundles, devices, senders: that they are of, with the number of parts.

    >>> Ingested(taken=2).taken
    2
    """

    files: int = 0
    taken: int = 0
    known: int = 0
    put_aside: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    bundles: Counter[str] = field(default_factory=Counter)
    devices: Counter[str] = field(default_factory=Counter)
    senders: Counter[str] = field(default_factory=Counter)


def ingest(
    location: Path,
    fleet: FleetFolder,
    *,
    bundles: Collection[str] = (),
    sender_limit_mb: float = 1000.0,
    reporter: Reporter = SILENT,
) -> Ingested:
    """Take in the uploads of a folder; run again, it goes on, and takes nothing twice.

    Args:
        location: of the uploads: parts, in folders as deep as 8; the uppermost is whose they are.
        fleet: where they go.
        bundles: hashes of those whose records are taken; empty: of any.
        sender_limit_mb: so much is taken of one of the uppermost folders at a time; more is left where it is.
        reporter: of progress.

    Raises:
        ProfileError: no such folder.
        UsageError: a limit that is none.
        StorageError: the fleet's folder cannot be written.
        MissingDependencyError: pyarrow is not installed.
    """
    if not sender_limit_mb > 0:
        raise UsageError(f"sender_limit_mb: got {sender_limit_mb!r}, allowed is a size above 0")
    if not location.is_dir():
        raise ProfileError(f"{location}: no such folder of uploads")
    require("pyarrow.parquet", "train")  # without it no upload can be read, and all would be put aside
    found = Ingested()
    ledger = Ledger(fleet, location)
    with tempfile.TemporaryDirectory(prefix="compsel-ingest-") as work, PartChecker() as checker:
        step = _Step(fleet, frozenset(bundles), Path(work), checker, ledger, found)
        _again(step)
        fresh = _fresh(location, ledger, sender_limit_mb * 1e6, found)
        uploads = list(fresh)
        for begin in reporter.track(range(0, len(uploads), _TOGETHER), "uploads"):
            try:
                step.take(uploads[begin : begin + _TOGETHER])
            finally:
                ledger.save()
    return found


def _fresh(location: Path, ledger: Ledger, limit_bytes: float, found: Ingested) -> Iterator[Upload]:
    """Give what was not looked at yet, of each sender as much as is allowed."""
    sent: Counter[str] = Counter()
    for upload in uploads_in(location):
        found.files += 1
        if upload.unread:
            found.left[upload.name] = upload.unread
            continue
        if ledger.knows(upload):
            found.known += 1
            continue
        # what is larger than any part is refused, not read
        size = upload.size_bytes if upload.size_bytes <= MOST_BYTES else 0
        if sent[upload.sender] + size > limit_bytes:
            found.left[upload.name] = f"{upload.sender or 'it'} sent more than {limit_bytes / 1e6:g} MB"
            continue
        sent[upload.sender] += size
        yield upload


def _again(step: "_Step") -> None:
    """Look once more at what an older compsel could not read: after an update, once."""
    import compsel

    fleet = step.fleet
    known = newer_put_aside(fleet)
    tried = [name for name, version in known.items() if version != compsel.__version__]
    try:
        for name in tried:
            path = fleet.put_aside / name
            reason = read_notes(path.with_name(f"{name}{REASON_SUFFIX}"))
            if not path.is_file() or not reason:  # it was taken in, or away
                del known[name]
                continue
            called = str(reason.get("file", ""))
            (checked,) = step.checker.check([(path, called.rpartition("/")[2])])
            if not checked.allowed:
                known[name] = compsel.__version__
            elif step.wants(checked):
                if step.store(path, Upload(path, called, 0, 0), checked):
                    taken_back(fleet, name)
                del known[name]
    finally:
        if tried:
            list_newer(fleet, known)


def _copy(upload: Path, copy: Path) -> None:
    """Copy piece by piece: what cannot be read is the upload's fault, what cannot be written the disk's."""
    with os.fdopen(open_descriptor(upload, MOST_BYTES, follow_links=False), "rb") as stream:
        with storage_errors(copy):
            copy.write_bytes(b"")
        left = MOST_BYTES  # a file may grow while it is read
        while piece := stream.read(min(_PIECE_BYTES, left)):
            left -= len(piece)
            with storage_errors(copy), copy.open("ab") as target:
                target.write(piece)


@dataclass(frozen=True)
class _Step:
    """Some uploads on their way in."""

    fleet: FleetFolder
    bundles: frozenset[str]
    work: Path
    checker: PartChecker
    ledger: Ledger
    found: Ingested

    def take(self, uploads: Sequence[Upload]) -> None:
        """Copy, check the copies, and put them where they belong."""
        staged: list[tuple[Path, Upload]] = []
        for number, upload in enumerate(uploads):
            copy = self.work / f"{number}.parquet"
            try:
                if upload.refused:
                    raise UnreadableFileError(errno.EINVAL, upload.refused)
                _copy(upload.path, copy)
            except UnreadableFileError as error:
                self._aside(upload, None, CheckedPart("", "hostile", error.strerror or str(error)))
            except StorageError:  # no room for the copy
                raise
            except OSError as error:  # of the disk, or the network: not the fault of what was sent
                self.found.left[upload.name] = f"cannot be read ({error.strerror})"
            else:
                staged.append((copy, upload))
        names = [(copy, upload.name.rpartition("/")[2]) for copy, upload in staged]
        for (copy, upload), checked in zip(staged, self.checker.check(names), strict=True):
            if checked.allowed and not self.wants(checked):
                self.found.left[upload.name] = f"of the bundle {checked.bundle[:40]}, which was not asked for"
            elif checked.allowed:
                self.store(copy, upload, checked)
            else:
                self._aside(upload, copy, checked)
            copy.unlink()

    def wants(self, checked: CheckedPart) -> bool:
        """Whether a part is of a bundle that was asked for, or tells outcomes, which are of any."""
        return not self.bundles or checked.part != "answers" or checked.bundle in self.bundles

    def store(self, copy: Path, upload: Upload, checked: CheckedPart) -> bool:
        """Put a part where it belongs: one that is there already, if it has grown since; return whether it is there."""
        name = upload.name.rpartition("/")[2]
        is_answers = checked.part == "answers"
        folder = self.fleet.records_of(checked.bundle, checked.device_id) if is_answers else self.fleet.outcomes
        target = folder / name
        if target.exists() and sha256_file(target) != checked.sha256:
            if self.checker.continues(copy, target):  # an older state of what is there
                return self._known(upload)
            if not self.checker.continues(target, copy):
                words = "contradicts the part of that name that was taken in before"
                self._aside(upload, copy, CheckedPart(checked.sha256, "hostile", words))
                return False
        elif target.exists():
            return self._known(upload)
        copy_file(copy, target, beside=self.fleet.incoming)
        self.ledger.add(upload)
        self.found.taken += 1
        self.found.rows += checked.rows
        self.found.senders[upload.sender] += 1
        if is_answers:
            self.found.bundles[checked.bundle] += 1
            self.found.devices[checked.device_id] += 1
        return True

    def _known(self, upload: Upload) -> bool:
        self.ledger.add(upload)
        self.found.known += 1
        return True

    def _aside(self, upload: Upload, copy: Path | None, checked: CheckedPart) -> None:
        reason = {"sha256": checked.sha256, "kind": checked.kind, "reason": checked.reason}
        put_aside(self.fleet, upload.name, copy, reason)
        self.ledger.add(upload)
        self.found.put_aside[checked.kind] += 1
        self.found.reasons[upload.name] = checked.reason

"""Records what ran, for whoever trains on it later: never an input or an output, and no answer waits for it."""

import atexit
import itertools
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

import compsel
from compsel.bundle.digest import bundle_digest
from compsel.bundle.verified_files import ListedFile
from compsel.device.fingerprint import device_fingerprint
from compsel.device.state import DeviceState
from compsel.errors import require
from compsel.features.evidence import Evidence
from compsel.runtime.answer import Stage
from compsel.runtime.planning.planner import PlacedPlan
from compsel.runtime.recording.arrow_blocks import AnswerRow, OutcomeRow
from compsel.runtime.recording.background_writer import BackgroundWriter, RecordingCounts
from compsel.runtime.recording.installation import installation_of
from compsel.runtime.recording.part_folder import PartFolder
from compsel.runtime.recording.part_format import PartHeader, PartKind, device_id, record_id, split_id
from compsel.runtime.recording.part_series import PartSeries
from compsel.runtime.recording.recording import Recording
from compsel.runtime.recording.sessions import Sessions

__all__ = ["Recorder"]

_CLOSE_S = 5.0
_GOLDEN = 0.6180339887498949  # its multiples are spread evenly


class Recorder:
    """Records the answers of a runtime into parts in a folder; `compsel.records` reads them.

    After a fork the child records in sessions of its own; what was not written yet is the parent's.

    Args:
        recording: where, and how much.
        coordinates: names of the numbers of the device's state that costs depend on.
        state: of the device.
        bundle: hash of the bundle's files.

    Raises:
        StorageError: a place that cannot be written.
        MissingDependencyError: pyarrow is not installed.

    >>> import tempfile
    >>> recorder = Recorder(Recording(tempfile.mkdtemp()), (), lambda: DeviceState(0, cores=2, load_others=0.0))
    >>> recorder.feedback("0123456789abcdef-7", 1.0)
    True
    >>> recorder.close(); [path.suffix for path in Path(recorder.folder).glob("[0-9]*")]
    ['.parquet']
    """

    def __init__(
        self, recording: Recording, coordinates: Sequence[str], state: Callable[[], DeviceState], bundle: str = ""
    ) -> None:
        require("pyarrow", "record")
        require("pyarrow.parquet", "record")
        self.folder = Path(recording.folder)
        self._recording, self._coordinates, self._state, self._bundle = recording, coordinates, state, bundle
        self._parts = PartFolder(self.folder, recording.limit_mb, recording.when_full == "drop-oldest")
        self._parts.prepare()
        self._device, self._installation = device_fingerprint(), installation_of(self.folder)
        self._begin()
        _RECORDERS.add(self)

    @classmethod
    def of(
        cls,
        record: str | os.PathLike[str] | Recording | None,
        coordinates: Sequence[str],
        state: Callable[[], DeviceState],
        files: Mapping[str, ListedFile] | None,
    ) -> Self | None:
        """Return a recorder for what an app gives `compsel.load` as `record`, and the files of the bundle."""
        if record is None:
            return None
        recording = record if isinstance(record, Recording) else Recording(record)
        return cls(recording, coordinates, state, bundle_digest(files))

    # many parameters: what is known of an answer on the hot path, without an object for it
    def put(
        self,
        stages: Sequence[Stage],
        planned: PlacedPlan,
        latency_ns: int | None,
        features: NDArray[np.float32] | None,
        evidence: Sequence[Evidence],
        abstained: bool,
    ) -> str:
        """Record an answer; see `AnswerRow`. Return its id; "" where it is not recorded."""
        number = next(self._numbers)
        share = self._recording.share
        if share < 1 and number * _GOLDEN % 1.0 >= share:
            return ""
        row = AnswerRow(number, time.time_ns(), latency_ns, stages, planned, features, evidence, abstained)
        return record_id(self._sessions.of(number), number) if self._writer.put(row) else ""

    def feedback(self, answer: str, right: float) -> bool:
        """Record an outcome of an answer by its id, also of another session; tell whether it was taken."""
        found = split_id(answer)
        return found is not None and self._writer.put_outcome(OutcomeRow(*found, time.time_ns(), right))

    @property
    def counts(self) -> RecordingCounts:
        """How it goes."""
        return self._writer.counts()

    def flush(self) -> None:
        """Write what was recorded; a disk that does not answer is waited for some seconds."""
        self._writer.flush(_CLOSE_S)

    def close(self) -> None:
        """Write what was recorded, and end; a disk that does not answer is waited for some seconds."""
        self._writer.end()
        self._writer.join(_CLOSE_S)

    def _begin(self) -> None:
        self._sessions, self._numbers = Sessions(), itertools.count(1)
        writer: BackgroundWriter
        answers, outcomes = (PartSeries(self._parts, self._header_of(kind, lambda: writer.dropped)) for kind in _KINDS)
        seconds, where, sessions = self._recording.seconds, str(self.folder), self._sessions
        writer = self._writer = BackgroundWriter(
            answers, outcomes, seconds, self._state, self._coordinates, where, sessions
        )
        # a recorder that is dropped without `close` leaves no thread
        weakref.finalize(self, writer.end).atexit = False

    def _header_of(self, kind: PartKind, dropped: Callable[[], int]) -> Callable[[str], PartHeader]:
        # nothing here may hold the recorder: the thread holds it
        device, bundle, share = self._device, self._bundle, float(self._recording.share)
        digest = device_id(device)
        version, installation = compsel.__version__, self._installation
        now, before, seen = "", 0, 0  # the session that is written, and what was dropped before it, and so far

        def header(session: str) -> PartHeader:
            nonlocal now, before, seen
            if session != now:
                now, before = session, seen
            seen = dropped()
            return PartHeader(kind, session, version, device, digest, bundle, share, seen - before, installation)

        return header


_KINDS: tuple[PartKind, PartKind] = ("answers", "outcomes")
_RECORDERS: "weakref.WeakSet[Recorder]" = weakref.WeakSet()


def _after_fork() -> None:
    for recorder in list(_RECORDERS):
        recorder._begin()


def _at_exit() -> None:
    for recorder in list(_RECORDERS):
        recorder.close()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""Writes down what ran, for whoever trains on it later: one JSON line a stage, never an input or an output.

It is fed in the background, with what the runtime learns from: an answer does not wait for it. Where the app answers
faster than a few hundred times between two looks of the background, some answers are not recorded.
"""

import json
import math
import os
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from compsel.device.fingerprint import device_fingerprint
from compsel.errors import StorageError
from compsel.progress.logger import LOGGER
from compsel.runtime.answer import Stage
from compsel.runtime.planning import PlacedPlan
from compsel.storage.files import storage_errors

__all__ = ["FORMAT_VERSION", "Recorder"]

FORMAT_VERSION = 1
_MOST_BYTES = 100_000_000


class Recorder:
    """Writes the stages of answers into a file of its own in a folder; `compsel.records` reads the folder.

    Args:
        folder: where the file goes.
        coordinates: names of the numbers of the device's state that costs depend on.

    Raises:
        StorageError: a place that cannot be written.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> Recorder(folder, ("load_others",)).close()
    >>> [path.suffix for path in Path(folder).iterdir()]
    ['.jsonl']
    """

    def __init__(self, folder: str | os.PathLike[str], coordinates: Sequence[str]) -> None:
        self._folder = Path(folder)
        self._coordinates = tuple(coordinates)
        self._answers = self._bytes = 0
        self._stream: IO[str] | None = None
        self._open()

    def add(self, stages: Sequence[Stage], planned: PlacedPlan) -> None:
        """Write down the stages of an answer; where that fails, nothing more is recorded, and answers go on."""
        if self._stream is None:
            return
        if self._process != os.getpid():  # the file is that of the process before the fork
            try:
                self._open()
            except StorageError as error:
                LOGGER.warning("recording into %s ends: %s", self._folder, error)
                self._stream = None
                return
        self._answers += 1
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        numbers = zip(self._coordinates, planned.costs.where, strict=False)
        state = {name: None if math.isnan(log) else round(math.expm1(log), 4) for name, log in numbers}
        for number, stage in enumerate(stages):
            row = {
                "time": now,
                "answer": self._answers,
                "stage": number,
                **stage._asdict(),
                "size": planned.costs.size,
                **state,
            }
            self._write(row)
        if self._stream is not None:
            self._stream.flush()  # what is pending at a fork would be written by both processes

    def close(self) -> None:
        """Write what is pending, and close the file."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError as error:
                LOGGER.warning("records of %s are incomplete: %s", self._folder, error)

    def _open(self) -> None:
        self._process = os.getpid()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{self._process}-{uuid.uuid4().hex[:8]}.jsonl"
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._stream = (self._folder / name).open("x", encoding="utf-8")
            self._write({"format_version": FORMAT_VERSION, "device": device_fingerprint()})
            self._stream.flush()

    def _write(self, row: dict[str, Any]) -> None:
        if self._stream is None:
            return
        line = json.dumps(row) + "\n"
        self._bytes += len(line)
        try:
            self._stream.write(line)
        except OSError as error:
            LOGGER.warning("recording into %s ends: %s", self._folder, error)
            self._stream = None
            return
        if self._bytes > _MOST_BYTES:
            LOGGER.warning("recording into %s ends: the file has %d MB", self._folder, _MOST_BYTES // 10**6)
            self.close()

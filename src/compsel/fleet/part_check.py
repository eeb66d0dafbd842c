"""What an uploaded part is, and whether it may be taken in: read in a process of its own, for anybody may send it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import CompselError, CrashError, VersionError, one_line, require
from compsel.fleet.layout import is_hash
from compsel.isolation.process import WorkerProcess
from compsel.runtime.recording.part_format import PART_NAME, PartHeader, device_id
from compsel.runtime.recording.part_reader import read_part
from compsel.storage.files import sha256_file

__all__ = ["CheckedPart", "PartChecker", "check_here"]

_LIMIT_S = 60.0
_ADDRESS_BYTES = 8 << 30
# answers before the first version, or after tomorrow, come from a clock that is wrong
_EARLIEST_US, _AHEAD_US = 1_704_067_200_000_000, 86_400_000_000
_LONGEST_MS = 86_400_000.0
_HERE = "compsel.fleet.part_check:check_here"
_CONTINUES = "compsel.fleet.grown_parts:continues"


@dataclass(frozen=True)
class CheckedPart:
    """What was found of one upload.

    Attributes:
        sha256: of the file; "" where it could not be read.
        kind: why it is not taken in: "damaged", "hostile", "version", "foreign", "clock"; "" where it may be.
        reason: the same in words.
        part: "answers" or "outcomes".
        bundle, device_id, session: of the part.
        rows: of the part.

    >>> CheckedPart("", "damaged", "is no Parquet file").allowed
    False
    """

    sha256: str
    kind: str = ""
    reason: str = ""
    part: str = ""
    bundle: str = ""
    device_id: str = ""
    session: str = ""
    rows: int = 0

    @property
    def allowed(self) -> bool:
        """Whether it may be taken in."""
        return not self.kind


class PartChecker:
    """Checks files in worker processes; a file that ends its process, or takes a minute, is told as that.

    >>> with PartChecker() as checker:
    ...     [found.kind for found in checker.check([(Path("nowhere"), "1-0123456789abcdef.answers.parquet")])]
    ['damaged']
    """

    def __init__(self) -> None:
        self._process: WorkerProcess | None = None

    def __enter__(self) -> "PartChecker":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.close()

    def check(self, files: Sequence[tuple[Path, str]]) -> list[CheckedPart]:
        """Check files.

        Args:
            files: where each lies, and what it was called.
        """
        try:
            return self._call(files)
        except CrashError:
            return [self._alone(file) for file in files]

    def continues(self, old: Path, new: Path) -> bool:
        """Whether a part that was checked begins as another one, and goes on."""
        try:
            return bool(self._worker().call(_CONTINUES, str(old), str(new), doing="read two uploads"))
        except CrashError:
            return False

    def _alone(self, file: tuple[Path, str]) -> CheckedPart:
        try:
            return self._call([file])[0]
        except CrashError as error:
            return CheckedPart(sha256_file(file[0]), "hostile", f"whoever reads it is ended by it: {error}")

    def _call(self, files: Sequence[tuple[Path, str]]) -> list[CheckedPart]:
        found = self._worker().call(_HERE, [[str(path), name] for path, name in files], doing="read an upload")
        return [CheckedPart(**one) for one in found]

    def _worker(self) -> WorkerProcess:
        if self._process is None or not self._process.alive:
            self._process = WorkerProcess(_LIMIT_S)
        return self._process


def check_here(files: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Check files in this process: what `PartChecker` calls in another one."""
    _limit_memory()
    return [vars(_safely(Path(path), name)) for path, name in files]


def _safely(path: Path, name: str) -> CheckedPart:
    try:
        return _checked(path, name)
    except Exception as error:  # a file by which a library fails in its own way is no reason to leave the others
        said = f"whoever reads it fails by it: {type(error).__name__}: {one_line(error)}"
        return CheckedPart(sha256_file(path), "hostile", said)


def _checked(path: Path, name: str) -> CheckedPart:
    try:
        digest = sha256_file(path)
    except OSError as error:
        return CheckedPart("", "damaged", f"cannot be read ({error.strerror})")
    named = PART_NAME.fullmatch(name)
    if named is None:
        return CheckedPart(digest, "foreign", "is not called as parts are: <number>-<session>.<kind>.parquet")
    try:
        header, table = read_part(path)
    except VersionError as error:
        return CheckedPart(digest, "version", _of(error, path))
    except CompselError as error:
        return CheckedPart(digest, "damaged", _of(error, path))
    kind, reason = _wrong(header, table, named[2], named[3])
    return CheckedPart(
        digest, kind, reason, header.kind, header.bundle, header.device_id, header.session, table.num_rows
    )


def _wrong(header: PartHeader, table: Any, session: str, part: str) -> tuple[str, str]:
    """Return kind and words of what is wrong with a part that can be read; "" twice where nothing is."""
    compute = require("pyarrow.compute", "train")
    if (session, part) != (header.session, header.kind):
        return "hostile", f"is called as a part of {session}, and says that it is one of {header.session}"
    if header.kind == "answers":
        if not header.bundle or not header.device:
            return "foreign", "says nothing of the bundle, or of the device, that it was recorded with"
        if not is_hash(header.bundle):
            return "hostile", f"names the bundle {header.bundle[:40]!r}, which is no hash"
        if device_id(header.device) != header.device_id:
            return "hostile", f"its device_id {header.device_id[:40]!r} is not the hash of its device"
        longest = compute.max(table.column("latency_ms")).as_py()
        if longest is not None and longest > _LONGEST_MS:
            return "hostile", f"a stage took {longest:g} ms, allowed is a day"
        if _has_twice(table.column("answer").to_numpy(), table.column("stage").to_numpy()):
            return "hostile", "names a stage of an answer twice"
    times = compute.min_max(table.column("time").cast("int64")).as_py()
    latest = time.time_ns() // 1000 + _AHEAD_US
    if times["min"] is not None and not _EARLIEST_US <= times["min"] <= times["max"] <= latest:
        return "clock", "holds times before 2024, or after tomorrow: the device's clock was wrong"
    return "", ""


def _has_twice(answer: NDArray[np.int64], stage: NDArray[np.int8]) -> bool:
    order = np.lexsort((stage, answer))
    answer, stage = answer[order], stage[order]
    return bool(((answer[1:] == answer[:-1]) & (stage[1:] == stage[:-1])).any())


def _of(error: CompselError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ").removesuffix(": take it out of the folder")


def _limit_memory() -> None:
    """What would take more is an error here, not the end of what else runs on the machine."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_BYTES, hard))

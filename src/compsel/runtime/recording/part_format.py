"""The form of a part of records: a Parquet file of answers, or of outcomes that were heard of later.

A part is called `<number>-<session>.<kind>.parquet`. Numbers rise in a folder, whatever the clock says; a session is
what one process records from loading a bundle to closing it, 65,536 answers at most (`Sessions`). The metadata
`compsel` is the JSON of `PartHeader`.

Of answers every stage that ran is a row. `answer` counts within the process: with the session it is the id of one. The
columns of `STAGE_COLUMNS` are always there, those of the device's state (`STATE_COLUMNS`) where they are known, and the
features of the input (as `image.brightness`) where the policy asked for them. Of outcomes each is a row.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from compsel.device.state import DeviceState
from compsel.storage.strict_json import parse_json

__all__ = [
    "FORMAT_VERSION",
    "METADATA_KEY",
    "OUTCOME_COLUMNS",
    "PART_NAME",
    "STAGE_COLUMNS",
    "STATE_COLUMNS",
    "PartHeader",
    "PartKind",
    "device_id",
    "part_name",
    "record_id",
    "split_id",
]

# 1: JSON lines, see `json_lines.py`. Raise it when a reader of the version before would misread a part
FORMAT_VERSION = 2
METADATA_KEY = b"compsel"

PartKind = Literal["answers", "outcomes"]
PART_NAME = re.compile(r"(\d{1,15})-([0-9a-f]{16})\.(answers|outcomes)\.parquet")
_MOST_DROPPED = 10**15
_ID = re.compile(r"([0-9a-f]{16})-(\d{1,18})")

# types are those of Arrow; `time` is in UTC
STAGE_COLUMNS: Mapping[str, str] = {
    "answer": "int64",
    "stage": "int8",
    "time": "timestamp[us]",
    "variant": "string",
    "processor": "string",
    "latency_ms": "float",
    "expected_ms": "float",
    "probability_right": "float",
    "confidence": "float",
    "answer_ms": "float",
    "size": "double",
    "abstained": "bool",
    "constraints_met": "bool",
}
STATE_COLUMNS = tuple(name for name in DeviceState.__slots__ if name not in ("time_ns", "cores", "core_use"))
OUTCOME_COLUMNS: Mapping[str, str] = {
    "session": "string",
    "answer": "int64",
    "time": "timestamp[us]",
    "right": "double",
}


@dataclass(frozen=True)
class PartHeader:
    """What is alike for all rows of a part.

    Attributes:
        kind: "answers" or "outcomes".
        session: 16 hexadecimal digits.
        compsel_version: that wrote it.
        device: `compsel.device.fingerprint.device_fingerprint`; {} of outcomes that no runtime wrote.
        device_id: a hash of that.
        bundle: a hash of the bundle's files.
        share: of the answers that are recorded.
        dropped: answers of the session so far that were lost: the disk was full, or too slow.
        installation: a random number of the folder that it was recorded into, see `installation_of`; "" of outcomes
            that no runtime wrote, and in parts of old runtimes.
        format_version: of the part.

    >>> PartHeader.read(PartHeader("answers", 16 * "a", "0.1.0").write()).share
    1.0
    """

    kind: PartKind
    session: str
    compsel_version: str
    device: Mapping[str, Any] | None = None
    device_id: str = ""
    bundle: str = ""
    share: float = 1.0
    dropped: int = 0
    installation: str = ""
    format_version: int = FORMAT_VERSION

    def write(self) -> bytes:
        """Return the JSON form."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read the JSON form; what a newer compsel added within this version is passed over.

        Raises:
            ValueError: no JSON, or something that is none of its kind.
        """
        content = parse_json(data)
        if not isinstance(content, dict):
            raise ValueError(f"got {type(content).__name__}, allowed is an object")
        known = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        known.setdefault("installation", "")
        for name, kinds in _KINDS.items():
            if not isinstance(known.get(name), kinds) or isinstance(known[name], bool):
                raise ValueError(f"{name}: got {known.get(name)!r}, allowed is a {kinds[0].__name__}")
        header = cls(**known)
        if header.kind not in ("answers", "outcomes") or not re.fullmatch("[0-9a-f]{16}", header.session):
            raise ValueError(f"kind or session: got {header.kind!r}, {header.session!r}")
        if not re.fullmatch("([0-9a-f]{16})?", header.installation):
            raise ValueError(f"installation: got {header.installation[:40]!r}, allowed are 16 hexadecimal digits")
        if header.format_version < 1 or not 0 <= header.dropped < _MOST_DROPPED or not 0 < header.share <= 1:
            raise ValueError("format_version, dropped or share: got one that cannot be")
        return header


_KINDS: Mapping[str, tuple[type, ...]] = {
    "kind": (str,),
    "session": (str,),
    "compsel_version": (str,),
    "device": (dict, type(None)),
    "device_id": (str,),
    "bundle": (str,),
    "share": (float, int),
    "dropped": (int,),
    "installation": (str,),
    "format_version": (int,),
}


def part_name(number: int, session: str, kind: PartKind) -> str:
    """Return the name of a part.

    >>> part_name(12, "0123456789abcdef", "answers")
    '00000012-0123456789abcdef.answers.parquet'
    """
    return f"{number:08d}-{session}.{kind}.parquet"


def device_id(device: Mapping[str, Any]) -> str:
    """Return the 16 hexadecimal digits that stand for a fingerprint.

    >>> device_id({"cpu": "a"}) == device_id({"cpu": "b"})
    False
    """
    return hashlib.sha256(json.dumps(device, sort_keys=True).encode()).hexdigest()[:16]


def record_id(session: str, answer: int) -> str:
    """Return the id of an answer."""
    return f"{session}-{answer}"


def split_id(text: str) -> tuple[str, int] | None:
    """Return session and number of an id; None where it is none.

    >>> split_id("0123456789abcdef-7"), split_id("7")
    (('0123456789abcdef', 7), None)
    """
    found = _ID.fullmatch(text)
    return None if found is None else (found[1], int(found[2]))

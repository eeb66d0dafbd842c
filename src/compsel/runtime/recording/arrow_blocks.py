"""What ran as Arrow tables, made a few rows at a time: an answer that is ready must not wait for the interpreter."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compsel.device.state import DeviceState
from compsel.errors import require
from compsel.features import EXTRACTORS
from compsel.features.evidence import Evidence, OutputEvidence
from compsel.runtime.answer import Stage
from compsel.runtime.planning.planner import PlacedPlan
from compsel.runtime.recording.part_format import OUTCOME_COLUMNS, STAGE_COLUMNS, STATE_COLUMNS

__all__ = ["AnswerRow", "OutcomeRow", "answer_blocks", "outcome_block"]

Column = Sequence[Any] | NDArray[np.float32]

_BLOCK = 128  # answers that are worked on without a pause
_PAUSE_S = 1e-5
_NS_PER_US, _NS_PER_MS = 1000, 1e6


class AnswerRow(NamedTuple):
    """What is recorded of an answer.

    Attributes:
        number: of the answer in its process.
        time_ns: when it was given, since 1970.
        latency_ns: from the call to the answer; None: many inputs ran together, what one took is not known.
        stages: that ran.
        planned: what decided.
        features: of the input, (n_features,) of the policy's extractor; None: the policy asked for none.
        evidence: of the stages, as far as it was looked at.
        abstained: whether the answer was to be withheld.
    """

    number: int
    time_ns: int
    latency_ns: int | None
    stages: Sequence[Stage]
    planned: PlacedPlan
    features: NDArray[np.float32] | None
    evidence: Sequence[Evidence]
    abstained: bool


class OutcomeRow(NamedTuple):
    """What was heard of an answer: session and number, when (ns since 1970), probability that it was right or NaN."""

    session: str
    number: int
    time_ns: int
    right: float


def answer_blocks(rows: Sequence[AnswerRow], state: DeviceState, coordinates: Sequence[str]) -> Iterator[Any]:
    """Make Arrow tables of answers, a row a stage.

    Args:
        rows: the answers.
        state: of the device about then.
        coordinates: names of what `planned.costs.where` holds of the state in which was decided.
    """
    seen = {name: _number(getattr(state, name)) for name in STATE_COLUMNS}
    for begin in range(0, len(rows), _BLOCK):
        yield _block(rows[begin : begin + _BLOCK], seen, coordinates)


def outcome_block(rows: Sequence[OutcomeRow]) -> Any:
    """Make an Arrow table of outcomes."""
    columns: dict[str, Column] = {
        "session": [row.session for row in rows],
        "answer": [row.number for row in rows],
        "time": [row.time_ns // _NS_PER_US for row in rows],
        "right": [row.right for row in rows],
    }
    return _table(columns, OUTCOME_COLUMNS)


def _block(rows: Sequence[AnswerRow], seen: Mapping[str, float], coordinates: Sequence[str]) -> Any:
    flat = [(row, place, stage) for row in rows for place, stage in enumerate(row.stages)]
    columns: dict[str, Column] = {
        "answer": [row.number for row, _, _ in flat],
        "stage": [place for _, place, _ in flat],
        "time": [row.time_ns // _NS_PER_US for row, _, _ in flat],
        **{name: [getattr(stage, name) for _, _, stage in flat] for name in Stage._fields},
        "latency_ms": [None if row.latency_ns is None else stage.latency_ms for row, _, stage in flat],
        "confidence": [_confidence(row.evidence, place) for row, place, _ in flat],
        "answer_ms": [None if row.latency_ns is None else row.latency_ns / _NS_PER_MS for row, _, _ in flat],
        "size": [row.planned.costs.size for row, _, _ in flat],
        "abstained": [row.abstained for row, _, _ in flat],
        "constraints_met": [not row.planned.note for row, _, _ in flat],
    }
    types = dict(STAGE_COLUMNS)
    decided = {id(row.planned): _coordinates(row.planned, coordinates) for row in rows}
    for name in STATE_COLUMNS:
        if name in coordinates:
            columns[name] = [decided[id(row.planned)].get(name) for row, _, _ in flat]
        elif not math.isnan(seen[name]):
            columns[name] = [seen[name]] * len(flat)
        types[name] = "float"
    for extractor in dict.fromkeys(row.planned.policy.extractor for row in rows if row.features is not None):
        names = EXTRACTORS[extractor].names
        unknown = np.full(len(names), np.nan, np.float32)
        known = [row.features if row.planned.policy.extractor == extractor else None for row, _, _ in flat]
        values = np.stack([unknown if one is None else one for one in known])
        columns |= {f"{extractor}.{name}": values[:, place] for place, name in enumerate(names)}
        types |= {f"{extractor}.{name}": "float" for name in names}
    return _table(columns, types)


def _table(columns: Mapping[str, Column], types: Mapping[str, str]) -> Any:
    pa = require("pyarrow", "record")
    arrays = {}
    for name, values in columns.items():
        kind = pa.timestamp("us", "UTC") if name == "time" else pa.type_for_alias(types[name])
        arrays[name] = _array(pa, values, kind)
        time.sleep(_PAUSE_S)
    return pa.table(arrays)


def _array(pa: Any, values: Column, kind: Any) -> Any:
    """Make an Arrow array; NaN and None become null, which takes no place.

    It is made of buffers: `pyarrow.array` imports pandas where that is installed, a second of an app's time.
    """
    word, known = str(kind), None
    if word == "string":
        texts = [text.encode(errors="replace") for text in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        buffers = [ends, b"".join(texts)]
    elif word == "bool":
        buffers = [np.packbits(np.array(values, np.bool_), bitorder="little")]
    elif word in ("float", "double"):
        numbers = np.ascontiguousarray(values, np.float32 if word == "float" else np.float64)
        missing = np.isnan(numbers)
        known = np.packbits(~missing, bitorder="little") if missing.any() else None
        buffers = [numbers]
    else:
        buffers = [np.array(values, np.int8 if word == "int8" else np.int64)]
    parts = [None if buffer is None else pa.py_buffer(buffer) for buffer in (known, *buffers)]
    return pa.Array.from_buffers(kind, len(values), parts)


def _confidence(evidence: Sequence[Evidence], place: int) -> float | None:
    """Return the probability of the most probable class, as a stage gave it."""
    if place >= len(evidence) or isinstance(evidence[place], OutputEvidence):
        return None
    return float(evidence[place].probabilities[0, 0])


def _coordinates(planned: PlacedPlan, names: Sequence[str]) -> dict[str, float]:
    return {name: math.expm1(log) for name, log in zip(names, planned.costs.where, strict=False)}


def _number(value: float | bool | None) -> float:
    return math.nan if value is None else float(value)

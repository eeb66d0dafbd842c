"""How good an answer was, which is known later: read from what an app says, or written into a folder of records."""

import math
import os
import time
from collections.abc import Mapping
from numbers import Real
from pathlib import Path

import numpy as np

import compsel
from compsel.errors import InputError
from compsel.runtime.answer import Answer
from compsel.runtime.recording.arrow_blocks import OutcomeRow, outcome_block
from compsel.runtime.recording.not_given import NOT_GIVEN, Right
from compsel.runtime.recording.part_folder import PartFolder
from compsel.runtime.recording.part_format import PartHeader, part_name, split_id
from compsel.runtime.recording.part_series import write_part
from compsel.runtime.recording.recording import Recording

__all__ = ["NOT_GIVEN", "Right", "feedback", "read_outcome"]


def feedback(folder: str | os.PathLike[str], outcomes: Mapping[str, bool | float | None]) -> None:
    """Write how good answers were that a runtime recorded into a folder, also after that runtime has ended.

    Where outcomes come one by one in the process that answers, `Runtime.feedback` is better: it gathers them.

    Args:
        folder: of the records.
        outcomes: by `Answer.id`: whether it was right, or how probably (0 to 1); None: that is not known after all.

    Raises:
        InputError: no id, or a value beyond 0 to 1: nothing is written then.
        StorageError: the folder cannot be written.
        MissingDependencyError: pyarrow is not installed.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> feedback(folder, {"0123456789abcdef-7": True, "0123456789abcdef-8": 0.25})
    >>> [path.name[8:9] + path.name[25:] for path in folder.iterdir()]
    ['-.outcomes.parquet']
    """
    now_ns = time.time_ns()
    rows = [OutcomeRow(*_split(text), now_ns, _probability(right)) for text, right in outcomes.items()]
    if not rows:
        return
    table, session = outcome_block(rows), os.urandom(8).hex()
    parts = PartFolder(Path(folder), Recording(folder).limit_mb, drops_oldest=False)
    parts.prepare()
    path = parts.path / part_name(parts.next_number(), session, "outcomes")
    write_part(path, table, PartHeader("outcomes", session, compsel.__version__), parts.beside)


def read_outcome(answer: Answer | str, right: Right, label: str | int | None) -> tuple[str, float]:
    """Return the id of an answer and the probability that it was right, NaN where that is not known.

    The id is empty where the answer is not recorded.

    Raises:
        InputError: no id, no such class, or a `right` beyond 0 to 1.
    """
    if (right is NOT_GIVEN) == (label is None):
        raise InputError(f"feedback: got right={right!r} and label={label!r}, give one of the two")
    if right is not NOT_GIVEN:
        value = _probability(right)
    elif isinstance(answer, str):
        raise InputError("feedback: a label is compared with the answer: give the answer, not its id, or give right")
    else:
        value = float(_is_right(answer, label))
    text = answer if isinstance(answer, str) else answer.id
    if isinstance(answer, str):
        _split(text)
    return text, value


def _is_right(answer: Answer, label: str | int | None) -> bool:
    if isinstance(label, str):
        if answer.labels and label not in answer.labels:
            raise InputError(f"feedback: got label={label!r}, which is no class of this model: see answer.labels")
        return label == answer.label_name
    return label == answer.label


def _split(text: str) -> tuple[str, int]:
    found = split_id(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"feedback: got {text!r}, allowed is an answer, or its id")
    return found


def _probability(right: bool | float | None) -> float:
    if right is None:
        return math.nan
    if not isinstance(right, (Real, np.bool_)) or not 0 <= right <= 1:
        raise InputError(f"feedback: got right={right!r}, allowed are True, False, a probability from 0 to 1, and None")
    return float(right)

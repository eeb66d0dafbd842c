"""Labels that are in memory: numbers and names are classes, real numbers and arrays are targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compsel.inputs.sample_options import SampleOptions
from compsel.inputs.samples.classes import ClassLabels, plain_label
from compsel.inputs.samples.findings import Findings
from compsel.inputs.samples.values import as_array

__all__ = ["SampleAnswers", "read_answers"]


@dataclass(frozen=True)
class SampleAnswers:
    """What samples should be answered with.

    Attributes:
        classes: None where the answers are no classes.
        targets: None where they are classes.

    >>> SampleAnswers(None, [0.5]).targets
    [0.5]
    """

    classes: ClassLabels | None
    targets: Sequence[Any] | None


def read_answers(
    answers: Sequence[Any], source: str, options: SampleOptions, findings: Findings, names: Sequence[str] | None = None
) -> SampleAnswers:
    """Take labels for classes, where they can be, or for targets of a function of quality.

    Classes are whole numbers, whole floats, names, arrays of one of these, and rows with a single one among zeros.

    Args:
        answers: one a sample; None for a sample without.
        source: in messages.
        options: order of the classes.
        findings: are told where the labels are from.
        names: of the classes, where a data set knows them.

    Raises:
        SamplesError: a number that is no class among names.
    """
    plain = [_plain(answer) for answer in answers]
    one_hot = [_one_hot(answer) for answer in plain]
    if plain and all(one is not None for one in one_hot):
        findings.note(f"labels of {source} are rows with a single one: its place is the class")
        plain = one_hot
    real = any(
        (isinstance(one, float) and one == one and not one.is_integer()) or isinstance(one, np.ndarray) for one in plain
    )
    negative = any(isinstance(one, (int, float)) and one < 0 for one in plain)
    if real or negative:
        findings.targets_from = source
        return SampleAnswers(None, [np.nan if one is None else one for one in plain])

    def place(index: int) -> str:
        return f"{source}, sample {index}"

    said = [plain_label(one, place(index)) for index, one in enumerate(plain)]
    if options.labels is not None:
        classes = ClassLabels.read(said, source, place, options.labels)
    else:
        classes = ClassLabels.read(said, source, place, names or None, order="dataset")
    if classes.order != "none":
        findings.labels_from = source
    return SampleAnswers(classes, None)


def _plain(answer: Any) -> Any:
    """Return a number or a text of what holds just one; other arrays as they are."""
    if answer is None or isinstance(answer, (str, int, float)):
        return int(answer) if isinstance(answer, bool) else answer
    array = as_array(answer)
    if array.size != 1:
        return array
    only = array.reshape(()).item()
    return int(only) if isinstance(only, bool) else only


def _one_hot(answer: Any) -> int | None:
    if not isinstance(answer, np.ndarray) or answer.ndim != 1 or not np.isin(answer, (0, 1)).all():
        return None
    return int(answer.argmax()) if answer.sum() == 1 else None

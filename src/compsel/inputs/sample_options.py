"""What a user may say of samples: columns of tables, order of classes, whether anything may be left out."""

import os
from collections.abc import Sequence

from compsel.values import dataclass

__all__ = ["DEFAULT_SAMPLE_OPTIONS", "SampleOptions"]


@dataclass(frozen=True)
class SampleOptions:
    """How samples are opened.

    Attributes:
        text, file, label, group: columns of a table (or arrays of an archive, or keys); None: found by usual words.
        labels: names of the classes in the order that labels count, or the path of a file with one a line.
        strict: whether it is an error that something has to be left out: a file that is missing or unreadable, one
            that the table does not name, a row without a label.

    >>> SampleOptions(label="species").strict
    False
    """

    text: str | None = None
    file: str | None = None
    label: str | None = None
    group: str | None = None
    labels: Sequence[str] | str | os.PathLike[str] | None = None
    strict: bool = False


DEFAULT_SAMPLE_OPTIONS = SampleOptions()

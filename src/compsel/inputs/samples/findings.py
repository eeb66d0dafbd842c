"""What opening samples came upon: where the labels are from, what was left out, and lines that say so."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from compsel.errors import SamplesError

__all__ = ["Findings", "plural", "some"]

_SHOWN = 3


@dataclass
class Findings:
    """What is said of samples beside their number.

    Attributes:
        strict: whether leaving something out is an error.
        noun: what the samples are, in the plural.
        labels_from: where the labels are from; "" where there are none.
        targets_from: where targets are from that are no classes; "" where there are none.
        left_out: number of files or rows that are none of the samples and might have been.
        notes: a line each.

    >>> findings = Findings(noun="images")
    >>> findings.leave_out(["a.jpg", "b.jpg"], "cannot be read")
    >>> findings.left_out, findings.notes
    (2, ['2 images cannot be read: left out: a.jpg, b.jpg'])
    """

    strict: bool = False
    noun: str = "samples"
    labels_from: str = ""
    targets_from: str = ""
    left_out: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        """Add a line."""
        self.notes.append(line)

    def leave_out(self, names: Sequence[str], why: str, subject: str | None = None, do: str = "") -> None:
        """Leave out what is named, and say so.

        Args:
            names: of files or rows; nothing happens where there are none.
            why: the rest of a sentence that begins with the number of them.
            subject: what the sentence is about; None: so many of the samples' noun.
            do: what makes them count.

        Raises:
            SamplesError: where samples have to be complete.
        """
        if not names:
            return
        count = "" if subject is None else f"{len(names):,} "
        subject = subject if subject is not None else plural(len(names), self.noun)
        line = f"{subject} {why}".strip()
        if self.strict:
            them = "it" if len(names) == 1 else "them"
            raise SamplesError(f"{line}: {some(names)}: mend {them}; without strict (--strict) left out")
        self.left_out += len(names)
        self.notes.append(f"{line}: {count}left out: {some(names)}" + (f"; {do}" if do else ""))


def plural(count: int, noun: str) -> str:
    """Return a number and a noun, which is given in the plural.

    >>> plural(1, "images"), plural(1200, "images"), plural(1, "classes")
    ('1 image', '1,200 images', '1 class')
    """
    one = noun.removesuffix("es") if noun.endswith("sses") else noun.removesuffix("s")
    return f"{count:,} {one if count == 1 else noun}"


def some(names: Sequence[str]) -> str:
    """Return the first names, for a message.

    >>> some(["a", "b", "c", "d"]), some(["a"])
    ('a, b, c, ...', 'a')
    """
    return ", ".join(str(name) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")

"""One line that says what samples were taken for."""

from collections import Counter
from collections.abc import Sequence

from compsel.inputs.samples.findings import Findings, plural

__all__ = ["describe"]


def describe(labels: Sequence[int | None], findings: Findings, of: int | None = None) -> str:
    """Return the line.

    Args:
        labels: one a sample.
        findings: of opening them.
        of: number of samples that these are some of; None: they are all.

    >>> describe([0, 0, 1, None], Findings(noun="images", labels_from="folder names", left_out=3))
    '4 images of 2 classes, 1 to 2 each, 1 without a label; labels from folder names; 3 left out'
    >>> describe([None] * 2, Findings(noun="texts"), of=5)
    '2 of 5 texts without labels'
    >>> describe([None] * 2, Findings(targets_from="y"))
    '2 samples; targets from y'
    """
    count = len(labels)
    subject = plural(count, findings.noun) if of is None or of == count else f"{count:,} of {plural(of, findings.noun)}"
    counts = Counter(label for label in labels if label is not None)
    parts = [subject + _classes(counts) + _unlabelled(count, sum(counts.values()), findings)]
    if findings.labels_from:
        parts.append(f"labels from {findings.labels_from}")
    if findings.targets_from:
        parts.append(f"targets from {findings.targets_from}")
    if findings.left_out:
        parts.append(f"{findings.left_out:,} left out")
    return "; ".join(parts)


def _classes(counts: Counter[int]) -> str:
    if not counts:
        return ""
    least, most = min(counts.values()), max(counts.values())
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f" of {plural(len(counts), 'classes')}" + (f", {each} each" if len(counts) > 1 else "")


def _unlabelled(count: int, labelled: int, findings: Findings) -> str:
    if labelled == count or (not labelled and (findings.labels_from or findings.targets_from)):
        return ""
    return f", {count - labelled:,} without a label" if labelled else " without labels"

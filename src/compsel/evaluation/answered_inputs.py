"""What the adaptive policy did with each sample, as rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compsel.evaluation.results import PolicyResult

__all__ = ["answered_inputs"]


def answered_inputs(
    names: Sequence[str], ours: PolicyResult, targets: Sequence[int] | None, labels: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return a row a sample, as JSON.

    Args:
        names: (n,), of the samples.
        ours: what the policy did with them.
        targets: (n,), the right classes; None where answers are not classes.
        labels: names of the classes; () where they have none.

    Returns:
        Rows with `name`, `way` (the variants that ran), `right`, `latency_ms`, `confidence` (None: it says none), and
        for classes `answered` and `wanted`, by name where they have one.

    >>> ours = PolicyResult("adaptive", np.ones(1), np.full(1, 2.0), labels=np.array([1]), ways=("net/none",))
    >>> answered_inputs(["cat.png"], ours, [1], ("dog", "cat"))[0]["answered"]
    'cat'
    """
    rows: list[dict[str, Any]] = []
    sure = ours.confidence if len(ours.confidence) else np.full(len(names), np.nan)
    for index, name in enumerate(names):
        row: dict[str, Any] = {
            "name": name,
            "way": ours.ways[index] if ours.ways else "",
            "right": float(ours.right[index]),
            "latency_ms": float(ours.latency_ms[index]),
            "confidence": float(sure[index]) if np.isfinite(sure[index]) else None,
        }
        if targets is not None and len(ours.labels):
            row["answered"] = _name(int(ours.labels[index]), labels)
            row["wanted"] = _name(int(targets[index]), labels)
        rows.append(row)
    return rows


def _name(place: int, labels: Sequence[str]) -> str:
    return labels[place] if 0 <= place < len(labels) else str(place)

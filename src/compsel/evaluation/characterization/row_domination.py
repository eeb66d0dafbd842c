"""Domination among the rows of a characterisation: which are dominated, by what, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compsel.evaluation.characterization.rows import Row
from compsel.profiling.dominance import Domination, TradeOffPoint, dominated

__all__ = ["RowDomination", "dominated_rows"]

_PER_TENSOR = "per_channel=false"


@dataclass(frozen=True)
class RowDomination:
    """Whether a row is dominated, and why.

    Attributes:
        domination: by what it is dominated on its processor; None where it is not.
        why: the known reasons for its not being faster; "" where none is known.

    >>> RowDomination(None, "").mark
    ''
    """

    domination: Domination | None
    why: str

    @property
    def mark(self) -> str:
        """The mark in tables."""
        return "" if self.domination is None else f"dominated by {self.domination.by}"


def dominated_rows(rows: Iterable[Row]) -> dict[str, RowDomination]:
    """Return for every measured row, by label, whether it is dominated.

    Rows of one model on one processor are compared with each other: first with the uncompressed model.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.ratio is not None and row.score is not None:
            groups.setdefault((row.model, row.processor), []).append(row)
    result = {}
    for group in groups.values():
        found = dominated(_points(group))
        for row in group:
            domination = found.get(row.technique)
            result[row.label] = RowDomination(domination, _why(row, domination))
    return result


def _points(rows: Sequence[Row]) -> list[TradeOffPoint]:
    return [
        TradeOffPoint(
            row.technique, quality, row.ratio.value, row.ratio.low, row.ratio.high, _error(row), row.technique == "none"
        )
        for row, quality in zip(rows, _qualities(rows), strict=True)
        if row.ratio is not None
    ]


def _qualities(rows: Sequence[Row]) -> list[float]:
    """Return the same figure for all rows, the first one that all have.

    What is paired with the uncompressed model, as latencies are, is free of how difficult the samples are.
    """
    for name in ("accuracy_change", "agreement"):
        estimates = [getattr(row, name) for row in rows]
        if None not in estimates:
            return [estimate.value for estimate in estimates]
    return [row.score or 0.0 for row in rows]


def _error(row: Row) -> float:
    """Standard error of the accuracy's difference to the uncompressed model; without labels there is no noise in it."""
    return (row.accuracy_change.high - row.accuracy_change.low) / (2 * 1.96) if row.accuracy_change else 0.0


def _why(row: Row, domination: Domination | None) -> str:
    if domination is not None and _PER_TENSOR in domination.by and _PER_TENSOR not in row.technique:
        counterpart = domination.by.replace(f":{_PER_TENSOR}", "").replace(f",{_PER_TENSOR}", "")
        if counterpart == row.technique:
            reason = "one scale for each channel is worse here than one for the whole tensor"
            return f"{reason}; {row.why}" if row.why else reason
    return row.why

"""Averages over networks: what each technique changes, against the uncompressed networks."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compsel.evaluation.characterization.rows import Row
from compsel.profiling.confidence_intervals import Estimate, bootstrap_mean

__all__ = ["Average", "average_changes"]


@dataclass(frozen=True)
class Average:
    """One technique over the networks that it was measured on; changes are fractions, None where nothing was measured.

    Attributes:
        technique: its text.
        networks: how many.
        size: mean change of the size on disk.
        time: by processor, change of the latency: geometric mean over networks, with a bootstrap confidence interval.
        accuracy: mean difference, over the networks that are trained and have labels.
        trained: how many those are.
        agreement: mean share of the same top class, over all networks.
        memory: mean change of the peak memory.
        energy: mean change of the energy; None without a meter.

    >>> rows = [Row("net", "none", "cpu:1", size_mb=4.0), Row("net", "half", "cpu:1", size_mb=2.0)]
    >>> average_changes(rows)["half"].size
    -0.5
    """

    technique: str
    networks: int
    size: float | None
    time: Mapping[str, Estimate]
    accuracy: float | None
    trained: int
    agreement: float | None
    memory: float | None
    energy: float | None


def average_changes(rows: Iterable[Row]) -> dict[str, Average]:
    """Return the averages, by technique, in the order of the rows; what was left out has no part in them."""
    measured = [row for row in rows if not row.left_out]
    originals = {(row.model, row.processor): row for row in measured if row.technique == "none"}
    groups: dict[str, list[Row]] = {}
    for row in measured:
        if row.technique != "none" and (row.model, row.processor) in originals:
            groups.setdefault(row.technique, []).append(row)
    return {technique: _average(technique, group, originals) for technique, group in groups.items()}


def _average(technique: str, rows: Sequence[Row], originals: Mapping[tuple[str, str], Row]) -> Average:
    once = list({row.model: row for row in rows}.values())  # what does not depend on the processor

    def change(figure: Callable[[Row], float | None], among: Sequence[Row]) -> float | None:
        pairs = [(figure(row), figure(originals[row.model, row.processor])) for row in among]
        known = [ours / theirs - 1 for ours, theirs in pairs if ours is not None and theirs]
        return float(np.mean(known)) if known else None

    changes = [row.accuracy_change.value for row in once if row.accuracy_change is not None]
    agreements = [row.agreement.value for row in once if row.agreement is not None]
    return Average(
        technique,
        len(once),
        change(lambda row: row.size_mb, once),
        {processor: _time(rows, processor) for processor in dict.fromkeys(row.processor for row in rows if row.ratio)},
        float(np.mean(changes)) if changes else None,
        len(changes),
        float(np.mean(agreements)) if agreements else None,
        change(lambda row: row.peak_mb, rows),
        change(lambda row: row.energy_mj, rows),
    )


def _time(rows: Sequence[Row], processor: str) -> Estimate:
    """Average the ratios as ratios are averaged: by their logarithms."""
    logs = [math.log(row.ratio.value) for row in rows if row.processor == processor and row.ratio is not None]
    mean = bootstrap_mean(logs)
    return Estimate(*(math.exp(value) - 1 for value in (mean.value, mean.low, mean.high)))

"""What every part gives: figures of several sides that took turns, and their ratios with an interval."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from compsel.cli.tables import plain_table
from compsel.device.fingerprint import device_fingerprint

_RESAMPLED = 2000


@dataclass(frozen=True)
class Options:
    """What `serving.py` was asked for.

    Attributes:
        bundle: its folder.
        source: what an app gives to a call: a path or a text.
        rounds: turns of each side; None: as many as the part needs.
        beside: `src` of another checkout; None: there is none.
    """

    bundle: Path
    source: str
    rounds: int | None = None
    beside: Path | None = None


@dataclass(frozen=True)
class Row:
    """One side: its median, and how many times as much as another side's that is.

    Attributes:
        name: of the side.
        median: in `unit`.
        unit: "ms", "MB", "answers/s".
        beside: name of the side that it is compared with; "": with none.
        least: in `unit`; beside busy neighbours it tells more than the median.
        ratio: of the medians.
        low, high: of the ratio, 95 %: rounds drawn again, both sides of a round together.
        ratio_of_least: of the least figures.
    """

    name: str
    median: float
    unit: str
    beside: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    least: float | None = None
    ratio_of_least: float | None = None


@dataclass(frozen=True)
class Part:
    """What a part found: `what` says in a line how; `more` is whatever else belongs into the JSON."""

    what: str
    rows: Sequence[Row]
    more: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"what": self.what, "rows": [asdict(row) for row in self.rows], **self.more}


def row(name: str, figures: Sequence[float], unit: str, beside: str = "", others: Sequence[float] | None = None) -> Row:
    """Return a side's row.

    Args:
        name, unit, beside: see `Row`.
        figures: (n_rounds,) of the side.
        others: (n_rounds,) of the side beside, of the same rounds in the same order.
    """
    ours = np.asarray(figures, float)
    if others is None:
        return Row(name, float(np.median(ours)), unit, least=float(ours.min()))
    theirs = np.asarray(others, float)
    drawn = np.random.default_rng(0).integers(0, len(ours), (_RESAMPLED, len(ours)))
    ratios = np.median(ours[drawn], axis=1) / np.median(theirs[drawn], axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    ratio = float(np.median(ours) / np.median(theirs))
    least, of_least = float(ours.min()), float(ours.min() / theirs.min())
    return Row(name, float(np.median(ours)), unit, beside, ratio, float(low), float(high), least, of_least)


def compared(figures: Mapping[str, Sequence[float]], unit: str, suffix: str = "") -> list[Row]:
    """Return the rows of all sides; those that begin with "compsel" beside each that begins with "bare"."""
    rows = []
    for name, ours in figures.items():
        rows.append(row(name + suffix, ours, unit))
        if name.startswith("compsel"):
            others = {other: theirs for other, theirs in figures.items() if other.startswith("bare")}
            rows += [row(name + suffix, ours, unit, other, theirs) for other, theirs in others.items()]
    return rows


def described_machine() -> dict[str, Any]:
    """Return the processor, its instruction sets, and the versions that figures depend on."""
    versions = {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__}
    return {**device_fingerprint(), **versions}


def table_of(part: Part) -> str:
    """Return the rows of a part as a table."""
    rows = []
    for one in part.rows:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f} ({one.low:.2f} to {one.high:.2f})"
        least = "" if one.least is None else f"{one.least:.3f}"
        of_least = "" if one.ratio_of_least is None else f"{one.ratio_of_least:.2f}"
        rows.append((one.name, f"{one.median:.3f} {one.unit}", least, ratio, of_least, one.beside))
    return plain_table(rows, ("side", "median", "least", "ratio", "of least", "to"))

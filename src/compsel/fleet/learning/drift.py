"""Where records differ from what a bundle was built with, and on which kinds of devices.

Each test compares the means of a kind's devices (not of its rows, which are not independent) with what was expected, by
Student's t over devices; of costs, the posterior of the hierarchical model. All tests together raise a false alarm with
a probability of at most `FALSE_ALARMS` (Bonferroni), as far as means of devices are nearly normal. A kind of fewer than
`_LEAST_DEVICES` devices is not tested for what needs such means.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import require
from compsel.fleet.learning.effects import Effects
from compsel.fleet.learning.places import numbers_of
from compsel.fleet.learning.recalibration import log_odds
from compsel.fleet.learning.whole_answers import whole_answers

__all__ = ["FALSE_ALARMS", "Drift", "DriftSums", "Expected", "cost_drifts", "found_drifts"]

FALSE_ALARMS = 0.01
_LEAST_DEVICES = 8
_NOTICEABLE = math.log(1.1)  # of costs: less is what devices differ by anyway


@dataclass(frozen=True)
class Drift:
    """One test.

    Attributes:
        kind: of device, by key.
        what: "costs", "confidence", "feedback", or the name of a feature.
        expected, found: means; of costs: 1, and the factor.
        p: of so large a difference, or a larger one, where there is none.
        devices: that were compared.

    >>> found_drifts([Drift("a", "feedback", 0.0, -0.2, 0.006, 9), Drift("b", "feedback", 0.0, 0.0, 0.9, 9)])
    []
    """

    kind: str
    what: str
    expected: float
    found: float
    p: float
    devices: int


@dataclass(frozen=True)
class Expected:
    """What a bundle was built with.

    Attributes:
        mean: by what is compared.
        error: standard error of that mean: samples of the profile are few too.

    >>> Expected({"feedback": 0.0}, {}).mean["feedback"]
    0.0
    """

    mean: Mapping[str, float]
    error: Mapping[str, float]


@dataclass
class DriftSums:
    """Sums by device of what is compared: confidence of the first stage, feedback less probability, features.

    Args:
        kinds: the kind of device, by device_id.
        first: the variant whose confidence is compared; "": none.
        features: names of columns.

    >>> DriftSums({}).tests(Expected({}, {}))
    []
    """

    kinds: Mapping[str, str]
    first: str = ""
    features: tuple[str, ...] = ()
    _sums: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of records that are read."""
        return ("device_id", "installation", "stage", "variant", "probability_right", "right", *self.features)

    def add_all(self, batches: Iterable[Any]) -> "DriftSums":
        """Add Arrow batches of merged rows; return this."""
        for batch, begins in whole_answers(batches):
            self.add(batch, begins)
        return self

    def add(self, batch: Any, begins: list[int]) -> None:
        """Add the answers of a batch; see `whole_answers`."""
        first, last = np.array(begins[:-1]), np.array(begins[1:]) - 1
        probability, right = numbers_of(batch, "probability_right"), numbers_of(batch, "right")
        begun_by = np.array(batch.column("variant").to_pylist(), object)[first] == self.first
        compared = {
            "confidence": np.where(begun_by, log_odds(probability[first]), math.nan),
            "feedback": right[first] - probability[last],
            **{name: numbers_of(batch, name)[first] for name in self.features},
        }
        devices = np.array(batch.column("installation").to_pylist(), object)[first]
        ids = np.array(batch.column("device_id").to_pylist(), object)[first]
        pairs = list(zip([self.kinds[one] for one in ids], devices, strict=True))
        known = {pair: number for number, pair in enumerate(dict.fromkeys(pairs))}
        codes = np.array([known[pair] for pair in pairs])
        for what, values in compared.items():
            there = np.isfinite(values)
            n = np.bincount(codes[there], minlength=len(known))
            total = np.bincount(codes[there], values[there], len(known))
            for (kind, device), number in known.items():
                if n[number]:
                    sums = self._sums.setdefault((kind, what, device), [0.0, 0.0])
                    sums[0] += float(n[number])
                    sums[1] += float(total[number])

    def tests(self, expected: Expected) -> list[Drift]:
        """Return every test that there are enough devices for, sorted."""
        stats = require("scipy.stats", "train")
        means: dict[tuple[str, str], list[float]] = {}
        for (kind, what, _), (n, total) in sorted(self._sums.items()):
            means.setdefault((kind, what), []).append(total / n)
        found = []
        for (kind, what), values in means.items():
            centre = expected.mean.get(what)
            if centre is None or len(values) < _LEAST_DEVICES:
                continue
            mean, n = float(np.mean(values)), len(values)
            error = math.hypot(float(np.std(values, ddof=1)) / math.sqrt(n), expected.error.get(what, 0.0))
            p = 2 * float(stats.t.sf(abs(mean - centre) / max(error, 1e-12), n - 1))
            found.append(Drift(kind, what, centre, mean, p, n))
        return found


def cost_drifts(
    effects: Effects,
    applied: Mapping[str, NDArray[np.float64]],
    rows: Mapping[str, NDArray[np.int64]],
    devices: Mapping[str, int],
) -> list[Drift]:
    """Return a test of the costs of each kind.

    Args:
        effects: what was learned.
        applied: by kind, the deviations (n_cells,) that the bundle takes for granted there already.
        rows: by kind, of each cell: the mean is over what ran.
        devices: numbers of them, by kind.
    """
    found = []
    for kind, vector in sorted(effects.kinds.items()):
        weights = rows[kind] / max(rows[kind].sum(), 1)
        mean = float(weights @ (vector - applied[kind]))
        # at most: as if the errors of all cells were one
        error = float(weights @ effects.kind_deviations[kind])
        beyond = max(0.0, abs(mean) - _NOTICEABLE) / max(error, 1e-12)
        found.append(Drift(kind, "costs", 1.0, math.exp(mean), math.erfc(beyond / math.sqrt(2)), devices[kind]))
    return found


def found_drifts(tests: Iterable[Drift]) -> list[Drift]:
    """Return the tests that tell of a drift: all of them together with a false alarm as rarely as stated."""
    made = list(tests)
    return [one for one in made if one.p < FALSE_ALARMS / len(made)]

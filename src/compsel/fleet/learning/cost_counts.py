"""How records' latencies are distributed: one pass, counts alone, so that neither order nor number of rows matters.

For each device, choice and place the logarithm of latency over expected latency is counted in steps of 2 %. Counts give
means without outliers: what lies beyond three robust deviations from the median counts as lying there (winsorised;
Tukey 1962; the deviation is the median absolute one: Hampel, JASA 69, 1974).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.fleet.learning.effects import CellMeans
from compsel.fleet.learning.places import Places, numbers_of

__all__ = ["CostCounts"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_STEP, _MOST_STEP = 0.02, 0.17
_BINS = 512  # of two signs: ratios beyond exp(5) count as that
_WORKING_BYTES = 64  # an entry, while counts are put together
_NORMAL, _FAR = 1.4826, 3.0  # a median deviation as a standard one; how many of them an outlier is away
_LEAST_DEVIATION = 0.03  # of a mean, however many rows it has: sessions differ
_PENDING = 1 << 20


@dataclass
class CostCounts:
    """Counts of latencies, by device, choice and place.

    Args:
        places: of the costs that are expected.
        kinds: the kind of device, by device_id.
        memory_limit_mb: that counts may take; beyond it steps are made twice as wide.

    Attributes:
        devices: number of each device, by its name and kind.
        left_out: rows without a latency of their own, as of inputs that were answered together, or of other choices.
        rows: that were counted.

    >>> from compsel.selection.costs.model import CostModel
    >>> table = np.ones((1, 1))
    >>> CostCounts(Places(CostModel((("a", "cpu:1"),), np.zeros((1, 1)), table, table)), {}).means()
    {}
    """

    places: Places
    kinds: Mapping[str, str]
    memory_limit_mb: float = 500.0
    devices: dict[tuple[str, str], int] = field(default_factory=dict)
    left_out: int = 0
    rows: int = 0
    _step: float = _STEP
    _keys: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    _counts: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    _pending: list[Integers] = field(default_factory=list)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of records that are read."""
        return ("device_id", "installation", "variant", "processor", "latency_ms", *self.places.columns)

    def add_all(self, batches: Iterable[Any]) -> "CostCounts":
        """Count Arrow batches of merged rows; return this."""
        for batch in batches:
            self.add(batch)
        return self

    def add(self, batch: Any) -> None:
        """Count an Arrow batch of merged rows.

        Raises:
            ProfileError: more devices than the memory limit allows, even in wide steps.
        """
        latency, choice = numbers_of(batch, "latency_ms"), self._choices(batch)
        device = self._devices(batch)
        kept = np.flatnonzero((latency > 0) & np.isfinite(latency) & (choice >= 0))
        self.left_out += batch.num_rows - len(kept)
        self.rows += len(kept)
        if not len(kept):
            return
        states, sizes = (table[kept] for table in self.places.rows(batch))
        contexts, of_row = self.places.contexts(states, sizes)
        expected = np.stack([self.places.log_costs(context) for context in contexts])
        ratio = np.log(latency[kept]) - expected[of_row, choice[kept]]
        bins = np.clip(np.round(ratio / self._step), -_BINS // 2 + 1, _BINS // 2 - 1).astype(np.int64) + _BINS // 2
        cells = choice[kept] * self.places.count + self.places.of(states, sizes)
        self._pending.append((device[kept] * self._n_cells + cells) * _BINS + bins)
        if sum(map(len, self._pending)) > _PENDING:
            self._settle()

    def means(self) -> dict[str, CellMeans]:
        """Return the winsorised means of every device: of the logarithm of its mean latency over the expected one."""
        self._settle()
        if not len(self._keys):
            return {}
        cells, bins = np.divmod(self._keys, _BINS)
        owners, begins = np.unique(cells, return_index=True)
        values = (bins - _BINS // 2) * self._step
        total, mean, variance = _summaries(values, self._counts, begins)
        # the logarithm of a mean, where logarithms are normal
        means, variances = mean + variance / 2, variance / total + _LEAST_DEVIATION**2
        names = {number: name for name, number in self.devices.items()}
        numbers, cell = np.divmod(owners, self._n_cells)
        edges = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
        found = {}
        for begin, end in zip(edges, [*edges[1:], len(numbers)], strict=True):
            name, kind = names[int(numbers[begin])]
            part = slice(begin, end)
            found[f"{name} {kind}"] = CellMeans(kind, cell[part].astype(np.intp), means[part], variances[part])
        return found

    def rows_by_kind(self) -> dict[str, Integers]:
        """Return the number of rows of each cell (n_cells,), by kind of device."""
        self._settle()
        of_device = [kind for _, kind in self.devices]  # in the order of their numbers
        places = {kind: place for place, kind in enumerate(dict.fromkeys(of_device))}
        numbers, cells = np.divmod(self._keys // _BINS, self._n_cells)
        kinds = np.array([places[kind] for kind in of_device], np.int64)[numbers]
        rows = np.bincount(kinds * self._n_cells + cells, self._counts, len(places) * self._n_cells)
        tables = rows.astype(np.int64).reshape(len(places), self._n_cells)
        return {kind: tables[place] for kind, place in places.items() if tables[place].any()}

    @property
    def _n_cells(self) -> int:
        return len(self.places.costs.choices) * self.places.count

    def _choices(self, batch: Any) -> Integers:
        known = {choice: number for number, choice in enumerate(self.places.costs.choices)}
        columns = [batch.column(name).dictionary_encode() for name in ("variant", "processor")]
        codes = [column.indices.to_numpy(zero_copy_only=False) for column in columns]
        variants, processors = (column.dictionary.to_pylist() for column in columns)
        table = np.array([[known.get((one, other), -1) for other in processors] for one in variants], np.int64)
        return np.asarray(table[codes[0], codes[1]], np.int64)

    def _devices(self, batch: Any) -> Integers:
        names, kinds = (batch.column(name).to_pylist() for name in ("installation", "device_id"))
        pairs = zip(names, kinds, strict=True)
        return np.array(
            [self.devices.setdefault((name, self.kinds[kind]), len(self.devices)) for name, kind in pairs], np.int64
        )

    def _settle(self) -> None:
        """Put the counts together; make steps wider where they take too much memory."""
        if self._pending:
            keys, places = np.unique(np.concatenate([self._keys, *self._pending]), return_inverse=True)
            ones = np.ones(len(places) - len(self._keys), np.int64)
            counts = np.bincount(places.ravel(), np.concatenate([self._counts, ones]), len(keys))
            self._keys, self._counts, self._pending = keys, counts.astype(np.int64), []
        while len(self._keys) * _WORKING_BYTES > self.memory_limit_mb * 1e6:
            if self._step * 2 > _MOST_STEP:
                raise ProfileError(
                    f"{len(self.devices)} devices: their counts take more than {self.memory_limit_mb:g} MB: "
                    "give a larger --memory-limit-mb"
                )
            self._step *= 2
            cells, bins = np.divmod(self._keys, _BINS)
            bins = np.round((bins - _BINS // 2) / 2).astype(np.int64) + _BINS // 2
            keys, places = np.unique(cells * _BINS + bins, return_inverse=True)
            counts = np.bincount(places.ravel(), self._counts, len(keys))
            self._keys, self._counts = keys, counts.astype(np.int64)


def _summaries(values: Floats, counts: Integers, begins: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """Return number, winsorised mean and variance of each run of values; values ascend within a run."""
    lengths = np.diff(np.append(begins, len(values)))
    total = np.add.reduceat(counts, begins).astype(np.float64)
    median = np.repeat(_medians(values, counts, begins, total), lengths)
    away = np.abs(values - median)
    run = np.repeat(np.arange(len(begins)), lengths)
    order = np.lexsort((away, run))
    limit = _FAR * np.maximum(_NORMAL * _medians(away[order], counts[order], begins, total), _STEP)
    clipped = np.clip(values, median - np.repeat(limit, lengths), median + np.repeat(limit, lengths))
    mean = np.add.reduceat(counts * clipped, begins) / total
    variance = np.add.reduceat(counts * (clipped - np.repeat(mean, lengths)) ** 2, begins) / total
    return total, mean, variance


def _medians(values: Floats, counts: Integers, begins: NDArray[np.intp], total: Floats) -> Floats:
    reached = np.cumsum(counts)
    before = reached[begins] - counts[begins]
    return np.asarray(values[np.searchsorted(reached, before + total / 2)], np.float64)

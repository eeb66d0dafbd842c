"""Costs of each kind of device: those of a bundle, times what the fleet's records say they deviate by."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compsel.device.kind import DeviceKind
from compsel.errors import ProfileError
from compsel.fleet.learning.cost_counts import CostCounts
from compsel.fleet.learning.effects import Effects, fit_effects
from compsel.fleet.learning.places import Places
from compsel.fleet.merged import MergedRecords
from compsel.progress import SILENT, Reporter
from compsel.selection.costs.model import CostModel

__all__ = ["FleetCosts", "NoRecordsError", "kinds_of", "learn_costs", "scaled"]

Floats = NDArray[np.float64]


class NoRecordsError(ProfileError):
    """Records of which none tells what a choice costs."""


@dataclass(frozen=True)
class FleetCosts:
    """What the records say that choices cost.

    Attributes:
        base: the costs that deviations are from.
        effects: the deviations.
        kinds: of devices, by key.
        rows: number of records of each cell, by kind.
        left_out: rows that say nothing of costs.
        devices: number of devices, by kind.

    >>> from compsel.fleet.learning.effects import Level
    >>> base = CostModel((("a", "cpu:1"),), np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1)))
    >>> none = Effects(np.zeros(1), {}, {}, {}, np.ones(1), Level(1, 0, 0), Level(0.01, 0, 0))
    >>> FleetCosts(base, none, {}, {}, 0, {}).devices_deviate
    0.1
    """

    base: CostModel
    effects: Effects
    kinds: Mapping[str, DeviceKind]
    rows: Mapping[str, NDArray[np.int64]]
    left_out: int
    devices: Mapping[str, int]

    @property
    def by_kind(self) -> dict[DeviceKind, CostModel]:
        """The costs of each kind that has records."""
        return {self.kinds[key]: scaled(self.base, found) for key, found in self.effects.kinds.items()}

    @property
    def devices_deviate(self) -> float:
        """Standard deviation of the logarithm of a cost among devices of one kind."""
        level = self.effects.device_level
        return math.sqrt(level.shared + level.choice + level.cell)


def kinds_of(records: MergedRecords) -> tuple[dict[str, str], dict[str, DeviceKind]]:
    """Return the key of the kind of device by device_id, and the kinds by key."""
    ids, texts = (records.devices.column(name).to_pylist() for name in ("device_id", "device"))
    kinds = {name: DeviceKind.of(json.loads(text) or {}) for name, text in zip(ids, texts, strict=True)}
    return {name: kind.key for name, kind in kinds.items()}, {kind.key: kind for kind in kinds.values()}


def learn_costs(
    records: MergedRecords,
    base: CostModel,
    *,
    held_out: bool | None = False,
    memory_limit_mb: float = 2000.0,
    reporter: Reporter = SILENT,
) -> FleetCosts:
    """Learn costs by kind of device in one pass over records.

    Args:
        records: merged.
        base: costs of the bundle that recorded.
        held_out: False: from those to train on; True: from those that judge.
        memory_limit_mb: that counts may take.
        reporter: hears how far it is.

    Raises:
        NoRecordsError: no latency of a choice of the bundle.
        ProfileError: more devices than the memory limit allows.
    """
    kind_of, kinds = kinds_of(records)
    counts = CostCounts(Places(base), kind_of, memory_limit_mb / 2)
    with reporter.phase("reading records"):
        there = [name for name in counts.columns if name in records.columns]
        counts.add_all(records.batches(there, held_out=held_out))
    if not counts.rows:
        raise NoRecordsError(
            f"{records.folder}: no record of this bundle's choices{records.when} has a latency: record more answers"
        )
    devices = counts.means()
    effects = fit_effects(devices, len(base.choices), counts.places.count)
    numbers: dict[str, int] = {}
    for one in devices.values():
        numbers[one.kind] = numbers.get(one.kind, 0) + 1
    return FleetCosts(base, effects, kinds, counts.rows_by_kind(), counts.left_out, numbers)


def scaled(base: CostModel, deviations: Floats) -> CostModel:
    """Return costs times the exponential of deviations (n_cells,): a choice's places stand side by side.

    >>> costs = CostModel((("a", "cpu:1"),), np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]]), np.ones((2, 1)))
    >>> scaled(costs, np.log([2.0, 1.0])).latency_ms.round(3).tolist()
    [[2.0], [3.0]]
    """
    n_states, n_choices = base.latency_ms.shape
    factors = np.exp(deviations.reshape(n_choices, -1, n_states)).transpose(1, 2, 0)  # sizes, states, choices
    usual = 0
    by_size = base.by_size
    if by_size is not None:
        usual = by_size.nearest(by_size.usual)
        by_size = replace(by_size, latency_ms=by_size.latency_ms * factors, p95_ms=by_size.p95_ms * factors)
    return replace(
        base, latency_ms=base.latency_ms * factors[usual], p95_ms=base.p95_ms * factors[usual], by_size=by_size
    )

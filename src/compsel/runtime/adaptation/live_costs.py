"""What every choice costs now: the cost model in the device's present state, corrected, without what failed."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compsel.device.state import DeviceState
from compsel.runtime.adaptation.latency_correction import LatencyCorrections, StateCoordinates
from compsel.runtime.faults.quarantine import Quarantine
from compsel.selection.costs.model import CostModel, place
from compsel.selection.costs.sizes import size_of
from compsel.values import dataclass

__all__ = ["ChoiceCosts", "LiveCosts"]

Floats = NDArray[np.float64]

# differences of log(1 + coordinate) that change a cost by less than a plan would notice
_SAME_STATE = 0.03
_HELD_NS = 1_000_000_000  # by then what was seen has faded a little


@dataclass(frozen=True, slots=True)
class ChoiceCosts:
    """Costs at one moment; infinite for a choice that may not run.

    Attributes:
        latency_ms, p95_ms: (n_choices,).
        model_ms: (n_choices,) what the cost model says, not corrected.
        where: coordinates of the device's state, as log(1 + number).
        size: of the inputs; None: the usual one.
    """

    latency_ms: Floats
    p95_ms: Floats
    model_ms: Floats
    where: StateCoordinates
    size: float | None = None


class LiveCosts:
    """Costs for each moment and size of input; the same object as long as nothing has changed.

    What inferences correct, and what failed, holds for inputs of every size.

    Args:
        cost_model: of the choices that are available here.
        quarantine: what may not run.
        corrections: None: the cost model is taken as it is.

    >>> cost_model = CostModel((("a", "cpu:1"),), np.zeros((1, 1)), np.array([[2.0]]), np.array([[3.0]]))
    >>> LiveCosts(cost_model, Quarantine()).now(DeviceState(0, cores=2, load_others=0.0)).p95_ms
    array([3.])
    """

    def __init__(
        self, cost_model: CostModel, quarantine: Quarantine, corrections: LatencyCorrections | None = None
    ) -> None:
        self.model = cost_model
        self.quarantine = quarantine
        self.corrections = corrections
        self._numbers = {choice: number for number, choice in enumerate(cost_model.choices)}
        self._state: DeviceState | None = None
        self._since_ns = 0
        self._blocked = quarantine.blocked()
        self._outdated = False
        self._where: Floats | float = cost_model.idle
        self._here = _logs(cost_model.idle)
        self._uncorrected: dict[int | None, ChoiceCosts] = {}
        self._costs: dict[int | None, ChoiceCosts] = {}

    def now(self, state: DeviceState, bucket: int | None = None) -> ChoiceCosts:
        """Return the costs in this state of the device, for inputs in a bucket of sizes (None: of the usual size)."""
        blocked = self.quarantine.blocked()
        if self._moves_to(state) or self._outdated or blocked is not self._blocked:
            self._blocked, self._outdated = blocked, False
            self._costs = {}
        costs = self._costs.get(bucket)
        if costs is None:
            uncorrected = self._uncorrected.get(bucket)
            if uncorrected is None:
                size = None if bucket is None else size_of(bucket)
                uncorrected = self._uncorrected[bucket] = self._of_model(self._where, size)
            costs = self._costs[bucket] = self._corrected(uncorrected)
        return costs

    def at(self, where: Floats | float, size: float | None = None) -> ChoiceCosts:
        """Return the costs in a state that is given by its coordinates, for inputs of a size."""
        return self._corrected(self._of_model(where, size))

    def without(self, costs: ChoiceCosts, excluded: frozenset[tuple[str, str]]) -> ChoiceCosts:
        """Return costs by which some choices may not run."""
        barred = [choice in excluded for choice in self.model.choices]
        latency, p95 = np.where(barred, np.inf, costs.latency_ms), np.where(barred, np.inf, costs.p95_ms)
        return replace(costs, latency_ms=latency, p95_ms=p95)

    def observe(self, choice: tuple[str, str], measured_ms: float, costs: ChoiceCosts) -> None:
        """Correct by an inference that was planned at these costs."""
        number = self._numbers[choice]
        if self.corrections is not None and self.corrections.observe(
            number, float(costs.model_ms[number]), measured_ms, costs.where
        ):
            self._outdated = True

    def _moves_to(self, state: DeviceState) -> bool:
        """Take note of a state of the device; return whether the cost model says something else there."""
        if state is self._state:
            return False
        self._state = state
        where = place(state, self.model.coordinates)
        if not self._is_other(where, state.time_ns):
            return False
        self._since_ns, self._where, self._here, self._uncorrected = state.time_ns, where, _logs(where), {}
        if self.corrections is not None:
            self.corrections.move(self._here)
        return True

    def _is_other(self, where: Floats, time_ns: int) -> bool:
        """Whether a state is another one than that of the present costs, or these are old."""
        if time_ns - self._since_ns > _HELD_NS:
            return True
        for then, number in zip(self._here, where.tolist(), strict=True):
            change = abs(math.log1p(number) - then)
            if not (change <= _SAME_STATE or (math.isnan(number) and math.isnan(then))):
                return True
        return False

    def number(self, choice: tuple[str, str]) -> int:
        """Return the number of a choice."""
        return self._numbers[choice]

    def _of_model(self, where: Floats | float, size: float | None) -> ChoiceCosts:
        mean, p95 = self.model.both_at(where, size)
        here = self._here if where is self._where else _logs(where)  # the same object: nearness to it is found at once
        return ChoiceCosts(mean, p95, mean, here, size)

    def _corrected(self, model: ChoiceCosts) -> ChoiceCosts:
        latency, p95 = model.latency_ms, model.p95_ms
        if self.corrections is not None:
            factors = self.corrections.factors()
            latency, p95 = latency * factors, p95 * factors
        if self._blocked:
            barred = [pair in self._blocked or pair[1] in self._blocked for pair in self.model.choices]
            latency, p95 = np.where(barred, np.inf, latency), np.where(barred, np.inf, p95)
        return ChoiceCosts(latency, p95, model.model_ms, model.where, model.size)


def _logs(where: Floats | float) -> StateCoordinates:
    return tuple(np.log1p(np.atleast_1d(where)).tolist())

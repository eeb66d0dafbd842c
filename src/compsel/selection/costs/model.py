"""What every choice costs in the device's present state: measured in some states, inferred between and beyond them.

The logarithm of a latency is a Gaussian process over the numbers that describe the state (Rasmussen and Williams,
Gaussian Processes for Machine Learning, 2006, sections 2.2 and 2.7): a straight line, since beside c competing threads
an inference takes about (1 + c) times as long, and a smooth departure from it. The weights of the measured states
depend on the states alone, so that one small system serves all choices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.device.state import DeviceState

__all__ = ["COORDINATES", "CostModel", "place"]

Floats = NDArray[np.float64]

# numbers of a `DeviceState` that tell states apart by what they do to latency; a model has those that were measured
COORDINATES = ("load_others", "runnable_others", "frequency_ratio")
# prior variances of a logarithm: of the level, of the slope, of the departure from the line, and of a measured mean
_LEVEL, _SLOPE, _DEPARTURE, _MEASURED = 100.0, 0.5, 0.05, 1e-4
_LENGTH = 0.5  # of the departure, in units of log(1 + coordinate)
_LEAST_POWER_W = 1e-3
_BEYOND = np.log(2.0)  # so far outside the measured states the line is believed


@dataclass(frozen=True)
class CostModel:
    """Latency of every choice as a function of the device's state.

    Attributes:
        choices: (n_choices,) pairs of variant and processor.
        states: (n_states, n_coordinates) what the sampler said while each state was measured; the idlest one first.
        latency_ms: (n_states, n_choices), means.
        p95_ms: the same, 95th percentiles.
        coordinates: (n_coordinates,) names of numbers of a `DeviceState`.
        names: (n_states,) of the states, such as "busy:1".
        power_w: (n_choices,) mean power of each choice where energy is what is minimised; None: latency is.

    >>> model = CostModel((("a", "cpu:1"), ("a", "cpu:2")), np.array([[0.0], [1.0]]),
    ...                   np.array([[4.0, 2.0], [4.0, 6.0]]), np.array([[4.0, 2.0], [4.0, 6.0]]))
    >>> model.at(0.0).round(1), model.at(1.0).round(1)
    (array([4., 2.]), array([4., 6.]))
    >>> model.processors("a", 0.0)[0], model.processors("a", 1.0)[0]
    ('cpu:2', 'cpu:1')
    """

    choices: tuple[tuple[str, str], ...]
    states: Floats
    latency_ms: Floats
    p95_ms: Floats
    coordinates: tuple[str, ...] = COORDINATES[:1]
    names: tuple[str, ...] = field(default=())
    power_w: Floats | None = None

    @property
    def idle(self) -> Floats:
        """Coordinates of the idlest state, (n_coordinates,)."""
        return np.asarray(self.states[0])

    def at(self, where: Floats | float) -> Floats:
        """Return the mean latency (n_choices,) in a state, given by its coordinates."""
        return self.both_at(where)[0]

    def both_at(self, where: Floats | float) -> tuple[Floats, Floats]:
        """Return mean and 95th percentile of the latency (n_choices,) in a state."""
        weights = self._weights(where)
        # where coordinates are nearly collinear a line beyond the measured states can run away
        mean, p95 = (
            np.clip(weights @ logs, low, high) for logs, (low, high) in zip(self._logs, self._bounds, strict=True)
        )
        return np.exp(mean), np.exp(np.maximum(mean, p95))

    def left_out_error(self) -> Floats:
        """Return log(predicted / measured) (n_states, n_choices), each state predicted from the others.

        In closed form: Rasmussen and Williams, section 5.4.2.
        """
        return np.asarray(-(self._inverse @ self._logs[0]) / np.diag(self._inverse)[:, None])

    def processors(self, variant: str, where: Floats | float) -> tuple[str, float]:
        """Return the cheapest processor of a variant in a state, and its mean latency in ms there."""
        latency = self.at(where)
        cost = self.cost_of(latency)
        column = min(self._columns[variant], key=lambda number: float(cost[number]))
        return self.choices[column][1], float(latency[column])

    def cost_of(self, latency: Floats) -> Floats:
        """Return what is minimised (n_choices,) at given latencies: these (ms), or the energy (mJ) that they take."""
        return latency if self.power_w is None else latency * self.power_w

    def with_power(self, power_w: Mapping[tuple[str, str], float]) -> "CostModel":
        """Return the model that minimises energy, of the choices whose power is known."""
        kept = self.take([number for number, choice in enumerate(self.choices) if choice in power_w])
        # below what a meter can tell from idling: so little that it is as good as nothing
        return replace(kept, power_w=np.maximum([power_w[choice] for choice in kept.choices], _LEAST_POWER_W))

    def cheapest(
        self, variants: Sequence[str], where: Floats | float, processor: str | None = None
    ) -> tuple[Floats, Floats, tuple[str, ...]]:
        """Return for each variant cost and 95th percentile on its cheapest processor, and that processor.

        Args:
            variants: names.
            where: coordinates of the state.
            processor: asks for this one instead, where the variant was measured on it.
        """
        mean, p95 = self.both_at(where)
        return self.best(variants, self.cost_of(mean), p95, processor)

    def best(
        self,
        variants: Sequence[str],
        cost: Floats,
        p95: Floats,
        processor: str | None = None,
        worth_changing: float = 1.0,
    ) -> tuple[Floats, Floats, tuple[str, ...]]:
        """Do what `cheapest` does with given costs and 95th percentiles (n_choices,).

        The processor that is cheapest over all measured states is left only for one that is so many times cheaper now.
        """
        steadiest = self._steadiest
        best = [
            min(
                self._columns[name],
                key=lambda number: (
                    self.choices[number][1] != processor,
                    float(cost[number]) * (1.0 if number in steadiest else worth_changing),
                ),
            )
            for name in variants
        ]
        return cost[best], p95[best], tuple(self.choices[number][1] for number in best)

    def take(self, keep: Sequence[int]) -> "CostModel":
        """Return the model of some of the choices, by number."""
        return CostModel(
            tuple(self.choices[number] for number in keep),
            self.states,
            self.latency_ms[:, keep],
            self.p95_ms[:, keep],
            self.coordinates,
            self.names,
            None if self.power_w is None else self.power_w[list(keep)],
        )

    def restricted(self, variants: Sequence[str]) -> "CostModel":
        """Return the model of some of the variants."""
        return self.take([number for number, (variant, _) in enumerate(self.choices) if variant in set(variants)])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "choices": [list(choice) for choice in self.choices],
            "coordinates": list(self.coordinates),
            "names": list(self.names),
            "states": self.states.tolist(),
            "latency_ms": self.latency_ms.tolist(),
            "p95_ms": self.p95_ms.tolist(),
            "power_w": None if self.power_w is None else self.power_w.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CostModel":
        """Read the JSON form; bundles of format 1 know the load by others alone.

        Raises:
            ValueError: tables of other shapes, coordinates that are not numbers from 0, latencies that are no times.
        """
        states = content["states"] if "states" in content else [[load] for load in content["loads"]]
        model = cls(
            tuple((variant, processor) for variant, processor in content["choices"]),
            np.array(states, np.float64),
            np.array(content["latency_ms"], np.float64),
            np.array(content["p95_ms"], np.float64),
            tuple(content.get("coordinates", COORDINATES[:1])),
            tuple(content.get("names", ())),
            None if content.get("power_w") is None else np.array(content["power_w"], np.float64),
        )
        model._check()
        return model

    def _check(self) -> None:
        shape = (len(self.states), len(self.choices))
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("costs: got a choice twice")
        if unknown := set(self.coordinates) - set(COORDINATES):
            raise ValueError(f"costs: got coordinates {sorted(unknown)}, allowed are {COORDINATES}")
        if self.states.shape != (shape[0], len(self.coordinates)) or not self.coordinates:
            raise ValueError(f"costs: got states of shape {self.states.shape} for {len(self.coordinates)} coordinates")
        if 0 in shape or self.latency_ms.shape != shape or self.p95_ms.shape != shape:
            raise ValueError(f"costs: got tables of shape {self.latency_ms.shape}, {self.p95_ms.shape}, not {shape}")
        if self.power_w is not None and not (
            self.power_w.shape == shape[1:] and (np.isfinite(self.power_w) & (self.power_w > 0)).all()
        ):
            raise ValueError("costs: got powers that are not one number above 0 for each choice")
        if self.names and len(self.names) != shape[0]:
            raise ValueError(f"costs: got {len(self.names)} names of {shape[0]} states")
        if not (np.isfinite(self.states).all() and (self.states >= 0).all()):
            raise ValueError("costs: got coordinates of states that are not numbers from 0")
        if not all((np.isfinite(table) & (table > 0)).all() for table in (self.latency_ms, self.p95_ms)):
            raise ValueError("costs: got latencies that are not times above 0")

    @classmethod
    def fit(
        cls,
        latencies: Mapping[tuple[str, str, str], Floats],
        seen: Mapping[str, Mapping[str, float]],
    ) -> "CostModel":
        """Summarise measured latencies, by (variant, processor, state), and what the sampler saw in each state.

        Choices that were not measured in every state, and numbers that were not seen in every state, are left out.
        """
        coordinates = tuple(
            name for name in COORDINATES if all(np.isfinite(values.get(name, np.nan)) for values in seen.values())
        )
        points = {state: [values[name] for name in coordinates] for state, values in seen.items()}
        states = sorted(seen, key=lambda state: [seen[state].get(name, 0.0) for name in COORDINATES])
        choices = tuple(dict.fromkeys((variant, processor) for variant, processor, _ in latencies))
        complete = [choice for choice in choices if all((*choice, state) in latencies for state in states)]
        shape = (len(states), len(complete))
        runs = [latencies[(*choice, state)] for state in states for choice in complete]
        return cls(
            tuple(complete),
            np.array([points[state] for state in states], np.float64).reshape(len(states), len(coordinates)),
            np.array([values.mean() for values in runs]).reshape(shape),
            np.array([np.quantile(values, 0.95) for values in runs]).reshape(shape),
            coordinates,
            tuple(states),
        )

    @cached_property
    def _columns(self) -> dict[str, list[int]]:
        columns: dict[str, list[int]] = {}
        for number, (variant, _) in enumerate(self.choices):
            columns.setdefault(variant, []).append(number)
        return columns

    @cached_property
    def _steadiest(self) -> frozenset[int]:
        """Return for each variant the choice that is cheapest over all measured states (geometric mean)."""
        totals = self.cost_of(np.exp(self._logs[0].mean(axis=0)))
        return frozenset(min(columns, key=lambda number: float(totals[number])) for columns in self._columns.values())

    @cached_property
    def _logs(self) -> tuple[Floats, Floats]:
        return np.log(self.latency_ms), np.log(self.p95_ms)

    @cached_property
    def _bounds(self) -> tuple[tuple[Floats, Floats], ...]:
        """Return how low and how high each logarithm may go: as far beyond the measured ones as these lie apart."""
        ranges = [(logs.min(axis=0), logs.max(axis=0)) for logs in self._logs]
        return tuple((2 * low - high, 2 * high - low) for low, high in ranges)

    @cached_property
    def _placed(self) -> Floats:
        return np.log1p(self.states)

    @cached_property
    def _inverse(self) -> Floats:
        gram = _kernel(self._placed, self._placed) + _MEASURED * np.eye(len(self.states))
        return np.asarray(np.linalg.inv(gram))

    def _points(self, where: Floats | float) -> Floats:
        """Return a point (1, n_coordinates), moved to where the measured states allow a statement."""
        x = np.log1p(np.atleast_1d(np.asarray(where, np.float64)))
        known = self._placed
        missing = np.isnan(x)
        if missing.any():
            nearest = np.argmin(np.where(missing, 0.0, (known - x) ** 2).sum(axis=1))
            x = np.where(missing, known[nearest], x)
        low, high = known.min(axis=0), known.max(axis=0)
        # where all states are alike in a coordinate, nothing is known of its effect
        beyond = np.where(high > low, _BEYOND, 0.0)
        return np.asarray(np.clip(x, low - beyond, high + beyond))[None]

    def _weights(self, where: Floats | float) -> Floats:
        weights = (self._inverse @ _kernel(self._placed, self._points(where)))[:, 0]
        return np.asarray(weights / weights.sum())


def place(state: DeviceState, coordinates: Sequence[str]) -> Floats:
    """Return the coordinates of a state of the device, NaN for what is not known.

    >>> place(DeviceState(0, cores=2, load_others=1.5), ("load_others", "runnable_others"))
    array([1.5, nan])
    """
    return np.array([getattr(state, name) for name in coordinates], np.float64)


def _kernel(a: Floats, b: Floats) -> Floats:
    squared = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(_LEVEL + _SLOPE * (a @ b.T) + _DEPARTURE * np.exp(-squared / (2 * _LENGTH**2)))

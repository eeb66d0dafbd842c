"""What every choice costs in the device's present state: measured in some states, inferred between and beyond them.

The logarithm of a latency is a Gaussian process over the numbers that describe the state, see
`compsel.selection.costs.states`: a straight line, since beside c competing threads an inference takes about (1 + c)
times as long, and a smooth departure from it. Where the cost depends on the size of the input it is measured at several
sizes, see `compsel.selection.costs.sizes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.selection.costs.sizes import SizeTables
from compsel.selection.costs.states import COORDINATES, LogTable, StateWeights, place
from compsel.values import dataclass

__all__ = ["COORDINATES", "CostModel", "place"]

Floats = NDArray[np.float64]

_LEAST_POWER_W = 1e-3


@dataclass(frozen=True)
class CostModel:
    """Latency of every choice as a function of the device's state.

    Attributes:
        choices: (n_choices,) pairs of variant and processor.
        states: (n_states, n_coordinates) what the sampler said while each state was measured; the idlest one first.
        latency_ms: (n_states, n_choices), means, for inputs of the usual size.
        p95_ms: the same, 95th percentiles.
        coordinates: (n_coordinates,) names of numbers of a `DeviceState`.
        names: (n_states,) of the states, such as "busy:1".
        power_w: (n_choices,) mean power of each choice where energy is what is minimised; None: latency is.
        by_size: the latencies at other sizes of input; None where size plays no role, or was not measured.

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
    by_size: SizeTables | None = None

    @property
    def sizes(self) -> Floats:
        """Measured sizes of input (n_sizes,), ascending; empty where size plays no role."""
        return np.empty(0) if self.by_size is None else self.by_size.sizes

    @property
    def unit(self) -> str:
        """Unit of sizes; "" where size plays no role."""
        return "" if self.by_size is None else self.by_size.unit

    @property
    def sized_by(self) -> str:
        """Name of the variant that counts the units of an input; "" where size plays no role."""
        return "" if self.by_size is None else self.by_size.sized_by

    @property
    def idle(self) -> Floats:
        """Coordinates of the idlest state, (n_coordinates,)."""
        return np.asarray(self.states[0])

    def at(self, where: Floats | float, size: float | None = None) -> Floats:
        """Return the mean latency (n_choices,) in a state, given by its coordinates.

        Args:
            where: (n_coordinates,), NaN where one is not known.
            size: of the input; None: the usual one.
        """
        return self.both_at(where, size)[0]

    def both_at(self, where: Floats | float, size: float | None = None) -> tuple[Floats, Floats]:
        """Return mean and 95th percentile of the latency (n_choices,) in a state, for inputs of a size."""
        weights = self._weights.at(where)
        if size is not None and self.by_size is not None:
            return self.by_size.at(weights, size)
        mean, p95 = (table.at(weights) for table in self._tables)
        return mean, np.maximum(mean, p95)

    def left_out_error(self) -> Floats:
        """Return log(predicted / measured) (n_states, n_choices), each state predicted from the others."""
        return self._weights.left_out_error(self._tables[0].logs)

    def left_out_size_error(self) -> Floats:
        """Return the same (n_sizes - 2, n_states, n_choices) for inner sizes, each predicted from its neighbours."""
        return np.empty((0, *self.latency_ms.shape)) if self.by_size is None else self.by_size.left_out_error()

    def processors(self, variant: str, where: Floats | float, size: float | None = None) -> tuple[str, float]:
        """Return the cheapest processor of a variant in a state, and its mean latency in ms there."""
        latency = self.at(where, size)
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
        self,
        variants: Sequence[str],
        where: Floats | float,
        processor: str | None = None,
        size: float | None = None,
    ) -> tuple[Floats, Floats, tuple[str, ...]]:
        """Return for each variant cost and 95th percentile on its cheapest processor, and that processor.

        Args:
            variants: names.
            where: coordinates of the state.
            processor: asks for this one instead, where the variant was measured on it.
            size: of the input; None: the usual one.
        """
        mean, p95 = self.both_at(where, size)
        return self.best(variants, self.cost_of(mean), p95, processor)

    def best(
        self,
        variants: Sequence[str],
        cost: Floats,
        p95: Floats,
        processor: str | None = None,
        worth_changing: float = 1.0,
        size: float | None = None,
    ) -> tuple[Floats, Floats, tuple[str, ...]]:
        """Do what `cheapest` does with given costs and 95th percentiles (n_choices,).

        The processor that is cheapest over all measured states, for inputs of this size, is left only for one that is
        so many times cheaper now.
        """
        steadiest = self._steadiest_at(size)
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
            None if self.by_size is None else self.by_size.take(keep),
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
            "by_size": None if self.by_size is None else self.by_size.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CostModel":
        """Read the JSON form; bundles of format 1 know the load by others alone, those of compsel 0.2 no sizes.

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
            None if content.get("by_size") is None else SizeTables.from_dict(content["by_size"]),
        )
        model._check()
        return model

    def _check(self) -> None:
        if not all(isinstance(word, str) and word for choice in self.choices for word in choice):
            raise ValueError("costs: got choices that are no pairs of names of a variant and a processor")
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
        if self.by_size is not None:
            self.by_size.check(shape)

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

    def _steadiest_at(self, size: float | None) -> frozenset[int]:
        """Return for each variant the choice that is cheapest over all measured states (geometric mean)."""
        row = None if size is None or self.by_size is None else self.by_size.nearest(size)
        if row not in self._steadiest:
            table = self.latency_ms if row is None or self.by_size is None else self.by_size.latency_ms[row]
            totals = self.cost_of(np.exp(np.log(table).mean(axis=0)))
            columns = self._columns.values()
            self._steadiest[row] = frozenset(min(some, key=lambda number: float(totals[number])) for some in columns)
        return self._steadiest[row]

    @cached_property
    def _steadiest(self) -> dict[int | None, frozenset[int]]:
        """By number of the measured size, None for the usual one."""
        return {}

    @cached_property
    def _tables(self) -> tuple[LogTable, LogTable]:
        return LogTable(np.log(self.latency_ms)), LogTable(np.log(self.p95_ms))

    @cached_property
    def _weights(self) -> StateWeights:
        return StateWeights(self.states)

"""What every choice costs in the device's present state: measured in some states, interpolated between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CostModel"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CostModel:
    """Latency of every choice as a function of the load by other processes.

    Attributes:
        choices: (n_choices,) pairs of variant and processor.
        loads: (n_states,) cores kept busy by others, ascending.
        latency_ms: (n_states, n_choices), means; nan where a choice was not measured in a state.
        p95_ms: the same, 95th percentiles.

    >>> model = CostModel((("a", "cpu:1"), ("a", "cpu:2")), np.array([0.0, 1.0]),
    ...                   np.array([[4.0, 2.0], [4.0, 6.0]]), np.array([[4.0, 2.0], [4.0, 6.0]]))
    >>> model.at(0.0), model.at(1.0)
    (array([4., 2.]), array([4., 6.]))
    >>> model.processors("a", 0.0), model.processors("a", 1.0)
    (('cpu:2', 2.0), ('cpu:1', 4.0))
    """

    choices: tuple[tuple[str, str], ...]
    loads: Floats
    latency_ms: Floats
    p95_ms: Floats

    @cached_property
    def _columns(self) -> dict[str, list[int]]:
        columns: dict[str, list[int]] = {}
        for number, (variant, _) in enumerate(self.choices):
            columns.setdefault(variant, []).append(number)
        return columns

    def at(self, load: float) -> Floats:
        """Return the mean latency (n_choices,) at a load, linear between the measured ones, flat outside them."""
        return self._interpolate(self.latency_ms, load)

    def p95_at(self, load: float) -> Floats:
        """Return the 95th percentile of the latency (n_choices,) at a load."""
        return self._interpolate(self.p95_ms, load)

    def processors(self, variant: str, load: float) -> tuple[str, float]:
        """Return the fastest processor of a variant at a load, and its mean latency in ms."""
        latency = self.at(load)
        column = min(self._columns[variant], key=lambda number: float(latency[number]))
        return self.choices[column][1], float(latency[column])

    def prices(
        self, variants: Sequence[str], load: float, processor: str | None = None
    ) -> tuple[Floats, Floats, tuple[str, ...]]:
        """Return for each variant the mean and the 95th percentile on its fastest processor, and that processor.

        Args:
            variants: names.
            load: cores kept busy by others.
            processor: asks for this one instead, where the variant was measured on it.
        """
        latency, p95 = self.at(load), self.p95_at(load)
        best = [
            min(
                self._columns[name],
                key=lambda number: (self.choices[number][1] != processor, float(latency[number])),
            )
            for name in variants
        ]
        return latency[best], p95[best], tuple(self.choices[number][1] for number in best)

    def restricted(self, variants: Sequence[str]) -> "CostModel":
        """Return the model of some of the variants."""
        keep = [number for number, (variant, _) in enumerate(self.choices) if variant in set(variants)]
        return CostModel(
            tuple(self.choices[number] for number in keep),
            self.loads,
            self.latency_ms[:, keep],
            self.p95_ms[:, keep],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "choices": [list(choice) for choice in self.choices],
            "loads": self.loads.tolist(),
            "latency_ms": self.latency_ms.tolist(),
            "p95_ms": self.p95_ms.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CostModel":
        """Read the JSON form.

        Raises:
            ValueError: tables of other shapes, loads that do not ascend, latencies that are no times.
        """
        model = cls(
            tuple((variant, processor) for variant, processor in content["choices"]),
            np.array(content["loads"], np.float64),
            np.array(content["latency_ms"], np.float64),
            np.array(content["p95_ms"], np.float64),
        )
        shape = (len(model.loads), len(model.choices))
        if len(set(model.choices)) < len(model.choices):
            raise ValueError("costs: got a choice twice")
        if 0 in shape or model.latency_ms.shape != shape or model.p95_ms.shape != shape:
            raise ValueError(f"costs: got tables of shape {model.latency_ms.shape}, {model.p95_ms.shape}, not {shape}")
        if not (np.isfinite(model.loads).all() and (np.diff(model.loads) > 0).all()):
            raise ValueError(f"costs: got loads {content['loads']}, allowed are ascending numbers")
        if not all((np.isfinite(table) & (table > 0)).all() for table in (model.latency_ms, model.p95_ms)):
            raise ValueError("costs: got latencies that are not times above 0")
        return model

    @classmethod
    def fit(cls, latencies: Mapping[tuple[str, str, str], Floats], load: Mapping[str, float]) -> "CostModel":
        """Summarise measured latencies, by (variant, processor, state), and the load of each state."""
        states = sorted(load, key=lambda state: load[state])
        choices = tuple(dict.fromkeys((variant, processor) for variant, processor, _ in latencies))
        shape = (len(states), len(choices))
        mean, p95 = np.full(shape, np.nan), np.full(shape, np.nan)
        for row, state in enumerate(states):
            for column, (variant, processor) in enumerate(choices):
                values = latencies.get((variant, processor, state))
                if values is not None:
                    mean[row, column], p95[row, column] = values.mean(), np.quantile(values, 0.95)
        complete = np.isfinite(mean).all(axis=0)
        keep = np.flatnonzero(complete)
        # loads must ascend strictly for the interpolation; equal ones are told apart by a hair
        loads = np.array([load[state] for state in states]) + 1e-9 * np.arange(len(states))
        return cls(tuple(choices[number] for number in keep), loads, mean[:, keep], p95[:, keep])

    def _interpolate(self, table: Floats, load: float) -> Floats:
        if len(self.loads) == 1 or load <= self.loads[0]:
            return np.asarray(table[0])
        upper = int(np.searchsorted(self.loads, load))
        if upper >= len(self.loads):
            return np.asarray(table[-1])
        low, high = self.loads[upper - 1], self.loads[upper]
        share = (load - low) / (high - low)
        return np.asarray(table[upper - 1] * (1.0 - share) + table[upper] * share)

"""Turns measured latencies into a cost model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import SizeTables

if TYPE_CHECKING:
    from compsel.profiling.latency_table import LatencyTable

__all__ = ["fit_costs"]

Floats = NDArray[np.float64]
Runs = Mapping[tuple[str, str, str], Floats]
_LEAST = 0.1  # of its latency at the usual size: no input is so small that a choice takes less


def fit_costs(table: "LatencyTable") -> CostModel:
    """Summarise the measured latencies, at the usual size of input and at the others.

    A choice that was not measured at another size differs there from its latency at the usual one by as many
    milliseconds as those do that were: what it shares with them, the preparation of the input, is what grows.
    """
    model = CostModel.fit(table.by_choice(), table.seen)
    by_size = {size: runs for size, runs in table.by_size().items() if _columns(model, runs)}
    if len(by_size) < 2 or table.usual_size not in by_size:
        return model
    tables = [_tables(model, runs, size == table.usual_size) for size, runs in by_size.items()]
    mean, p95 = (np.stack(parts) for parts in zip(*tables, strict=True))
    sizes = np.array(list(by_size))
    return replace(model, by_size=SizeTables(sizes, table.usual_size, table.unit, table.sized_by, mean, p95))


def _columns(model: CostModel, runs: Runs) -> list[int]:
    """Return the choices that were measured in every state."""
    states = model.names
    return [column for column, choice in enumerate(model.choices) if all((*choice, state) in runs for state in states)]


def _tables(model: CostModel, runs: Runs, usual: bool) -> tuple[Floats, Floats]:
    """Return means and 95th percentiles (n_states, n_choices) at one size."""
    if usual:
        return model.latency_ms, model.p95_ms
    columns = _columns(model, runs)
    found = []
    for table, summary in ((model.latency_ms, np.mean), (model.p95_ms, _p95)):
        here = np.array([[summary(runs[(*model.choices[c], state)]) for c in columns] for state in model.names])
        more = (here - table[:, columns]).mean(axis=1, keepdims=True)
        filled = np.maximum(table + more, _LEAST * table)
        filled[:, columns] = here
        found.append(filled)
    return found[0], found[1]


def _p95(values: Sequence[float] | Floats) -> float:
    return float(np.quantile(values, 0.95))

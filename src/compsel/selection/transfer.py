"""Costs of one device, moved to another with a few measurements.

The logarithm of new over old latency is a sum of independent Gaussian effects: of the device, the processor, the
state, the state on a processor, the variant, the variant on a processor (crossed random effects; as a Gaussian process
with kernels of indicators: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 2.2). What is
measured next is the cell that this model is least sure of.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cell", "Transfer"]

Floats = NDArray[np.float64]
Cell = tuple[int, int, int]  # numbers of state, variant, processor

# prior variances of the effects, and of a measured mean; second, of processors that the old table lacks
_DEVICE, _STATE, _STATE_PROCESSOR, _VARIANT, _MEASURED = 1.0, 0.1, 0.1, 0.02, 0.005
_PROCESSOR, _VARIANT_PROCESSOR = (0.3, 1.0), (0.02, 0.15)


@dataclass
class Transfer:
    """Learns how the latencies of a new device differ from those of an old one.

    Args:
        old_ms: (n_states, n_variants, n_processors), the old table; for a processor that it does not know, that of
            another one.
        known: (n_processors,) whether the old table knows the processor.

    >>> transfer = Transfer(np.array([[[2.0], [4.0], [8.0]]]), [True])
    >>> transfer.add((0, 0, 0), 4.0)
    >>> transfer.predict().round(0).tolist()
    [[[4.0], [8.0], [16.0]]]
    """

    old_ms: Floats
    known: Sequence[bool]
    cells: list[Cell] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def add(self, cell: Cell, latency_ms: float) -> None:
        """Take a measured mean."""
        self.cells.append(cell)
        self.ratios.append(float(np.log(latency_ms / self.old_ms[cell])))

    def next(self, state: int) -> Cell:
        """Return the cell of a state that is known least; the cheapest variant among equals."""
        candidates = [cell for cell in np.ndindex(self.old_ms.shape) if cell[0] == state and cell not in self.cells]
        if not candidates:
            raise ValueError(f"every cell of state {state} was measured")
        variance = self._variance(candidates)
        cheap = np.array([self.old_ms[cell] for cell in candidates])
        best = int(np.lexsort((cheap, -variance.round(6)))[0])
        chosen: Cell = (candidates[best][0], candidates[best][1], candidates[best][2])
        return chosen

    def predict(self) -> Floats:
        """Return the new table (n_states, n_variants, n_processors); what was measured is in it."""
        everything: list[Cell] = [(s, v, p) for s, v, p in np.ndindex(self.old_ms.shape)]
        if not self.cells:
            return self.old_ms.copy()
        weights = np.linalg.solve(self._gram(), np.array(self.ratios))
        logs = self._kernel(everything, self.cells) @ weights
        return self.old_ms * np.exp(logs.reshape(self.old_ms.shape))

    def left_out_error(self) -> Floats:
        """Return log(predicted / measured) of each measured cell, predicted from the others (n_cells,).

        In closed form: Rasmussen and Williams, section 5.4.2.
        """
        inverse = np.linalg.inv(self._gram())
        return np.asarray(-(inverse @ np.array(self.ratios)) / np.diag(inverse))

    def _gram(self) -> Floats:
        return self._kernel(self.cells, self.cells) + _MEASURED * np.eye(len(self.cells))

    def _variance(self, cells: Sequence[tuple[int, ...]]) -> Floats:
        prior = np.array([self._kernel([cell], [cell])[0, 0] for cell in cells])
        if not self.cells:
            return prior
        cross = self._kernel(cells, self.cells)
        return np.asarray(prior - (cross * np.linalg.solve(self._gram(), cross.T).T).sum(axis=1))

    def _kernel(self, a: Sequence[tuple[int, ...]], b: Sequence[tuple[int, ...]]) -> Floats:
        left, right = np.array(a)[:, None, :], np.array(b)[None, :, :]
        state, variant, processor = np.moveaxis(left == right, 2, 0)
        unknown = np.where(np.array(self.known)[left[..., 2]], 0, 1)
        return np.asarray(
            _DEVICE
            + _STATE * state
            + np.take(_PROCESSOR, unknown) * processor
            + _STATE_PROCESSOR * (state & processor)
            + _VARIANT * variant
            + np.take(_VARIANT_PROCESSOR, unknown) * (variant & processor)
        )

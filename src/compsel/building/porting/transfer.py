"""Costs of one device, moved to another with a few measurements.

The logarithm of new over old latency is a sum of independent Gaussian effects: of the device, the processor, the state,
the kind of arithmetic, the variant, of some of these together, and of each cell of the table alone (crossed random
effects; as a Gaussian process with kernels of indicators: Rasmussen and Williams, Gaussian Processes for Machine
Learning, 2006, section 2.2). The cells to measure are those that leave the whole table least unsure: how unsure depends
on which cells they are and not on what is measured there, so that they are known beforehand (greedy I-optimal design).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cell", "Transfer", "Transferred", "smooth"]

Floats = NDArray[np.float64]
Cell = tuple[int, int, int]  # numbers of state, variant, processor

# prior variances of the effects
_DEVICE, _STATE, _PROCESSOR, _STATE_PROCESSOR = 1.0, 0.02, 0.03, 0.02
_KIND, _KIND_PROCESSOR, _VARIANT, _VARIANT_PROCESSOR, _CELL = 0.01, 0.01, 0.01, 0.01, 0.02
# what is added for processors that the old table lacks
_NEW_PROCESSOR, _NEW_STATE_PROCESSOR, _NEW_KIND_PROCESSOR, _NEW_VARIANT_PROCESSOR = 0.3, 0.1, 0.05, 0.05
# what the others are multiplied by where the device is the same: other versions of the runtime, other neighbours
_SAME_DEVICE, _SAME_OTHERS = 0.01, 0.3
_TYPICAL_DEVIATION = 0.1  # of the logarithm of a measured mean, as long as it was not measured
_SWEEPS = 20


@dataclass(frozen=True)
class Transferred:
    """The table of the new device.

    Attributes:
        latency_ms: (n_states, n_variants, n_processors).
        deviation: the same shape, standard deviations of its logarithms, widened where cells that were left out were
            predicted worse than that.
        left_out: (n_measured,) log(predicted / measured), each measured cell predicted from the others.

    >>> Transferred(np.ones((1, 1, 1)), np.full((1, 1, 1), 0.1), np.zeros(0)).error
    0.1
    """

    latency_ms: Floats
    deviation: Floats
    left_out: Floats

    @property
    def error(self) -> float:
        """The error to expect of a logarithm (root mean square over the table): 0.1 is about 10 %."""
        return float(np.sqrt(np.mean(self.deviation**2)))


@dataclass(frozen=True)
class Transfer:
    """How the latencies of a new device may differ from those of an old one.

    Args:
        states: how many.
        kinds: (n_variants,) the kind of arithmetic of each variant: variants of one kind gain alike from a processor.
        known: (n_processors,) whether the old table knows the processor.
        same_device: whether it is the old device, with other processors: what is known hardly changes.

    >>> transfer = Transfer(1, ("float", "float", "int8"), (True,))
    >>> old_ms = np.array([[[2.0], [4.0], [8.0]]])
    >>> transfer.fit(old_ms, [(0, 0, 0)], [4.0], [0.02]).latency_ms.round(1).tolist()
    [[[4.0], [7.8], [15.4]]]
    """

    states: int
    kinds: Sequence[str]
    known: Sequence[bool]
    same_device: bool = False

    @property
    def shape(self) -> Cell:
        """Numbers of states, variants and processors."""
        return self.states, len(self.kinds), len(self.known)

    def plan(self, count: int) -> list[Cell]:
        """Return which cells to measure, so many or all there are, the most telling one first."""
        left = self._covariance.copy()
        numbers: list[int] = []
        for _ in range(min(count, len(left))):
            # how much less the sum of all variances is when this cell is known too
            gain = (left**2).sum(axis=0) / (left.diagonal() + _TYPICAL_DEVIATION**2)
            gain[numbers] = -1.0
            best = int(gain.round(9).argmax())
            left -= np.outer(left[:, best], left[best]) / (left[best, best] + _TYPICAL_DEVIATION**2)
            numbers.append(best)
        return [self._cells[number] for number in numbers]

    def fit(
        self, old_ms: Floats, cells: Sequence[Cell], measured_ms: Sequence[float], deviation: Sequence[float]
    ) -> Transferred:
        """Return the table of the new device.

        Args:
            old_ms: (n_states, n_variants, n_processors), of the old one; for a processor that it does not know, those
                of another.
            cells: what was measured on the new one, at least one.
            measured_ms: its means.
            deviation: standard deviations of their logarithms.
        """
        numbers = [int(np.ravel_multi_index(cell, self.shape)) for cell in cells]
        ratios = np.log(np.asarray(measured_ms) / old_ms.ravel()[numbers])
        cross = self._covariance[:, numbers]
        inverse = np.linalg.inv(cross[numbers] + np.diag(np.square(deviation)))
        mean = cross @ inverse @ ratios
        variance = self._covariance.diagonal() - np.einsum("ij,jk,ik->i", cross, inverse, cross)
        # in closed form: Rasmussen and Williams, section 5.4.2
        left_out = -(inverse @ ratios) / inverse.diagonal()
        surprise = np.sqrt(np.mean(left_out**2 * inverse.diagonal())) if len(cells) > 1 else 1.0
        spread = np.sqrt(np.maximum(variance, 0.0)) * max(1.0, surprise)
        return Transferred(old_ms * np.exp(mean.reshape(self.shape)), spread.reshape(self.shape), left_out)

    @cached_property
    def _cells(self) -> list[Cell]:
        return [(s, v, p) for s, v, p in np.ndindex(self.shape)]

    @cached_property
    def _covariance(self) -> Floats:
        """Prior covariance of the logarithms of all cells, (n_cells, n_cells)."""
        codes = np.unique(np.array(self.kinds), return_inverse=True)[1]
        cells = np.array(self._cells)
        same_state, same_variant, same_processor = (column[:, None] == column[None, :] for column in cells.T)
        same_kind = codes[cells[:, 1]][:, None] == codes[cells[:, 1]][None, :]
        new = np.where(np.array(self.known)[cells[:, 2]], 0.0, 1.0)[:, None]
        device, others = (_SAME_DEVICE, _SAME_OTHERS) if self.same_device else (1.0, 1.0)
        return np.asarray(
            device * _DEVICE
            + others * (_STATE * same_state + _KIND * same_kind + _VARIANT * same_variant)
            + (others * _STATE_PROCESSOR + _NEW_STATE_PROCESSOR * new) * (same_state & same_processor)
            + (others * _PROCESSOR + _NEW_PROCESSOR * new) * same_processor
            + (others * _KIND_PROCESSOR + _NEW_KIND_PROCESSOR * new) * (same_kind & same_processor)
            + (others * _VARIANT_PROCESSOR + _NEW_VARIANT_PROCESSOR * new) * (same_variant & same_processor)
            + others * _CELL * np.eye(len(cells))
        )


def smooth(table_ms: Floats) -> Floats:
    """Return a table (n_states, n_variants, n_processors) without what is chance in it.

    What a state does to a processor it does to all variants by about the same factor, while a mean that was measured
    beside competing threads is easily 10 to 20 % off: so each processor's table of logarithms is replaced by a sum of
    effects of state and variant (median polish: Tukey, Exploratory Data Analysis, 1977, chapter 11).

    >>> smooth(np.array([[[2.0], [4.0], [6.0]], [[4.0], [8.0], [30.0]], [[6.0], [12.0], [18.0]]])).round(1)[1, 2]
    array([12.])
    """
    rest = np.log(table_ms)
    for _ in range(_SWEEPS):
        rest = rest - np.median(rest, axis=1, keepdims=True)
        rest = rest - np.median(rest, axis=0, keepdims=True)
    return np.asarray(table_ms * np.exp(-rest))

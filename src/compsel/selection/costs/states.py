"""Weights of the measured states of a device in one that was not measured: a Gaussian process over their coordinates.

Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, sections 2.2, 2.7 and 5.4.2: a straight line and
a smooth departure from it. The weights depend on the states alone, so that one small system serves all choices.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compsel.device.state import DeviceState
from compsel.values import dataclass

__all__ = ["COORDINATES", "LogTable", "StateWeights", "place"]

Floats = NDArray[np.float64]

# numbers of a `DeviceState` that tell states apart by what they do to latency; a model has those that were measured
COORDINATES = ("load_others", "runnable_others", "frequency_ratio")
# prior variances of a logarithm: of the level, of the slope, of the departure from the line, and of a measured mean
_LEVEL, _SLOPE, _DEPARTURE, _MEASURED = 100.0, 0.5, 0.05, 1e-4
_LENGTH = 0.5  # of the departure, in units of log(1 + coordinate)
_BEYOND = np.log(2.0)  # so far outside the measured states the line is believed


@dataclass(frozen=True)
class StateWeights:
    """How much each measured state counts in any state.

    Attributes:
        states: (n_states, n_coordinates), numbers from 0.

    >>> StateWeights(np.array([[0.0], [1.0]])).at(1.0).round(2)
    array([0., 1.])
    """

    states: Floats

    def at(self, where: Floats | float) -> Floats:
        """Return the weights (n_states,), of sum 1, in a state given by its coordinates; NaN where one is not known."""
        weights = (self._inverse @ _kernel(self._placed, self._points(where)))[:, 0]
        return np.asarray(weights / weights.sum())

    def left_out_error(self, logs: Floats) -> Floats:
        """Return predicted minus measured logarithms (n_states, n), each state predicted from the others.

        In closed form: Rasmussen and Williams, section 5.4.2.
        """
        return np.asarray(-(self._inverse @ logs) / np.diag(self._inverse)[:, None])

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


@dataclass(frozen=True)
class LogTable:
    """Logarithms of times in the measured states.

    Attributes:
        logs: (..., n_states, n_choices).

    >>> LogTable(np.log(np.array([[4.0], [9.0]]))).at(np.array([0.5, 0.5])).round(2)
    array([6.])
    """

    logs: Floats

    def at(self, weights: Floats) -> Floats:
        """Return the times (..., n_choices) where the measured states have these weights (n_states,).

        They stay as near to the measured ones as these lie apart: where coordinates are nearly collinear a line beyond
        the measured states can run away.
        """
        return np.asarray(np.exp(np.clip(weights @ self.logs, *self._bounds)))

    @cached_property
    def _bounds(self) -> tuple[Floats, Floats]:
        low, high = self.logs.min(axis=-2), self.logs.max(axis=-2)
        return 2 * low - high, 2 * high - low


def place(state: DeviceState, coordinates: Sequence[str]) -> Floats:
    """Return the coordinates of a state of the device, NaN for what is not known.

    >>> place(DeviceState(0, cores=2, load_others=1.5), ("load_others", "runnable_others"))
    array([1.5, nan])
    """
    return np.array([getattr(state, name) for name in coordinates], np.float64)


def _kernel(a: Floats, b: Floats) -> Floats:
    squared = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(_LEVEL + _SLOPE * (a @ b.T) + _DEPARTURE * np.exp(-squared / (2 * _LENGTH**2)))

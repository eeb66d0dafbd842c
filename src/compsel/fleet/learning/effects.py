"""Deviations of devices from what was expected, each as well known as its records and those of alike devices allow.

The deviation of a logarithm of cost is a sum: of the fleet, of the kind of device, and of the device, each a vector
over cells (a choice in a place: a state of the device, and a size of input), drawn from a normal distribution around
the one above it. Its covariance has three variances: of what all cells share, of what the cells of a choice share, and
of each cell alone. So a device, or kind, of few records lies near the one above it, one of many near its own mean, and
what was seen of one choice tells of the others.

Variances are estimated by expectation-maximisation, the fleet's vector integrated out under a wide distribution, which
is restricted maximum likelihood (Laird and Ware, Biometrics 38, 1982); a prior worth a few groups keeps them off zero
(Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, section 5.4 and chapter 15). Vectors are found exactly, by passing
normal messages up and down the tree.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CellMeans", "Effects", "Level", "fit_effects"]

Floats = NDArray[np.float64]

# prior variances (all cells, a choice, a cell) and how many groups each of them counts for
_FLEET = (1.0, 0.1, 0.05)
_KIND = (0.1, 0.02, 0.01)
_DEVICE = (0.01, 0.003, 0.003)
_PRIOR_GROUPS = 2.0
_STEPS = 15
_LEAST = 1e-6
_MOST_FOR_VARIANCES = 2000  # devices


@dataclass(frozen=True)
class CellMeans:
    """Means of one device.

    Attributes:
        kind: of device, by key.
        cells: (n,), numbers of the cells that were seen.
        means: (n,), of the logarithm of cost over the expected cost.
        variances: (n,), of these means.

    >>> CellMeans("a", np.array([0]), np.array([0.5]), np.array([0.01])).kind
    'a'
    """

    kind: str
    cells: NDArray[np.intp]
    means: Floats
    variances: Floats


@dataclass(frozen=True)
class Level:
    """Variances of one level: of what all cells share, of what a choice's cells share, of each cell alone.

    >>> Level(0.5, 0.0, 0.25).covariance(1, 2)
    array([[0.75, 0.5 ],
           [0.5 , 0.75]])
    """

    shared: float
    choice: float
    cell: float

    def covariance(self, choices: int, places: int) -> Floats:
        """Return the covariance of the cells, (choices * places,) each way, places of a choice side by side."""
        size = choices * places
        same = np.kron(np.eye(choices), np.ones((places, places)))
        return np.asarray(self.shared + self.choice * same + self.cell * np.eye(size))

    def updated(self, moments: Floats, groups: float, choices: int, places: int) -> "Level":
        """Return the variances that second moments (summed over groups) suggest, and this level as a prior.

        The covariance has three eigenspaces: the mean of all, the means of choices around it, the rest.
        """
        total = moments + _PRIOR_GROUPS * self.covariance(choices, places)
        count = groups + _PRIOR_GROUPS
        by_choice = np.einsum("apbq->ab", total.reshape(choices, places, choices, places)) / places
        overall = float(by_choice.sum()) / choices
        of_choices, everything = float(np.trace(by_choice)), float(np.trace(total))
        first = overall / count
        second = (of_choices - overall) / (count * (choices - 1)) if choices > 1 else None
        third = (everything - of_choices) / (count * choices * (places - 1)) if places > 1 else None
        cell = max(_LEAST, third if third is not None else self.cell)
        choice = max(_LEAST, ((second if second is not None else places * self.choice + cell) - cell) / places)
        return Level(max(_LEAST, (first - places * choice - cell) / (choices * places)), choice, cell)


@dataclass(frozen=True)
class Effects:
    """What was found.

    Attributes:
        fleet: (n_cells,), of a kind that nobody knows.
        kinds: by key, (n_cells,).
        kind_deviations: by key, standard deviations (n_cells,) of these.
        devices: by name, (n_cells,).
        fleet_deviation: (n_cells,), of a new kind.
        kind_level, device_level: variances.

    >>> one = Effects(np.zeros(1), {}, {}, {}, np.ones(1), Level(1, 1, 1), Level(1, 1, 1))
    >>> one.fleet.tolist()
    [0.0]
    """

    fleet: Floats
    kinds: Mapping[str, Floats]
    kind_deviations: Mapping[str, Floats]
    devices: Mapping[str, Floats]
    fleet_deviation: Floats
    kind_level: Level
    device_level: Level


def fit_effects(devices: Mapping[str, CellMeans], choices: int, places: int) -> Effects:
    """Estimate the variances, then what every kind and every device deviates by.

    Args:
        devices: by name; one at least.
        choices, places: how many: cell `choice * places + place`.
    """
    some = {name: devices[name] for name in sorted(devices)[:_MOST_FOR_VARIANCES]}  # names are random numbers
    tree = _Tree(some, choices, places)
    prior = kind_level, device_level = Level(*_KIND), Level(*_DEVICE)
    for _ in range(_STEPS):
        kind_moments, device_moments = tree.moments(kind_level, device_level)
        kind_level = prior[0].updated(kind_moments, len(tree.kinds), choices, places)
        device_level = prior[1].updated(device_moments, len(some), choices, places)
    return _Tree({name: devices[name] for name in sorted(devices)}, choices, places).effects(kind_level, device_level)


class _Tree:
    """Normal messages between the fleet, its kinds and its devices, in the form of precisions."""

    def __init__(self, devices: Mapping[str, CellMeans], choices: int, places: int) -> None:
        self.devices = devices
        self.shape, self.size = (choices, places), choices * places
        self.kinds = sorted({one.kind for one in devices.values()})
        self.members: dict[str, list[str]] = {key: [] for key in self.kinds}
        for name, one in devices.items():
            self.members[one.kind].append(name)

    def moments(self, kind_level: Level, device_level: Level) -> tuple[Floats, Floats]:
        """Return the sums over kinds, and over devices, of the second moments of what each deviates by."""
        of_kinds, of_devices = np.zeros((self.size, self.size)), np.zeros((self.size, self.size))
        up = self._up(kind_level, device_level)
        spread = device_level.covariance(*self.shape)
        for key in self.kinds:
            mean, covariance, deviation, of_deviation = up.kind(key)
            of_kinds += of_deviation + np.outer(deviation, deviation)
            for one in (self.devices[name] for name in self.members[key]):
                found, left = _device(one, spread, mean, covariance)
                of_devices += left + np.outer(found, found)
        return of_kinds, of_devices

    def effects(self, kind_level: Level, device_level: Level) -> Effects:
        up = self._up(kind_level, device_level)
        kinds, deviations, devices = {}, {}, {}
        spread = device_level.covariance(*self.shape)
        for key in self.kinds:
            mean, covariance, _, _ = up.kind(key)
            kinds[key], deviations[key] = mean, np.sqrt(np.diag(covariance))
            for name in self.members[key]:
                devices[name] = mean + _device(self.devices[name], spread, mean, covariance)[0]
        unknown = np.diag(up.covariance + kind_level.covariance(*self.shape))
        return Effects(up.mean, kinds, deviations, devices, np.sqrt(unknown), kind_level, device_level)

    def _up(self, kind_level: Level, device_level: Level) -> "_Upwards":
        return _Upwards(self, kind_level, device_level)


class _Upwards:
    """What devices say of their kinds, and kinds of the fleet."""

    def __init__(self, tree: _Tree, kind_level: Level, device_level: Level) -> None:
        self._spread = kind_level.covariance(*tree.shape)
        device_spread = device_level.covariance(*tree.shape)
        self._of_devices = {key: (np.zeros((tree.size, tree.size)), np.zeros(tree.size)) for key in tree.kinds}
        for one in tree.devices.values():
            own, sums = self._of_devices[one.kind]
            inverse = np.linalg.inv(device_spread[np.ix_(one.cells, one.cells)] + np.diag(one.variances))
            own[np.ix_(one.cells, one.cells)] += inverse
            sums[one.cells] += inverse @ one.means
        precision = np.asarray(np.linalg.inv(Level(*_FLEET).covariance(*tree.shape)), np.float64)
        weighted: Floats = np.zeros(tree.size)
        for inner, sums in self._of_devices.values():
            # what a kind says, its own deviation integrated out: (spread + inner^-1)^-1, inner being singular
            gain = np.linalg.inv(np.eye(tree.size) + inner @ self._spread)
            message: Floats = np.asarray(gain @ inner)
            precision += (message + message.T) / 2
            weighted += np.asarray(gain @ sums)
        self.covariance = np.linalg.inv(precision)
        self.mean = self.covariance @ weighted

    def kind(self, key: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Return mean and covariance of a kind's vector, and of how it deviates from the fleet."""
        inner, sums = self._of_devices[key]
        size = len(sums)
        local = np.linalg.inv(np.linalg.inv(self._spread) + inner)
        # given the fleet's vector m: mean m + local (sums - inner m), covariance local
        slope = np.eye(size) - local @ inner
        mean = slope @ self.mean + local @ sums
        covariance = local + slope @ self.covariance @ slope.T
        deviation = mean - self.mean
        away = local + (local @ inner) @ self.covariance @ (local @ inner).T
        return mean, covariance, deviation, away


def _device(one: CellMeans, spread: Floats, mean: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Return mean and second moment left of how a device deviates from its kind, whose own error is passed on.

    The kind is taken from all its devices: that this one is among them makes the moment a little small, which the
    prior on variances outweighs.
    """
    cross = spread[:, one.cells]
    total = spread[np.ix_(one.cells, one.cells)] + np.diag(one.variances)
    gain = cross @ np.linalg.inv(total)
    found = gain @ (one.means - mean[one.cells])
    passed = gain @ covariance[np.ix_(one.cells, one.cells)] @ gain.T
    return found, spread - gain @ cross.T + passed

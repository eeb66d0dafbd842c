"""What a regression of cost learns instead of the bare cost: it matters more than the learner does.

A cost such as PAR10 has a few huge values, so a squared error sees nothing else; and samples on which every choice
fails alike tell nothing about which one to select. The transforms keep the order of the choices on each sample.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError

__all__ = ["TRANSFORMS", "regret", "transform_costs"]

_Costs = npt.NDArray[np.float64]


def regret(costs: _Costs) -> _Costs:
    """Cost above the cheapest choice of the same sample, (n, n_choices), at least 0."""
    return np.asarray(costs - costs.min(axis=1, keepdims=True))


def _relative_regret(costs: _Costs) -> _Costs:
    """Regret over its mean: 0 everywhere where all choices are equal on all samples."""
    above = regret(costs)
    mean = above.mean()
    return above / mean if mean > 0 else above


def _standard(costs: _Costs) -> _Costs:
    """Costs with mean 0 and deviation 1 over the whole table."""
    deviation = costs.std()
    return (costs - costs.mean()) / deviation if deviation > 0 else np.zeros_like(costs)


def _rank(costs: _Costs) -> _Costs:
    """Share of the choices of the sample that are cheaper, equal ones counted half; 0..1."""
    cheaper = (costs[:, None, :] < costs[:, :, None]).mean(axis=2)
    equal = (costs[:, None, :] == costs[:, :, None]).mean(axis=2)
    return np.asarray(cheaper + 0.5 * equal)


TRANSFORMS: Mapping[str, Callable[[_Costs], _Costs]] = MappingProxyType(
    {
        "cost": _standard,
        "regret": _relative_regret,
        "root": lambda costs: np.sqrt(_relative_regret(costs)),
        "log": lambda costs: np.log1p(30.0 * _relative_regret(costs)),
        "rank": _rank,
    }
)


def transform_costs(costs: _Costs, name: str) -> _Costs:
    """Apply a transform to a training table (n, n_choices).

    Raises:
        SelectorError: a transform that does not exist.

    >>> transform_costs(np.array([[1.0, 5.0], [2.0, 2.0]]), "root")
    array([[0., 2.], [0., 0.]])
    """
    if name not in TRANSFORMS:
        raise SelectorError(f"transform {name!r} does not exist: use one of {', '.join(TRANSFORMS)}")
    return TRANSFORMS[name](costs)

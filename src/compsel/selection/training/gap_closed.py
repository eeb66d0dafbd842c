"""Gap closed: the share of what could be gained over the single best choice that a selector does gain."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.selectors.base import check_costs
from compsel.selection.training.bootstrap import bootstrap, share_of_distance

__all__ = ["GapClosed", "gap_closed", "gap_of_costs", "measure_gap"]

_DRAWS = 2000

_Columns = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class GapClosed:
    """Gap closed with its uncertainty over the samples.

    Attributes:
        value: 0 is the single best, 1 the oracle, below 0 is worse than never choosing.
        standard_error: of `value`, by the bootstrap.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
    """

    value: float
    standard_error: float
    low: float
    high: float


def gap_closed(costs: npt.ArrayLike, chosen: npt.ArrayLike, single_best: npt.ArrayLike) -> float:
    """(cost of the single best - cost of the selector) / (cost of the single best - cost of the oracle).

    Costs are summed over all samples before they are divided: the mean of ratios of parts would be another number.

    Args:
        costs: float (n, n_choices), of samples that were not trained on.
        chosen: int (n,), what the selector selects.
        single_best: int (n,) or one int, the single best of the training samples, for each sample.

    Returns:
        the ratio; where nothing can be gained, 0 for a selector that loses nothing and minus infinity otherwise.

    Raises:
        SelectorError: shapes that do not agree, or columns that do not exist.

    >>> gap_closed([[1.0, 3.0], [4.0, 2.0]], chosen=[0, 0], single_best=0)
    0.0
    >>> gap_closed([[1.0, 3.0], [4.0, 2.0]], chosen=[0, 1], single_best=0)
    1.0
    """
    gained, possible = _gains(costs, chosen, single_best)
    return _ratio(float(gained.sum()), float(possible.sum()))


def measure_gap(
    costs: npt.ArrayLike, chosen: npt.ArrayLike, single_best: npt.ArrayLike, draws: int = _DRAWS, random_state: int = 0
) -> GapClosed:
    """`gap_closed` with its standard error and 95 % interval: samples are drawn with replacement, `draws` times.

    >>> gap = measure_gap([[1.0, 3.0], [4.0, 2.0], [5.0, 9.0]], chosen=[0, 1, 0], single_best=0, draws=100)
    >>> gap.value, gap.high
    (1.0, 1.0)
    """
    gained, possible = _gains(costs, chosen, single_best)
    random = np.random.default_rng(random_state)
    ratios = np.empty(draws)
    for draw in range(draws):
        rows = random.integers(len(gained), size=len(gained))
        ratios[draw] = _ratio(float(gained[rows].sum()), float(possible[rows].sum()))
    finite = ratios[np.isfinite(ratios)]
    if not len(finite):
        finite = np.zeros(1)
    low, high = np.percentile(finite, [2.5, 97.5])
    value = _ratio(float(gained.sum()), float(possible.sum()))
    return GapClosed(value, float(finite.std()), float(low), float(high))


def gap_of_costs(
    ours: npt.NDArray[np.float64],
    single_best: npt.NDArray[np.float64],
    oracle: npt.NDArray[np.float64],
    random_state: int = 0,
    groups: npt.ArrayLike | None = None,
) -> tuple[float, float, float]:
    """Gap closed and its 95 % interval, from what each sample cost: for policies that are no column of a table.

    Args:
        ours, single_best, oracle: (n,), costs of the same samples.
        random_state: seed of the bootstrap over samples.
        groups: (n,), samples of one group are drawn together, for they are not independent; None: each by itself.

    Returns:
        value, lower and upper end; NaN where the oracle is no better than the single best, for there is no gap.

    >>> costs = np.array([3.0, 2.0]), np.array([4.0, 4.0]), np.array([2.0, 2.0])
    >>> gap_of_costs(*costs)[0]
    0.75
    """
    value, low, high = bootstrap(share_of_distance, [ours, single_best, oracle], groups, random_state)
    return value, low, high


def _gains(
    costs: npt.ArrayLike, chosen: npt.ArrayLike, single_best: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    table = check_costs(costs, "gap_closed")
    rows = np.arange(len(table))
    ours = table[rows, _columns(chosen, table, "chosen")]
    static = table[rows, _columns(single_best, table, "single_best")]
    return static - ours, static - table.min(axis=1)


def _columns(values: npt.ArrayLike, table: npt.NDArray[np.float64], what: str) -> _Columns:
    columns = np.asarray(values)
    if columns.shape not in {(), (len(table),)} or not np.issubdtype(columns.dtype, np.integer):
        raise SelectorError(
            f"{what} must be whole numbers, one for each of {len(table)} samples, "
            f"got shape {columns.shape} of {columns.dtype}"
        )
    if columns.size and not (columns.min() >= 0 and columns.max() < table.shape[1]):
        raise SelectorError(f"{what} must be columns 0..{table.shape[1] - 1}, got {columns.min()}..{columns.max()}")
    return np.broadcast_to(columns, len(table))


def _ratio(gained: float, possible: float) -> float:
    if possible == 0.0:
        return 0.0 if gained == 0.0 else -np.inf
    return gained / possible

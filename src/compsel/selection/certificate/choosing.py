"""Which variants a certified cascade is made of: those with which a certificate would leave the most speed."""

from collections.abc import Sequence

import numpy as np

from compsel.selection.certificate.family import PENALTIES, fit_family
from compsel.selection.certificate.judging import judge
from compsel.selection.dataset import SelectionDataset
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.portfolio import Addition, contenders

__all__ = ["choose_variants"]

_FOLDS = 5
_LEAST_GAIN = 0.01  # of the cost so far: less is noise
_SIZE = 4
_COARSE = PENALTIES[::4]


def choose_variants(
    dataset: SelectionDataset, reference: int, allowed: float, seed: int = 0
) -> tuple[tuple[int, ...], tuple[Addition, ...]]:
    """Return the columns of the cascade, the reference first, and what each variant added, out of fold.

    Greedy forward selection. What is minimised is what counts in the end: the mean cost at the cheapest operating point
    up to which, from the most careful one on, no more disagree out of fold than may.

    Args:
        dataset: of agreement, training samples only.
        reference: the network to agree with.
        allowed: the share of disagreements that the judging samples will be able to let pass.
        seed: of the folds.
    """
    chosen, additions = [reference], [Addition(dataset.names[reference], float(dataset.costs_ms[reference]), 1.0)]
    agreement = dataset.quality.mean(axis=0)
    others = [column for column in contenders(dataset) if dataset.costs_ms[column] < dataset.costs_ms[reference]]
    while len(chosen) < _SIZE and len(others) >= len(chosen):
        found = {
            column: _reached(dataset, [*chosen, column], allowed, seed) for column in others if column not in chosen
        }
        best = min(found, key=lambda column: (found[column][0], -agreement[column]))
        # one is taken anyway: what it does on the judging samples tells how many of them would be needed
        if len(chosen) > 1 and found[best][0] > additions[-1].latency_ms * (1.0 - _LEAST_GAIN):
            break
        chosen.append(best)
        additions.append(Addition(dataset.names[best], *found[best]))
    return tuple(chosen), tuple(additions)


def _reached(dataset: SelectionDataset, columns: Sequence[int], allowed: float, seed: int) -> tuple[float, float]:
    """Return mean cost and agreement at the cheapest point that a certificate would reach, out of fold."""
    n, reference = len(dataset.targets), columns[0]
    fold_of = assign_folds(n, _FOLDS, dataset.groups, seed)
    # by penalty; what is not filled in is the reference alone
    wrong, spent = np.zeros(len(_COARSE)), np.zeros(len(_COARSE))
    for fold in range(_FOLDS):
        test = dataset.take(np.flatnonzero(fold_of == fold))
        family = fit_family(dataset.take(np.flatnonzero(fold_of != fold)), columns, reference, _COARSE)
        judged = judge(family, test)
        missing = len(_COARSE) - len(family.points)
        wrong[missing:] += judged.disagrees.sum(axis=1)
        spent += np.concatenate(
            (np.full(missing, len(test.targets) * dataset.costs_ms[reference]), judged.costs.sum(axis=1))
        )
    stops = np.flatnonzero(wrong > allowed * n)
    passed = int(stops[0]) if len(stops) else len(wrong)
    if not passed:
        return float(dataset.costs_ms[reference]), 1.0
    best = int(np.argmin(spent[:passed]))
    return float(spent[best] / n), float(1.0 - wrong[best] / n)

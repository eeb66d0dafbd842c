"""What the labels of samples look like: classes, several each, real numbers, arrays."""

from typing import Any

import numpy as np

from compsel.features.tasks.facts import LabelFacts
from compsel.inputs.samples import Samples

__all__ = ["label_facts", "targets_of"]

_LOOKED_AT = 200


def targets_of(samples: Samples) -> list[Any]:
    """Return what each sample says is right: its class, or its target; None where it says nothing."""
    return [_or_none(samples.target(index)) for index in range(len(samples))]


def label_facts(samples: Samples) -> LabelFacts:
    """Look at the labels, at 200 of them where they are arrays.

    >>> from compsel.inputs.samples import ArraySamples
    >>> label_facts(ArraySamples([{}, {}], labels=[0, 1])).binary
    True
    >>> label_facts(ArraySamples([{}, {}], targets=[0.5, 1.5])).spread
    0.5
    """
    classes = [label for label in samples.labels if label is not None]
    if classes:
        return LabelFacts("classes", len(set(classes)), max(classes))
    found = [one for one in targets_of(samples.spread(_LOOKED_AT)) if one is not None]
    if not found:
        return LabelFacts()
    if any(isinstance(one, (tuple, list, set)) for one in found):
        lengths = {len(one) for one in found}
        return LabelFacts("several", length=lengths.pop() if len(lengths) == 1 else 0)
    arrays = [np.asarray(one) for one in found]
    if any(one.dtype.kind not in "fiub" for one in arrays):
        return LabelFacts("arrays")
    numbers = np.concatenate([np.ravel(one) for one in arrays]).astype(np.float64)
    spread = float(np.std(numbers[np.isfinite(numbers)])) if np.isfinite(numbers).any() else 0.0
    if all(one.size == 1 for one in arrays):
        return LabelFacts("numbers", spread=spread)
    lengths = {one.size for one in arrays}
    whole = all(bool((one == np.round(one)).all()) for one in arrays)
    rank = max(np.squeeze(one).ndim for one in arrays)
    return LabelFacts("arrays", length=lengths.pop() if len(lengths) == 1 else 0, rank=rank, whole=whole, spread=spread)


def _or_none(target: Any) -> Any:
    """Return None for what stands for no label: NaN, or an array of nothing else."""
    if isinstance(target, np.ndarray) and target.dtype.kind == "f" and target.size:
        return None if np.isnan(target).all() else target
    return None if isinstance(target, float) and target != target else target

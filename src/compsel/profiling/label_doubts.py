"""Labels that say nothing, or contradict each other: told before anything is measured with them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.inputs.samples import Samples
from compsel.inputs.samples.findings import some
from compsel.techniques.heads.folds import sample_hashes

__all__ = ["label_doubts"]

_LEAST = 2


def label_doubts(samples: Samples, targets: Sequence[Any], n_classes: int | None = None) -> list[str]:
    """Return what makes the labels of samples say little, a sentence each.

    Args:
        samples: the inputs; their content is read.
        targets: what each says is right; None where it says nothing.
        n_classes: of the models, where that is known.

    >>> from compsel.inputs.samples import ArraySamples
    >>> samples = ArraySamples([{"x": np.ones(1)}, {"x": np.ones(1)}, {"x": np.zeros(1)}], labels=[0, 1, 1])
    >>> label_doubts(samples, samples.labels)
    ['2 samples stand there again with another label (0, 1): at most one of each can be right']
    """
    known = [index for index, target in enumerate(targets) if target is not None]
    if len(known) < _LEAST:
        return []
    keys = {index: _key(targets[index]) for index in known}
    return [*_alike(samples, keys, n_classes), *_contradicting(samples, keys)]


def _alike(samples: Samples, keys: dict[int, Any], n_classes: int | None) -> list[str]:
    """Say that every label is the same, or that most classes of the models have none."""
    counts = Counter(keys.values())
    if len(counts) > 1:
        return []
    only = next(iter(counts))
    names = samples.label_names
    name = names[only] if isinstance(only, int) and only < len(names) else only
    of = f" of {n_classes}" if n_classes else ""
    return [
        f"all {len(keys)} samples have the same one ({name}{of}): they cannot show whether a variant still tells "
        "inputs apart; give samples of other ones too"
    ]


def _contradicting(samples: Samples, keys: dict[int, Any]) -> list[str]:
    """Say which samples have the same content and other labels."""
    by_content: dict[int, list[int]] = {}
    hashes: NDArray[np.uint64] = sample_hashes(samples)
    for index in keys:
        by_content.setdefault(int(hashes[index]), []).append(index)
    twice = [index for same in by_content.values() if len({keys[one] for one in same}) > 1 for index in same]
    if not twice:
        return []
    named = some([samples.names[index] for index in twice])
    return [f"{len(twice)} samples stand there again with another label ({named}): at most one of each can be right"]


def _key(target: Any) -> Any:
    """Return what tells a label from others."""
    array = np.asarray(target)
    return array.item() if not array.ndim else (array.shape, array.tobytes())

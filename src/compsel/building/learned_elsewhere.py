"""Samples that a model was fitted on among many others: they say nothing of its quality, nor can it be fitted anew."""

from collections.abc import Sequence

import numpy as np

from compsel.errors import ProfileError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.progress import Reporter
from compsel.techniques.heads.learned import learned_from, learned_of

__all__ = ["without_learned_elsewhere"]

_MOST = 0.5  # of what a model learned from: with so much at hand it is fitted anew without each fold


def without_learned_elsewhere(models: Sequence[Model], samples: Samples, reporter: Reporter) -> Samples:
    """Leave out the samples that a model was fitted on, where most of what it was fitted on is not among them.

    Raises:
        ProfileError: none are left.
    """
    left_out = np.zeros(len(samples), np.bool_)
    for model in models:
        learned = learned_of(model)
        if learned is None:
            continue
        seen = learned_from(model, samples)
        if seen.any() and len(np.unique(learned.hashes)) * _MOST > seen.sum():
            reporter.say(
                f"{int(seen.sum())} samples are left out: {model.name} was fitted on them, and on "
                f"{len(learned.hashes) - int(seen.sum())} others that are not here"
            )
            left_out |= seen
    if left_out.all():
        raise ProfileError("the models were fitted on all of the samples: give others, or the whole table")
    return samples.subset(np.flatnonzero(~left_out).tolist()) if left_out.any() else samples

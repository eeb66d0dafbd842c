"""Variants that learned from the samples, made again without each fold: what judges them never learned from it.

What learned from samples looks better on them than it is (stacked generalisation, Wolpert, Neural Networks 5(2), 1992:
the answers of the first level that train the second one are those on samples left out). The variant that ships learned
from all samples; on a sample it is judged by the one that was made in the same way without the sample's fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compsel.errors import NotApplicableError, ProfileError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.progress import SILENT, Reporter
from compsel.techniques.heads.folds import FOLDS
from compsel.techniques.heads.folds import fold_of as folds_of
from compsel.techniques.heads.learned import learned_from
from compsel.techniques.refitting import refit
from compsel.variants.learned_parts import LearnedParts, split_spec
from compsel.variants.recorded_maker import RecordedMaker
from compsel.variants.variant import Variant

__all__ = ["FoldVariants", "build_fold_variants"]


@dataclass(frozen=True)
class FoldVariants:
    """What answers samples in place of variants that learned from them.

    Attributes:
        fold_of: (n,) fold of each sample.
        variants: by name of a variant that learned, those that were made without each fold, in the order of the folds;
            their files are relative to the folder of the variants.

    >>> FoldVariants(np.array([0, 1, 0]), {}).variants
    {}
    """

    fold_of: NDArray[np.int64]
    variants: Mapping[str, tuple[Variant, ...]]


def build_fold_variants(
    variants: Sequence[Variant],
    folder: Path,
    parts: LearnedParts,
    calibration: Samples,
    reporter: Reporter = SILENT,
) -> FoldVariants | None:
    """Make every variant that learned from the samples again, without each fold; those of earlier calls are taken.

    What learned is fitted anew with the options that it ships with, and compressed in the same way.

    Args:
        variants: of which some may have learned.
        folder: of the variants' files; those of the folds go into `folds/`.
        parts: the models, the samples that the variants are judged on, and what learned from them.
        calibration: as the variants were made with.
        reporter: of messages.

    Returns:
        None where no variant learned from the samples.

    Raises:
        ProfileError: a variant cannot be made without a fold: too few samples.
    """
    by_part = _by_part(variants, parts)
    if not by_part:
        return None
    fold_of = folds_of(parts.samples, FOLDS)
    others = [parts.samples.subset(np.flatnonzero(fold_of != fold).tolist()) for fold in range(FOLDS)]
    jobs = [(*part, fold) for part in by_part for fold in range(FOLDS)]
    made: dict[str, list[Variant]] = {}
    for model, learning, fold in reporter.track(jobs, "variants without each fold"):
        members = by_part[model, learning]
        learned = partial(_without, parts, model, learning, others[fold])
        place = folder / "folds" / str(fold)
        maker = RecordedMaker(
            parts.models[model], place, calibration, members[0].output, learned=learned, samples=others[fold]
        )
        for variant in members:
            found = _made(maker, variant).named_from(f"folds/{fold}")
            made.setdefault(variant.name, []).append(found.opened(folder))
    return FoldVariants(fold_of, {name: tuple(found) for name, found in made.items()})


def _by_part(variants: Sequence[Variant], parts: LearnedParts) -> dict[tuple[str, str], list[Variant]]:
    """Return the variants that learned from the samples, by model and technique that learned."""
    known = {name: bool(learned_from(model, parts.samples).any()) for name, model in parts.models.items()}
    found: dict[tuple[str, str], list[Variant]] = {}
    for variant in variants:
        learning, _ = split_spec(variant.technique)
        if learning != "none" or known[variant.model]:
            found.setdefault((variant.model, learning), []).append(variant)
    return found


def _without(parts: LearnedParts, model: str, learning: str, others: Samples) -> Model:
    """Return what learned, fitted anew in the same way on some of the samples."""
    return refit(parts.of(model, learning), others, teacher=parts.models[model])


def _made(maker: RecordedMaker, variant: Variant) -> Variant:
    try:
        return maker.make(variant.technique)[0]
    except NotApplicableError as error:
        raise ProfileError(
            f"{variant.name} learned from the samples, and cannot be made without a fifth of them to be judged on "
            f"that: {error}; give more samples, or leave it out with --technique"
        ) from error

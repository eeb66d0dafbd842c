"""Variants that learned from the samples, made again without each fold: what judges them never learned from it.

What learned from samples looks better on them than it is (stacked generalisation, Wolpert, Neural Networks 5(2), 1992:
the answers of the first level that train the second one are those on samples left out). The variant that ships learned
from all samples; on a sample it is judged by the one that was made in the same way without the sample's fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.parallel.backend import Backend
from compsel.progress import SILENT, Reporter
from compsel.techniques.heads.folds import FOLDS
from compsel.techniques.heads.folds import fold_of as folds_of
from compsel.techniques.heads.learned import learned_from
from compsel.techniques.refitting import refit
from compsel.variants.learned_parts import LearnedParts, split_spec
from compsel.variants.variant import Variant
from compsel.variants.variant_making import MakingJob, VariantMaking, make_all

__all__ = ["FoldVariants", "build_fold_variants"]

_DEFAULT = Backend()


@dataclass(frozen=True)
class FoldVariants:
    """What answers samples in place of variants that learned from them.

    Attributes:
        fold_of: (n,) fold of each sample.
        variants: by name of a variant that learned, those that were made without each fold, in the order of the folds;
            their files are relative to the folder of the variants.
        left_out: by name of a variant that could not be made without a fold, and so cannot be judged, the reason.

    >>> FoldVariants(np.array([0, 1, 0]), {}).variants
    {}
    """

    fold_of: NDArray[np.int64]
    variants: Mapping[str, tuple[Variant, ...]]
    left_out: Mapping[str, str] = field(default_factory=dict)


def build_fold_variants(
    variants: Sequence[Variant],
    folder: Path,
    parts: LearnedParts,
    calibration: Samples,
    reporter: Reporter = SILENT,
    backend: Backend = _DEFAULT,
) -> FoldVariants | None:
    """Make every variant that learned from the samples again, without each fold; those of earlier calls are taken.

    What learned is fitted anew with the options that it ships with, and compressed in the same way.

    Args:
        variants: of which some may have learned.
        folder: of the variants' files; those of the folds go into `folds/`.
        parts: the models, the samples that the variants are judged on, and what learned from them.
        calibration: as the variants were made with.
        reporter: of messages.
        backend: where they are made.

    Returns:
        None where no variant learned from the samples.

    Raises:
        ProfileError: a variant cannot be made without a fold: too few samples.
    """
    by_part = _by_part(variants, parts)
    if not by_part:
        return None
    fold_of = folds_of(parts.samples, FOLDS)
    counts = np.bincount(fold_of, minlength=FOLDS)
    if not counts.all():
        raise ProfileError(
            f"the samples fall into {np.count_nonzero(counts)} of {FOLDS} folds, for their groups are few: variants "
            "that learn from them cannot be judged; give more groups, or leave these variants out with --technique"
        )
    others = [parts.samples.subset(np.flatnonzero(fold_of != fold).tolist()) for fold in range(FOLDS)]
    jobs = _jobs(by_part)
    making = VariantMaking(parts, folder, calibration, _without, others)
    if any(making.made(job) is None for job in jobs):
        for model, learning in by_part:  # once, before it is asked for in workers
            parts.of(model, learning)
    found = make_all(making, jobs, backend, reporter, "variants without each fold")
    made: dict[str, list[Variant]] = {}
    left_out: dict[str, str] = {}
    for job, result in zip(jobs, found, strict=True):
        for variant in by_part[job.model, job.learning]:
            one = result.variants[variant.technique]
            if variant.name in left_out:
                continue
            if isinstance(one, str):
                left_out[variant.name] = _refused(variant, one)
                made.pop(variant.name, None)
            else:
                made.setdefault(variant.name, []).append(one.named_from(f"folds/{job.fold}").opened(folder))
    return FoldVariants(fold_of, {name: tuple(folds) for name, folds in made.items()}, left_out)


def _jobs(by_part: Mapping[tuple[str, str], Sequence[Variant]]) -> list[MakingJob]:
    """Return what is made together: what learned, without a fold."""
    return [
        MakingJob(model, learning, tuple(one.technique for one in members), members[0].output, fold)
        for (model, learning), members in by_part.items()
        for fold in range(FOLDS)
    ]


def _by_part(variants: Sequence[Variant], parts: LearnedParts) -> dict[tuple[str, str], list[Variant]]:
    """Return the variants that learned from the samples, by model and technique that learned."""
    known = {name: bool(learned_from(model, parts.samples).any()) for name, model in parts.models.items()}
    found: dict[tuple[str, str], list[Variant]] = {}
    for variant in variants:
        learning, _ = split_spec(variant.technique)
        if learning != "none" or known[variant.model]:
            found.setdefault((variant.model, learning), []).append(variant)
    return found


def _without(parts: LearnedParts, job: MakingJob, others: Samples) -> Model:
    """Return what learned, fitted anew in the same way on some of the samples that it learned from."""
    learned = parts.of(job.model, job.learning)
    seen = others.subset(np.flatnonzero(learned_from(learned, others)).tolist())
    return refit(learned, seen, teacher=parts.models[job.model])


def _refused(variant: Variant, why: str) -> str:
    """Return why a variant is left out; the uncompressed one cannot be."""
    reason = f"cannot be made without a fifth of the samples that it learned from, to be judged on these: {why}"
    if variant.technique == "none":
        raise ProfileError(f"{variant.name} {reason}; give more samples")
    return reason

"""Variants that learned from the samples, made again without each fold: what judges them never learned from it.

What learned from samples looks better on them than it is (stacked generalisation, Wolpert, Neural Networks 5(2), 1992:
the answers of the first level that train the second one are those on samples left out). The variant that ships learned
from all samples; on a sample it is judged by the one that was made in the same way without the sample's fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compsel.errors import NotApplicableError, ProfileError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.progress import SILENT, Reporter
from compsel.techniques import Technique
from compsel.techniques import parse as parse_technique
from compsel.techniques.heads.folds import FOLDS
from compsel.techniques.heads.folds import fold_of as folds_of
from compsel.techniques.heads.learned import learned_from
from compsel.techniques.refitting import refit
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
    models: Sequence[Model],
    variants: Sequence[Variant],
    folder: Path,
    samples: Samples,
    calibration: Samples,
    reporter: Reporter = SILENT,
) -> FoldVariants | None:
    """Make every variant that learned from the samples again, without each fold; those of earlier calls are taken.

    Args:
        models: that the variants were made of.
        variants: of which some may have learned.
        folder: of the variants' files; those of the folds go into `folds/`.
        samples: what the variants are judged on.
        calibration: as the variants were made with.
        reporter: of messages.

    Returns:
        None where no variant learned from the samples.

    Raises:
        ProfileError: a variant cannot be made without a fold: too few samples.
    """
    known = {model.name: bool(learned_from(model, samples).any()) for model in models}
    learned = [one for one in variants if known[one.model] or parse_technique(one.technique).learns]
    if not learned:
        return None
    fold_of = folds_of(samples, FOLDS)
    roots = _roots(models, learned, samples)
    made: dict[str, list[Variant]] = {variant.name: [] for variant in learned}
    for fold in reporter.track(range(FOLDS), "variants without each fold"):
        others = samples.subset(np.flatnonzero(fold_of != fold).tolist())
        place = folder / "folds" / str(fold)
        for root, members in roots.items():
            output = members[0][0].output
            maker = RecordedMaker(root.model, place, calibration, others, output, anew=partial(root.without, others))
            for variant, applied in members:
                try:
                    one, _ = maker.make(variant.technique, applied)
                except NotApplicableError as error:
                    raise ProfileError(
                        f"{variant.name} learned from the samples, and cannot be made without a fifth of them to be "
                        f"judged on that: {error}; give more samples, or leave it out with --technique"
                    ) from error
                made[variant.name].append(one.named_from(f"folds/{fold}"))
    return FoldVariants(fold_of, {name: tuple(found) for name, found in made.items()})


@dataclass(frozen=True, eq=False)
class _Root:
    """What learned: a model, or what a technique that learns made of it; others are compressed from that."""

    model: Model
    technique: Technique
    samples: Samples

    @cached_property
    def learned(self) -> Model:
        """It, as it ships: fitted on all samples."""
        return self.technique.apply(self.model, self.samples)

    def without(self, others: Samples) -> Model:
        """Return it fitted anew, in the same way, on some of the samples."""
        return refit(self.learned, others, teacher=self.model)


def _roots(
    models: Sequence[Model], learned: Sequence[Variant], samples: Samples
) -> dict[_Root, list[tuple[Variant, str]]]:
    """Return what learned, each with the variants that were made from it, and what was applied to it for each."""
    by_name = {model.name: model for model in models}
    found: dict[tuple[str, str], _Root] = {}
    members: dict[_Root, list[tuple[Variant, str]]] = {}
    for variant in learned:
        first, _, rest = variant.technique.partition("+")
        technique = parse_technique(first)
        if not technique.learns:
            technique, rest = parse_technique("none"), variant.technique
        key = (variant.model, technique.spec)
        root = found.setdefault(key, _Root(by_name[variant.model], technique, samples))
        members.setdefault(root, []).append((variant, rest or "none"))
    return members

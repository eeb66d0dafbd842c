"""Build the variants of a profile: every model by every technique."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compsel.errors import ProfileError
from compsel.features.tasks import recognise
from compsel.features.tasks.graph_facts import facts_of
from compsel.features.tasks.multiclass import Multiclass
from compsel.inputs.image import image_preprocessing
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.inputs.text import TEXT
from compsel.models.blocks import find_blocks
from compsel.models.embeddings import gives_embedding
from compsel.models.model import Model
from compsel.parallel.backend import Backend
from compsel.progress import SILENT, Reporter
from compsel.storage.file_names import clashing
from compsel.storage.sizes import size_words
from compsel.variants.learned_parts import LearnedParts, split_spec
from compsel.variants.variant import OutputKind, Variant
from compsel.variants.variant_making import MakingJob, VariantMaking, make_all

__all__ = ["LeftOut", "build_variants", "check_names", "default_techniques"]

_DEFAULT = Backend()
_RESOLUTION_SHARES = (0.86, 0.72)
_RESOLUTION_STEP = 16


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A variant that was not built, with the reason.

    >>> LeftOut("a", "resolution:32", "a has no image preprocessing").technique
    'resolution:32'
    """

    model: str
    technique: str
    reason: str


def default_techniques(model: Model) -> tuple[str, ...]:
    """Return the techniques that a build tries on a model: none, int8, and for images two lower resolutions of both.

    For texts int8 weights with activations quantised as they come (their ranges depend on the text), and what learns
    the model's task from the samples: a student, and exits after the first, a third and half of the blocks. In place of
    an encoder the student is a static encoder, and there are no exits, for these need class scores. What learns, learns
    exclusive classes: for other answers of texts there is neither.
    """
    if modality_of(model) is TEXT and gives_embedding(model):
        return ("none", "int8-dynamic", "student")
    if modality_of(model) is TEXT and not isinstance(recognise(facts_of(model)), Multiclass):
        return ("none", "int8-dynamic")
    if modality_of(model) is TEXT:
        blocks = len(find_blocks(model))
        exits = [f"early-exit:{block}" for block in sorted({1, blocks // 3, blocks // 2} - {0}) if block < blocks]
        plain = ("none", *exits)
        return (*plain, *(f"{spec}+int8-dynamic".removeprefix("none+") for spec in plain), "student")
    specs = ["none", "int8-static"]
    preprocessing = image_preprocessing(model)
    if preprocessing is not None:
        side = min(preprocessing.resolution)
        for share in _RESOLUTION_SHARES:
            lower = max(_RESOLUTION_STEP, round(side * share / _RESOLUTION_STEP) * _RESOLUTION_STEP)
            if lower < side:
                specs += [f"resolution:{lower}", f"resolution:{lower}+int8-static"]
    # small networks have one lower resolution only
    return tuple(dict.fromkeys(specs))


# many parameters: models, folder and calibration are what everybody gives; the others are rarely set
def build_variants(
    models: Sequence[Model],
    folder: Path,
    calibration: Samples,
    techniques: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    reporter: Reporter = SILENT,
    *,
    outputs: Mapping[str, OutputKind | None] | None = None,
    parts: LearnedParts | None = None,
    backend: Backend = _DEFAULT,
) -> tuple[list[Variant], list[LeftOut]]:
    """Make a variant of each model by each technique; what does not apply or fails verification is left out.

    Variants that an earlier call built from the same model and the same calibration samples are taken as they are.

    Args:
        models: with different names.
        folder: of the variants' files.
        calibration: samples for the techniques that need them, and for the verification.
        techniques: what to try, or what on each model, by its name; None: `default_techniques`. The uncompressed model
            is always among the variants.
        reporter: of progress; of what is left out it says what was asked for by name.
        outputs: what the first output of each model is, by its name; None: told by its values.
        parts: what techniques that learn made of the models; None: they learn from the calibration samples.
        backend: where they are made.

    Raises:
        ProfileError: models whose files would have the same name, or no calibration samples.
        ModelError: a model that does not run.
        TechniqueError: a technique that does not exist.
    """
    check_names(models)
    if not len(calibration):
        raise ProfileError("got no calibration samples: give at least one")
    jobs = _jobs(models, techniques)
    if clash := clashing(f"{model.name}/{spec}" for model, spec in jobs):
        raise ProfileError(f"got variants {clash}, which would have the same files: give the models other names")
    parts = parts or LearnedParts({model.name: model for model in models}, calibration)
    groups = _groups(jobs, outputs or {})
    making = VariantMaking(parts, folder, calibration)
    made = make_all(making, groups, backend, reporter, "variants")
    found = {(job.model, spec): result for job, result in zip(groups, made, strict=True) for spec in job.specs}
    variants, left_out = [], []
    for model, spec in jobs:
        result = found[model.name, spec]
        variant = result.variants[spec]
        if isinstance(variant, str):
            left_out.append(LeftOut(model.name, spec, variant))
            (reporter.detail if techniques is None else reporter.say)(f"{model.name}/{spec}: left out: {variant}")
            continue
        if spec in result.new:
            reporter.detail(f"{variant.name}: {size_words(variant.size_bytes / 1e6)}")
        variants.append(variant.opened(folder))
    return variants, left_out


def _groups(jobs: Sequence[tuple[Model, str]], outputs: Mapping[str, OutputKind | None]) -> list[MakingJob]:
    """Return what is made together: what learns, learns once for all that is made of it; others are made one by one."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for model, spec in jobs:
        learning, _ = split_spec(spec)
        groups.setdefault((model.name, learning, spec if learning == "none" else ""), []).append(spec)
    return [MakingJob(name, learning, tuple(specs), outputs.get(name)) for (name, learning, _), specs in groups.items()]


def _jobs(
    models: Sequence[Model], techniques: Sequence[str] | Mapping[str, Sequence[str]] | None
) -> list[tuple[Model, str]]:
    """Return each model with each technique that is tried on it."""
    given = {model.name: techniques for model in models} if not isinstance(techniques, Mapping) else techniques
    return [
        (model, spec)
        for model in models
        for spec in dict.fromkeys(("none", *(given[model.name] or default_techniques(model))))
    ]


def check_names(models: Sequence[Model]) -> None:
    """Raise ProfileError unless there are models, and each can have files of its own."""
    if not models:
        raise ProfileError("got no models: give some")
    if clash := clashing(model.name for model in models):
        raise ProfileError(
            f"got models {clash}, whose variants would have the same files: give each a name of its own, such as by "
            "renaming a file"
        )

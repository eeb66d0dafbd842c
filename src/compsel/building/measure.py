"""Measure models on this device: compress them, then quality, features, latency, memory and energy into a profile."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from compsel.building.labels import with_labels
from compsel.building.learned_elsewhere import without_learned_elsewhere
from compsel.building.options import DEFAULT_MEASURING, Measuring
from compsel.building.preprocessing_search.resolve import with_preprocessing
from compsel.device.energy import open_meter
from compsel.device.fingerprint import device_fingerprint
from compsel.errors import EnergyError, ProfileError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.inputs.image import IMAGE
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.models.embeddings import gives_embedding
from compsel.models.model import Model
from compsel.models.random_weights import has_random_weights, random_weights_warning
from compsel.processors import CpuProcessor, discover, parse
from compsel.processors.base import Processor
from compsel.profiling.choices import Choices
from compsel.profiling.decoding import time_decoding
from compsel.profiling.energy import measure_energies
from compsel.profiling.groups import write_folds, write_groups
from compsel.profiling.header import write_header
from compsel.profiling.input_features import measure_features, time_features
from compsel.profiling.label_check import check_labels
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.load import soak_minutes, standard_states
from compsel.profiling.memory import measure_memory
from compsel.profiling.output_quality import COSINE, OutputQuality
from compsel.profiling.profile import Profile
from compsel.profiling.quality import measure_quality, reference_of
from compsel.profiling.quality_table import read_quality
from compsel.profiling.size_table import write_sizes
from compsel.progress import SILENT, Reporter
from compsel.variants.build_variants import LeftOut, build_variants, check_names
from compsel.variants.fold_variants import FoldVariants, build_fold_variants
from compsel.variants.learned_parts import LearnedParts
from compsel.variants.variant import Variant

__all__ = ["default_processors", "measure", "measure_costs"]


def default_processors() -> tuple[Processor, ...]:
    """Return what works here: proven by running."""
    return tuple(processor for processor, found in discover() if found.available)


# long: the order of the steps of measuring
def measure(
    models: Sequence[Model],
    samples: Samples,
    folder: str | os.PathLike[str],
    measuring: Measuring = DEFAULT_MEASURING,
    *,
    reporter: Reporter = SILENT,
) -> tuple[Profile, list[LeftOut]]:
    """Compress models and measure quality, features, latency, memory and energy into a profile folder.

    Args:
        models: with different names.
        samples: the inputs, labelled or not; the calibration samples are spread over them.
        folder: of the profile; what an interrupted call measured there is taken up.
        measuring: what is measured, and how.
        reporter: hears how far it is.

    Returns:
        The profile, and the variants that could not be made, with the reason.

    Raises:
        ProfileError: models with the same name, no samples, a state that is not a word, labels that no model predicts
            better than guessing.
        ModelError: a model that does not run.
        TechniqueError, ProcessorError: one that does not exist.
        SelectorError: a function of quality or confidence that fails, or gives what is not allowed.
        EnergyError: the meter that was asked for is not here.
        StorageError: the folder cannot be written.
    """
    folder = Path(folder)
    check_names(models)
    if not len(samples):
        raise ProfileError("got no samples: give some")
    models, samples = with_labels(models, samples, reporter)
    models = with_preprocessing(models, samples, reporter)
    samples = without_learned_elsewhere(models, samples, reporter)
    measuring.check()
    judge = _judge(models, measuring.output_quality)
    files, calibration = folder / "variants", samples.spread(measuring.calibration)
    scores = not judge.specified
    parts = LearnedParts({model.name: model for model in models}, samples)
    random_weights = [model.name for model in models if has_random_weights(model.proto)]
    if scores and any(label is not None for label in samples.labels):
        # before the work of hours: nothing that is measured with wrong labels is worth it
        originals, _ = build_variants(models, files, calibration, ("none",), reporter)
        folds = build_fold_variants(originals, files, parts, calibration, reporter)
        n_classes = measure_quality(originals, files, samples, folder, CpuProcessor(1), reporter, judge, folds)
        _check_labels(originals, folder, n_classes, random_weights, reporter)
    variants, left_out = build_variants(
        models, files, calibration, measuring.techniques, reporter, class_scores=scores, parts=parts
    )
    folds = build_fold_variants(variants, files, parts, calibration, reporter)
    variants, left_out = _judgeable(variants, left_out, folds, reporter)
    for name in random_weights:
        reporter.say(random_weights_warning(name))
    extractors = _extractors(models[0])
    measure_features(extractors, samples, folder, reporter)
    _say_how_judged(variants, samples, judge, reporter)
    n_classes = measure_quality(variants, files, samples, folder, CpuProcessor(1), reporter, judge, folds)
    words = measuring.processors
    choices = Choices(variants, [parse(word) for word in words] if words else default_processors(), files)
    states = measuring.states or standard_states()
    measure_costs(choices, states, samples, folder, measuring.criterion, reporter)
    _measure_energies(choices, states, samples, folder, measuring.meter, reporter)
    criterion = None if n_classes else judge.criterion(reference_of(variants).name)
    header = (n_classes, device_fingerprint(), time_features(extractors, samples), measuring.origin, criterion)
    write_groups(folder, samples)
    write_folds(folder, samples, None if folds is None else folds.fold_of)
    write_sizes(folder, samples, variants)
    write_header(folder, variants, *header, decode_ms=time_decoding(samples, variants))
    return Profile.load(folder), left_out


def _judge(models: Sequence[Model], judge: OutputQuality) -> OutputQuality:
    """Return what rates answers without class scores: of embeddings, where nothing else is asked for, the angle."""
    if judge.quality is None and all(gives_embedding(model) for model in models):
        return replace(judge, quality=COSINE)
    return judge


def _judgeable(
    variants: Sequence[Variant], left_out: Sequence[LeftOut], folds: FoldVariants | None, reporter: Reporter
) -> tuple[list[Variant], list[LeftOut]]:
    """Leave out the variants that learned and cannot be judged out of fold."""
    refused = {} if folds is None else folds.left_out
    more = [LeftOut(one.model, one.technique, refused[one.name]) for one in variants if one.name in refused]
    for one in more:
        reporter.say(f"{one.model}/{one.technique}: left out: {one.reason}")
    return [one for one in variants if one.name not in refused], [*left_out, *more]


def _extractors(model: Model) -> dict[str, FeatureExtractor]:
    """Return what describes the inputs of a model, by name; images only have such numbers."""
    return {name: kind() for name, kind in EXTRACTORS.items()} if modality_of(model) is IMAGE else {}


def _check_labels(
    originals: Sequence[Variant], folder: Path, n_classes: int, random_weights: Sequence[str], reporter: Reporter
) -> None:
    """Raise ProfileError where no uncompressed model predicts the labels better than guessing; say a doubt."""
    tables = {variant.model: read_quality(folder, variant) for variant in originals if variant.output != "other"}
    if not tables:
        return
    labels = next(iter(tables.values()))["label"].astype(np.int64)
    known = labels >= 0
    answers = {name: table["classes"][known, 0].astype(np.int64) for name, table in tables.items()}
    doubt = check_labels(labels[known], answers, n_classes, random_weights)
    if doubt:
        reporter.say(f"warning: labels: {doubt}")


def _say_how_judged(variants: Sequence[Variant], samples: Samples, judge: OutputQuality, reporter: Reporter) -> None:
    """Say what counts as right where that is not what labels say."""
    without = next((variant for variant in variants if variant.output == "other"), None)
    if without is None:
        return
    reference = reference_of(variants).name
    if judge.uses_targets:
        reporter.say(f"answers are judged by {judge.name}: good enough from {judge.threshold:g}")
        return
    reporter.say(f"answers are compared with those of {reference} ({judge.name}): good enough from {judge.threshold:g}")
    if any(label is not None for label in samples.labels):
        reporter.say(
            f"labels are ignored: {without.model} gives no class scores to compare them with; give quality=, a "
            "function of outputs and label, to use them"
        )


def measure_costs(
    choices: Choices,
    states: Sequence[str],
    samples: Samples,
    folder: Path,
    criterion: Criterion | None = None,
    reporter: Reporter = SILENT,
) -> None:
    """Measure latency and memory of every choice: what a new device needs, and nothing else."""
    measure_latency(choices, states, samples, folder, criterion, reporter)
    measure_memory(choices, folder, samples)


def _measure_energies(
    choices: Choices, states: Sequence[str], samples: Samples, folder: Path, meter: str | None, reporter: Reporter
) -> None:
    try:
        opened = open_meter(meter)
    except EnergyError:
        if meter is not None:
            raise
        return  # no meter: the column stays empty
    with opened:
        reporter.say(f"energy of {opened.covers} ({opened.name})")
        cold = [state for state in states if not soak_minutes(state)]
        measure_energies(choices, cold, samples, folder, opened, reporter=reporter)

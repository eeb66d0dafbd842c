"""Measure models on this device: compress them, then quality, features, latency, memory and energy into a profile."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compsel.building.judging import (
    check_answers,
    judge_of,
    outputs_of,
    say_how_judged,
    settled,
    warn_of_labels,
    warn_of_quality,
)
from compsel.building.labels import with_labels
from compsel.building.learned_elsewhere import without_learned_elsewhere
from compsel.building.options import DEFAULT_MEASURING, Measuring
from compsel.building.preprocessing_search.resolve import with_preprocessing
from compsel.building.time_limit import limit_words
from compsel.building.time_plan import TimePlan, answer_times, plan_time
from compsel.device.cgroup import usable_cores
from compsel.device.energy import meter_or_none, open_meter
from compsel.device.fingerprint import device_fingerprint
from compsel.errors import ProfileError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.inputs.image import IMAGE
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.models.random_weights import has_random_weights, random_weights_warning
from compsel.parallel.backend import Backend
from compsel.parallel.engines.joblib_processes import end_processes
from compsel.parallel.shards import SHARDS, remove_shards
from compsel.processors import CpuProcessor, discover, parse
from compsel.processors.base import Processor
from compsel.profiling.belonging import Belonging, unread_tables
from compsel.profiling.choice_trials import running_variants
from compsel.profiling.choices import Choices
from compsel.profiling.current import measure_current
from compsel.profiling.decoding import time_decoding
from compsel.profiling.energy import measure_energies
from compsel.profiling.groups import write_folds, write_groups
from compsel.profiling.header import write_header
from compsel.profiling.idleness import BUSY_CORES, wait_until_idle
from compsel.profiling.input_features import measure_features, timed_features
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.latency_table import latency_path, read_latency
from compsel.profiling.load import soak_minutes
from compsel.profiling.memory import measure_memory
from compsel.profiling.profile import Profile
from compsel.profiling.quality import measure_quality, reference_of
from compsel.profiling.sample_sketch import sketch_to_text
from compsel.profiling.size_table import write_sizes
from compsel.profiling.tables import device_text
from compsel.progress import SILENT, Reporter
from compsel.storage.files import check_writable
from compsel.techniques.heads.folds import sample_hashes
from compsel.variants.build_variants import LeftOut, build_variants, check_names
from compsel.variants.fold_variants import FoldVariants, build_fold_variants
from compsel.variants.learned_parts import LearnedParts
from compsel.variants.variant import Variant

__all__ = ["default_processors", "has_meter", "measure", "measure_costs"]


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
    folder, begin_s, backend = Path(folder), time.perf_counter(), measuring.backend
    if backend.is_far:  # workers find it whatever their own folder is
        folder = folder.absolute()
    check_names(models)
    check_writable(folder)
    if not len(samples):
        raise ProfileError("got no samples: give some")
    measuring.check()
    judge = judge_of(models, samples, measuring)
    models, samples = with_labels(models, samples, reporter, judge.task)
    samples = samples.readable(reporter)
    models = with_preprocessing(models, samples, reporter)
    samples = without_learned_elsewhere(models, samples, reporter)
    files, calibration = folder / "variants", samples.spread(measuring.calibration)
    random_weights = [model.name for model in models if has_random_weights(model.proto)]
    plan, originals = _planned(models, samples, files, replace(measuring, output_quality=judge), reporter)
    judge = settled(judge, originals)
    outputs = outputs_of(judge, models, samples)
    say_how_judged(originals, samples, judge, measuring.task is not None, reporter)
    warn_of_labels(samples, judge, reporter)
    samples = samples if plan.n_samples == len(samples) else samples.spread(plan.n_samples)
    parts = LearnedParts({model.name: model for model in models}, samples)
    if "other" not in outputs.values() and any(label is not None for label in samples.labels):
        # before the work of hours: nothing that is measured with wrong labels is worth it
        with reporter.phase("checking the labels", len(originals)):
            folds = build_fold_variants(originals, files, parts, calibration, reporter, backend)
            one = CpuProcessor(1)
            n_classes = measure_quality(originals, files, samples, folder, one, reporter, judge, folds, backend)
            check_answers(originals, folder, n_classes, random_weights, reporter)
    with reporter.phase(f"making {plan.variants} variants", 1):
        techniques = measuring.techniques or plan.techniques
        variants, left_out = build_variants(
            models, files, calibration, techniques, reporter, outputs=outputs, parts=parts, backend=backend
        )
        folds = build_fold_variants(variants, files, parts, calibration, reporter, backend)
        variants, left_out = _judgeable(variants, left_out, folds, reporter)
        tried = Choices(variants, [parse(word) for word in plan.processors], files)
        variants, left_out = running_variants(tried, left_out, samples, reporter)
    for name in random_weights:
        reporter.say(random_weights_warning(name))
    extractors = _extractors(models[0])
    with reporter.phase(f"answers of {len(variants)} variants to {len(samples)} samples", len(variants) + 1):
        measure_features(extractors, samples, folder, reporter, backend)
        one = CpuProcessor(1)
        n_classes = measure_quality(variants, files, samples, folder, one, reporter, judge, folds, backend)
    end_processes()  # costs are measured alone
    remove_shards(folder / SHARDS)
    warn_of_quality(variants, folder, judge, reporter)
    choices = Choices(variants, [parse(word) for word in plan.processors], files)
    if measuring.time_limit_s is not None:
        elapsed_s = time.perf_counter() - begin_s
        plan = plan.within(measuring.time_limit_s, elapsed_s, asked_states=measuring.states is not None)
    measure_costs(choices, plan.states, samples, folder, plan.criterion, reporter, idle_wait_s=measuring.idle_wait_s)
    measure_current(choices, samples, folder, plan.criterion, reporter)
    _measure_energies(choices, plan.states, samples, folder, measuring.meter, reporter)
    criterion = None if n_classes else judge.criterion(reference_of(variants).name)
    origin = measuring.origin or f"{len(samples)} samples"
    device, sketch = device_fingerprint(), sketch_to_text(sample_hashes(samples))
    header = (n_classes, device, timed_features(extractors, samples, folder, device, sketch), origin, criterion)
    write_groups(folder, samples)
    write_folds(folder, samples, None if folds is None else folds.fold_of)
    write_sizes(folder, samples, variants)
    task = "" if judge.task is None else judge.task.name
    reasons = {f"{one.model}/{one.technique}": one.reason for one in left_out}
    belonging = Belonging.here(variants, [processor.name for processor in choices.processors])
    unread = unread_tables(folder, belonging)
    for sentence in unread:
        reporter.say(f"warning: {sentence}; give its --state again to measure it")
    decode_ms, warnings = time_decoding(samples, variants), [*_warnings(folder, plan, belonging), *unread]
    write_header(
        folder,
        variants,
        *header,
        decode_ms=decode_ms,
        sketch=sketch,
        warnings=warnings,
        left_out=reasons,
        task=task,
        processors=belonging.processors,
    )
    return Profile.load(folder), left_out


def _planned(
    models: Sequence[Model], samples: Samples, files: Path, measuring: Measuring, reporter: Reporter
) -> tuple[TimePlan, list[Variant]]:
    """Return what will be measured, and the uncompressed variants, whose answers tell how long it takes; say it."""
    with reporter.phase("reading the models", 1):
        calibration = samples.spread(measuring.calibration)
        kinds = outputs_of(measuring.output_quality, models, samples)
        here = Backend.local(1)  # few: they tell how long the others take
        originals, _ = build_variants(models, files, calibration, ("none",), reporter, outputs=kinds, backend=here)
        processors = [parse(word) for word in measuring.processors] if measuring.processors else default_processors()
        times_s = answer_times(originals, files, samples)
    plan = plan_time(models, samples, measuring, processors, times_s, meter=has_meter(measuring.meter))
    reporter.say(plan.sentence)
    if measuring.time_limit_s is not None:
        limit = limit_words(measuring.time_limit_s)
        if plan.left_out:
            reporter.say(f"to keep the limit of {limit}, left out: {'; '.join(plan.left_out)}")
        if plan.seconds > measuring.time_limit_s:
            reporter.say(f"warning: even so it will take longer than {limit}: nothing more can be left out")
    return plan, originals


def _warnings(folder: Path, plan: TimePlan, belonging: Belonging) -> list[str]:
    """Return what a reader of the profile should know about how it was measured."""
    found = [f"left out to keep a time limit: {left}" for left in plan.left_out]
    latency = read_latency(folder, belonging)
    load = 0.0 if latency is None else latency.load.get("idle", 0.0)
    if load > BUSY_CORES:
        cores = f"{load:.1f} of {usable_cores()} cores"
        found.append(f"idle was measured with {cores} busy with other work: its times are too long")
    return found


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


def measure_costs(
    choices: Choices,
    states: Sequence[str],
    samples: Samples,
    folder: Path,
    criterion: Criterion | None = None,
    reporter: Reporter = SILENT,
    *,
    idle_wait_s: float = 0.0,
) -> None:
    """Measure latency and memory of every choice: what a new device needs, and nothing else.

    Args:
        choices, states, samples, folder, criterion, reporter: see `compsel.profiling.latency.measure_latency`.
        idle_wait_s: so long is waited for others to leave the cores before "idle" is measured; 0: nobody looks.
    """
    counted = f"{len(choices)} choice{'s' * (len(choices) != 1)}"
    if "idle" in states and not choices.are_in(latency_path(folder, "idle"), {"device": device_text()}):
        wait_until_idle(idle_wait_s, reporter)
    with reporter.phase(f"times of {counted}, {', '.join(states)}", len(states)):
        measure_latency(choices, states, samples, folder, criterion, reporter)
    with reporter.phase(f"memory of {counted}", 1):
        measure_memory(choices, folder, samples, reporter)


def has_meter(name: str | None) -> bool:
    """Whether energy can be measured here, with the meter of that name or with what there is.

    Raises:
        EnergyError: the meter that was asked for is not here.
    """
    with meter_or_none(name) as meter:
        return meter is not None


def _measure_energies(
    choices: Choices, states: Sequence[str], samples: Samples, folder: Path, meter: str | None, reporter: Reporter
) -> None:
    if not has_meter(meter):
        return  # the column stays empty
    with open_meter(meter) as opened, reporter.phase(f"energy of {opened.covers} ({opened.name})", len(states)):
        cold = [state for state in states if not soak_minutes(state)]
        measure_energies(choices, cold, samples, folder, opened, reporter=reporter)

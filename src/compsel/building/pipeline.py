"""From models to a bundle: compress, measure, train, write; each step resumes where it was interrupted."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from compsel.bundle.bundle import BundleContent, write_bundle
from compsel.device.energy import open_meter
from compsel.device.sampler import device_fingerprint
from compsel.errors import EnergyError, ProfileError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.features.confidence import Confidence
from compsel.inputs.image import IMAGE
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.processors import CpuProcessor, discover, parse
from compsel.processors.base import Processor
from compsel.profiling.candidates import Candidate, candidates
from compsel.profiling.choices import Choices
from compsel.profiling.energy import measure_energies
from compsel.profiling.groups import write_groups
from compsel.profiling.header import write_header
from compsel.profiling.input_features import measure_features, time_features
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.load import parse_state, soak_minutes, standard_states
from compsel.profiling.memory import measure_memory
from compsel.profiling.output_quality import OutputQuality, Quality
from compsel.profiling.profile import Profile
from compsel.profiling.quality import measure_quality, reference_of
from compsel.progress import SILENT, Reporter
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.costs.model import CostModel
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy, Policy
from compsel.selection.training.training import Trained, default_trainers, train
from compsel.storage.files import check_place
from compsel.techniques import parse as parse_technique
from compsel.variants.build import LeftOut, build_variants, check_names, default_techniques
from compsel.variants.variant import Variant

__all__ = ["build", "build_variants", "default_techniques", "measure", "train_bundle", "train_profile"]

CALIBRATION_SAMPLES = 50


def default_processors() -> tuple[Processor, ...]:
    """Return what works here: proven by running."""
    return tuple(processor for processor, found in discover() if found.available)


def measure(
    models: Sequence[Model],
    samples: Samples,
    folder: str | os.PathLike[str],
    *,
    techniques: Sequence[str] | None = None,
    processors: Sequence[str] | None = None,
    states: Sequence[str] | None = None,
    calibration: int = CALIBRATION_SAMPLES,
    criterion: Criterion | None = None,
    meter: str | None = None,
    origin: str = "",
    quality: Quality | str | None = None,
    confidence: Confidence | str | None = None,
    good_enough: float | None = None,
    reporter: Reporter = SILENT,
) -> tuple[Profile, list[LeftOut]]:
    """Compress models and measure quality, features, latency and memory into a profile folder.

    With a `quality`, a `confidence` or a `good_enough`, the models give no class scores, whatever their outputs look
    like: they are judged as `compsel.profiling.output_quality.OutputQuality` says.

    Args:
        models: with different names.
        samples: the inputs, labelled or not; the calibration samples are spread over them.
        folder: of the profile; what an interrupted call measured there is taken up.
        techniques: what to try on each model; None: `default_techniques`.
        processors: words such as "cpu:2"; None: all that work here.
        states: of the device; None: idle and three loads.
        calibration: number of calibration samples.
        criterion: when a latency is known well enough.
        meter: of energy, see `compsel.device.energy`; None: what this machine has, and no energies where it has none.
        origin: in words, what the samples are.
        quality, confidence, good_enough: for models without class scores, see `OutputQuality`.
        reporter: hears how far it is.

    Raises:
        ProfileError: models with the same name, no samples, a state that is not a word.
        ModelError: a model that does not run.
        TechniqueError, ProcessorError: one that does not exist.
        SelectorError: a function of quality or confidence that is not there, fails, or gives what is not allowed.
        EnergyError: the meter that was asked for is not here.
        StorageError: the folder cannot be written.
    """
    folder = Path(folder)
    check_names(models)
    if not len(samples):
        raise ProfileError("got no samples: give some")
    # words that are wrong are known before hours of work, not after them
    for spec in techniques or ():
        parse_technique(spec)
    for state in states or ():
        parse_state(state)
    output_quality = OutputQuality(quality, confidence, good_enough)
    where = [parse(word) for word in processors] if processors else list(default_processors())
    calibrating, class_scores = samples.spread(calibration), not output_quality.specified
    files = folder / "variants"
    variants, left_out = build_variants(models, files, calibrating, techniques, reporter, class_scores=class_scores)
    extractors: dict[str, FeatureExtractor] = (
        {name: kind() for name, kind in EXTRACTORS.items()} if modality_of(models[0]) is IMAGE else {}
    )
    measure_features(extractors, samples, folder, reporter)
    _say_how_judged(variants, samples, output_quality, reporter)
    n_classes = measure_quality(variants, files, samples, folder, CpuProcessor(1), reporter, output_quality)
    states = states or standard_states()
    measure_costs(variants, samples, folder, where, states, criterion, reporter)
    _measure_energies(variants, samples, folder, where, states, meter, reporter)
    criterion_of_quality = None if n_classes else output_quality.criterion(reference_of(variants).name)
    header = (n_classes, device_fingerprint(), time_features(extractors, samples), origin, criterion_of_quality)
    write_groups(folder, samples)
    write_header(folder, variants, *header)
    return Profile.load(folder), left_out


def _say_how_judged(
    variants: Sequence[Variant], samples: Samples, output_quality: OutputQuality, reporter: Reporter
) -> None:
    """Say what counts as right where that is not what labels say."""
    without = next((variant for variant in variants if variant.output == "other"), None)
    if without is None:
        return
    reference = reference_of(variants).name
    if output_quality.uses_targets:
        reporter.say(f"answers are judged by {output_quality.name}: good enough from {output_quality.threshold:g}")
        return
    reporter.say(
        f"answers are compared with those of {reference} ({output_quality.name}): good enough from "
        f"{output_quality.threshold:g}"
    )
    if any(label is not None for label in samples.labels):
        reporter.say(
            f"labels are ignored: {without.model} gives no class scores to compare them with; give quality=, a "
            "function of outputs and label, to use them"
        )


def measure_costs(
    variants: Sequence[Variant],
    samples: Samples,
    folder: Path,
    processors: Sequence[Processor],
    states: Sequence[str],
    criterion: Criterion | None,
    reporter: Reporter,
) -> None:
    """Measure latency and memory of every choice: what a new device needs, and nothing else."""
    choices = Choices(variants, processors, folder / "variants")
    measure_latency(choices, states, samples, folder, criterion, reporter)
    measure_memory(choices, folder, samples)


def _measure_energies(
    variants: Sequence[Variant],
    samples: Samples,
    folder: Path,
    processors: Sequence[Processor],
    states: Sequence[str],
    meter: str | None,
    reporter: Reporter,
) -> None:
    try:
        opened = open_meter(meter)
    except EnergyError:
        if meter is not None:
            raise
        return  # no meter: the column stays empty
    with opened:
        reporter.say(f"energy of {opened.covers} ({opened.name})")
        choices = Choices(variants, processors, folder / "variants")
        cold = [state for state in states if not soak_minutes(state)]
        measure_energies(choices, cold, samples, folder, opened, reporter=reporter)


def _has_meter(name: str | None) -> bool:
    try:
        open_meter(name).close()
    except EnergyError:
        if name is not None:
            raise
        return False
    return True


def selection_dataset(profile: Profile, objective: Objective | None = None) -> tuple[SelectionDataset, CostModel]:
    """Join the tables of a profile into what selectors are trained on.

    Where energy is minimised, what computing features takes is their time at the mean power of the choices.

    Raises:
        ProfileError: no costs were measured.
        ObjectiveError: what is minimised was not measured.
    """
    if profile.latency is None:
        raise ProfileError("the profile has no latencies: measure this device with compsel profile")
    latencies = profile.latency.by_choice()
    costs, features = CostModel.fit(latencies, profile.latency.seen), profile.features_ms
    if objective is not None:
        objective.check_measured(energy=profile.energy is not None)
        if objective.minimize == "energy" and profile.energy is not None:
            powers = profile.energy.power_w({key: float(values.mean()) for key, values in latencies.items()})
            costs = costs.with_power(powers)
            features = {name: time_ms * float(np.mean([*powers.values()])) for name, time_ms in features.items()}
    return SelectionDataset.from_profile(profile, costs, features), costs


def _objective(wanted: Objective | str | None) -> Objective:
    return Objective.from_goal(wanted) if isinstance(wanted, str) else wanted or Objective()


def train_profile(
    profile: Profile, objective: Objective | str | None = None, *, reporter: Reporter = SILENT
) -> Trained:
    """Train on a profile, without writing anything.

    Raises:
        ProfileError: no costs were measured, or too few samples.
    """
    wanted = _objective(objective)
    return train(selection_dataset(profile, wanted)[0], wanted, reporter=reporter)


def train_bundle(
    profile: Profile,
    files: str | os.PathLike[str],
    out: str | os.PathLike[str],
    objective: Objective | str | None = None,
    *,
    caution: RejectOption | None = None,
    replace: bool = False,
    reporter: Reporter = SILENT,
) -> Trained:
    """Train on a profile and write the bundle.

    Args:
        profile: with costs of this device.
        files: folder of the variants' files.
        out: folder of the bundle.
        objective: what "best" means, also in words ("at most 1 % less accurate"); None: as fast as possible,
            at least as accurate as the best single network.
        caution: which inputs are not chosen for, which answers are withheld; None: all are, and none is.
        replace: whether a bundle that is there already is replaced.
        reporter: hears what is said on the way.

    Raises:
        ProfileError: no costs were measured, or too few samples.
        StorageError: the bundle cannot be written.
    """
    objective = _objective(objective)
    problem, costs = selection_dataset(profile, objective)
    trained = train(problem, objective, default_trainers(caution), reporter=reporter)
    content = BundleContent(
        profile.variants,
        Path(files),
        _policies(trained, problem, costs),
        {name: data for fitted in trained.fitted.values() for name, data in fitted.selectors.items()},
        objective,
        dict(zip(problem.names, problem.quality.mean(axis=0).tolist(), strict=True)),
        costs,
        _summary(trained, profile, problem, costs, _judged(profile, Path(files), reporter)),
    )
    write_bundle(content, out, replace=replace)
    return trained


def _policies(trained: Trained, problem: SelectionDataset, costs: CostModel) -> dict[str, Policy]:

    def pinned(name: str) -> Policy:
        return FixedPolicy(name, costs.processors(name, costs.idle)[0])

    policies: dict[str, Policy] = {
        "adaptive": trained.fitted[trained.comparison.winner].policy,
        "most_accurate": pinned(problem.names[problem.most_accurate]),
        "fastest": pinned(problem.names[int(problem.costs_ms.argmin())]),
        "best_static": pinned(trained.fitted["single best"].policy.variants[0]),
    }
    if "premodel" in trained.fitted:
        policies["premodel"] = trained.fitted["premodel"].policy
    return policies


def _judged(profile: Profile, files: Path, reporter: Reporter) -> list[Candidate]:
    """Return every variant as a candidate, and say which ones nobody should choose."""
    found = candidates(profile, files)
    for one in found:
        if one.domination is not None:
            reporter.say(f"{one.variant}: dominated: {one.domination}" + (f" ({one.why})" if one.why else ""))
    return found


def _summary(
    trained: Trained, profile: Profile, problem: SelectionDataset, costs: CostModel, judged: Sequence[Candidate]
) -> dict[str, Any]:
    comparison = trained.comparison
    # a cost in energy becomes one in time at the rate of the most accurate network
    name = problem.names[problem.most_accurate]
    rate = costs.processors(name, costs.idle)[1] / problem.costs_ms[problem.most_accurate]
    energy = profile.energy
    return {
        "n_samples": len(profile.samples),
        "origin": profile.origin,
        "reference": problem.reference,
        "judging": None if profile.quality_criterion is None else profile.quality_criterion.to_dict(),
        "device": dict(profile.device),
        "shipped": comparison.winner,
        "reason": comparison.reason,
        "penalty_ms": comparison.penalty * (1.0 if problem.unit == "ms" else float(rate)),
        "energy": {"meter": energy.meter, "estimated": energy.estimated} if energy else None,
        "comparison": {name: asdict(score) for name, score in comparison.scores.items()},
        "portfolio": [asdict(addition) for addition in trained.fitted[comparison.winner].portfolio],
        "candidates": [asdict(candidate) for candidate in judged],
    }


def build(
    models: Sequence[str | os.PathLike[str] | Model],
    samples: Samples,
    out: str | os.PathLike[str],
    objective: Objective | str | None = None,
    *,
    caution: RejectOption | None = None,
    work: str | os.PathLike[str] | None = None,
    replace: bool = False,
    reporter: Reporter = SILENT,
    **measuring: Any,
) -> Trained:
    """Compress, measure, train and write a bundle.

    Args:
        models: ONNX files, or models.
        samples: labelled inputs, or unlabelled ones (then the uncompressed model's answers count as right).
        out: folder of the bundle.
        objective, caution: see `train_bundle`.
        work: where variants and measurements are kept, so that an interrupted build goes on; None: `<out>.work`.
        replace: whether a bundle that is there already is replaced.
        reporter: hears how far it is.
        measuring: further arguments of `measure`.

    Raises:
        StorageError: `out` is there already, or cannot be written.
        CompselError: what `measure` and `train_bundle` raise.
    """
    out, objective = Path(out), _objective(objective)
    check_place(out, replace=replace)
    objective.check_measured(energy=_has_meter(measuring.get("meter")))
    work = Path(work) if work is not None else out.with_name(f"{out.name}.work")
    loaded = [model if isinstance(model, Model) else Model.load(model) for model in models]
    profile, _ = measure(loaded, samples, work, reporter=reporter, **measuring)
    return train_bundle(profile, work / "variants", out, objective, caution=caution, replace=replace, reporter=reporter)

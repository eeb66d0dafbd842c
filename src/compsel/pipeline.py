"""From models to a bundle: compress, measure, train, write; each step resumes where it was interrupted."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from compsel.errors import NotApplicableError, ProfileError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.features.device import device_fingerprint
from compsel.feeds import feeds_of
from compsel.files import write_json
from compsel.model import Model
from compsel.processors import CpuProcessor, discover, parse
from compsel.processors.base import Processor
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.load import standard_states
from compsel.profiling.memory import measure_memory
from compsel.profiling.quality import measure_features, measure_quality, silent, time_features
from compsel.profiling.tables import Profile, write_header
from compsel.runtime.bundle import BundleContent, write_bundle
from compsel.samples import Samples
from compsel.selection.costs import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy, Policy
from compsel.selection.problem import Problem
from compsel.selection.training import Trained, train
from compsel.techniques import parse as parse_technique
from compsel.techniques.calibrate import open_session
from compsel.techniques.verify import verify
from compsel.variant import Variant
from compsel.variants import output_kind, slug, write_variant

__all__ = ["build", "build_variants", "default_techniques", "measure", "train_bundle", "train_profile"]

CALIBRATION_SAMPLES = 50
_VERIFICATION_SAMPLES = 32
_RESOLUTION_SHARES = (0.86, 0.72)
_RESOLUTION_STEP = 16

Progress = Callable[[Iterable[int], str], Iterable[int]]
Say = Callable[[str], None]


def quiet(message: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A variant that was not built, with the reason."""

    model: str
    technique: str
    reason: str


def default_techniques(model: Model) -> tuple[str, ...]:
    """Return the techniques that a build tries on a model: none, int8, and for images two lower resolutions of both."""
    specs = ["none", "int8-static"]
    if model.preprocessing is not None:
        side = min(model.preprocessing.resolution)
        for share in _RESOLUTION_SHARES:
            lower = max(_RESOLUTION_STEP, round(side * share / _RESOLUTION_STEP) * _RESOLUTION_STEP)
            specs += [f"resolution:{lower}", f"resolution:{lower}+int8-static"]
    return tuple(specs)


def build_variants(
    models: Sequence[Model],
    folder: Path,
    calibration: Samples,
    techniques: Sequence[str] | None = None,
    say: Say = quiet,
) -> tuple[list[Variant], list[LeftOut]]:
    """Compress each model by each technique; what cannot be built, does not run or answers wildly is left out.

    Variants that an earlier call built from the same model and the same calibration samples are taken as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variants, left_out = [], []
    for model in models:
        checks = calibration.spread(_VERIFICATION_SAMPLES)
        for spec in dict.fromkeys(("none", *(techniques or default_techniques(model)))):
            record = folder / f"{slug(f'{model.name}/{spec}')}.{_digest(model, spec, calibration)}.json"
            known = _known(record, folder)
            if known is not None:
                variants.append(known)
                continue
            try:
                compressed = parse_technique(spec).apply(model, calibration)
                verification = verify(compressed, model, checks)
                if not verification.ok:
                    raise NotApplicableError(verification.reason)
            except NotApplicableError as error:
                left_out.append(LeftOut(model.name, spec, str(error)))
                say(f"{model.name}/{spec}: left out: {error}")
                continue
            variant = write_variant(compressed, folder, _output(compressed, checks))
            write_json(record, variant.to_dict())
            variants.append(variant)
            say(f"{variant.name}: {variant.size_bytes / 1e6:.1f} MB")
    return variants, left_out


def _digest(model: Model, spec: str, calibration: Samples) -> str:
    text = "|".join([model.fingerprint(), spec, *calibration.names])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _known(record: Path, folder: Path) -> Variant | None:
    try:
        variant = Variant.from_dict(json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return variant if all((folder / file).is_file() for file in variant.files) else None


def _output(model: Model, samples: Samples) -> Any:
    session = open_session(model.to_proto())
    return output_kind(model, session.run(None, feeds_of(model, samples.value(0))))


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
    origin: str = "",
    progress: Progress = silent,
    say: Say = quiet,
) -> tuple[Profile, list[LeftOut]]:
    """Compress models and measure quality, features, latency and memory into a profile folder.

    Args:
        models: with different names.
        samples: the inputs, labelled or not; the calibration samples are spread over them.
        folder: of the profile; what an interrupted call measured there is taken up.
        techniques: what to try on each model; None: `default_techniques`.
        processors: words such as "cpu:2"; None: all that work here.
        states: of the device; None: idle and three loads.
        calibration: number of calibration samples.
        criterion: when a latency is known well enough.
        origin: in words, what the samples are.
        progress: wraps loops. say: takes messages.

    Raises:
        ProfileError: models with the same name, or no samples.
    """
    folder = Path(folder)
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ProfileError(f"got models {names}: give each file a name of its own")
    if not len(samples):
        raise ProfileError("got no samples: give some")
    variants, left_out = build_variants(models, folder / "variants", samples.spread(calibration), techniques, say)
    extractors: dict[str, FeatureExtractor] = (
        {name: kind() for name, kind in EXTRACTORS.items()} if models[0].preprocessing is not None else {}
    )
    measure_features(extractors, samples, folder, progress)
    n_classes = measure_quality(variants, folder / "variants", samples, folder, CpuProcessor(1), progress)
    where = [parse(word) for word in processors] if processors else list(default_processors())
    measure_costs(variants, samples, folder, where, states or standard_states(), criterion, progress)
    header = (n_classes, device_fingerprint(), time_features(extractors, samples), origin)
    write_header(folder, variants, *header)
    return Profile.load(folder), left_out


def measure_costs(
    variants: Sequence[Variant],
    samples: Samples,
    folder: Path,
    processors: Sequence[Processor],
    states: Sequence[str],
    criterion: Criterion | None,
    progress: Progress,
) -> None:
    """Measure latency and memory of every choice: what a new device needs, and nothing else."""
    files = folder / "variants"
    measure_latency(variants, processors, states, files, samples, folder, criterion, progress)
    measure_memory(variants, processors, files, folder)


def problem_of(profile: Profile) -> tuple[Problem, CostModel]:
    """Join the tables of a profile into what selectors are trained on.

    Raises:
        ProfileError: no costs were measured.
    """
    if profile.latency is None:
        raise ProfileError("the profile has no latencies: measure this device with compsel profile")
    costs = CostModel.fit(profile.latency.by_choice(), profile.latency.load)
    return Problem.from_profile(profile, costs, profile.features_ms), costs


def train_profile(profile: Profile, objective: Objective | None = None, *, say: Say = quiet) -> Trained:
    """Train on a profile, without writing anything.

    Raises:
        ProfileError: no costs were measured, or too few samples.
    """
    return train(problem_of(profile)[0], objective, progress=say)


def train_bundle(
    profile: Profile,
    files: str | os.PathLike[str],
    out: str | os.PathLike[str],
    objective: Objective | None = None,
    *,
    replace: bool = False,
    say: Say = quiet,
) -> Trained:
    """Train on a profile and write the bundle.

    Args:
        profile: with costs of this device.
        files: folder of the variants' files.
        out: folder of the bundle.
        objective: what "best" means; None: as fast as possible, at least as accurate as the best single network.
        replace: whether a bundle that is there already is replaced.
        say: takes messages.

    Raises:
        ProfileError: no costs were measured, or too few samples.
        StorageError: the bundle cannot be written.
    """
    objective = objective or Objective()
    problem, costs = problem_of(profile)
    trained = train(problem, objective, progress=say)
    content = BundleContent(
        profile.variants,
        Path(files),
        _policies(trained, problem, costs),
        {name: data for fitted in trained.fitted.values() for name, data in fitted.selectors.items()},
        objective,
        dict(zip(problem.names, problem.quality.mean(axis=0).tolist(), strict=True)),
        costs,
        _summary(trained, profile, problem),
    )
    write_bundle(content, out, replace=replace)
    return trained


def _policies(trained: Trained, problem: Problem, costs: CostModel) -> dict[str, Policy]:
    idle = float(costs.loads[0])

    def pinned(name: str) -> Policy:
        return FixedPolicy(name, costs.processors(name, idle)[0])

    policies: dict[str, Policy] = {
        "adaptive": trained.fitted[trained.comparison.winner].policy,
        "most_accurate": pinned(problem.names[problem.most_accurate]),
        "fastest": pinned(problem.names[int(problem.prices_ms.argmin())]),
        "best_static": pinned(trained.fitted["single best"].policy.variants[0]),
    }
    if "premodel" in trained.fitted:
        policies["premodel"] = trained.fitted["premodel"].policy
    return policies


def _summary(trained: Trained, profile: Profile, problem: Problem) -> dict[str, Any]:
    comparison = trained.comparison
    return {
        "n_samples": len(profile.samples),
        "origin": profile.origin,
        "reference": problem.reference,
        "device": dict(profile.device),
        "shipped": comparison.winner,
        "reason": comparison.reason,
        "penalty_ms": comparison.penalty,
        "comparison": {name: asdict(score) for name, score in comparison.scores.items()},
        "portfolio": [asdict(addition) for addition in trained.fitted[comparison.winner].portfolio],
    }


def build(
    models: Sequence[str | os.PathLike[str] | Model],
    samples: Samples,
    out: str | os.PathLike[str],
    objective: Objective | None = None,
    *,
    work: str | os.PathLike[str] | None = None,
    replace: bool = False,
    progress: Progress = silent,
    say: Say = quiet,
    **measuring: Any,
) -> Trained:
    """Compress, measure, train and write a bundle.

    Args:
        models: ONNX files, or models.
        samples: labelled inputs, or unlabelled ones (then the uncompressed model's answers count as right).
        out: folder of the bundle.
        objective: see `train_bundle`.
        work: where variants and measurements are kept, so that an interrupted build goes on; None: `<out>.work`.
        replace: whether a bundle that is there already is replaced.
        progress: wraps loops. say: takes messages.
        measuring: further arguments of `measure`.
    """
    out = Path(out)
    work = Path(work) if work is not None else out.with_name(f"{out.name}.work")
    loaded = [model if isinstance(model, Model) else Model.load(model) for model in models]
    profile, _ = measure(loaded, samples, work, progress=progress, say=say, **measuring)
    return train_bundle(profile, work / "variants", out, objective, replace=replace, say=say)

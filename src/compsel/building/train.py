"""Train policies on a profile, and write the bundle of the best one."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from compsel.building.certifying import as_promise
from compsel.building.curves import curves
from compsel.building.kept_training import kept_training
from compsel.building.result import Built, Measured, result_of, with_start_up
from compsel.building.training_tables import TrainedOn, selection_dataset, trained_on
from compsel.building.verdict import findings
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.models.protobuf_streaming import read_proto
from compsel.models.random_weights import has_random_weights
from compsel.parallel.backend import Backend
from compsel.profiling.candidates import Candidate, candidates
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.progress import SILENT, Reporter
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.certificate.promise import Promise
from compsel.selection.costs.model import CostModel
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy, Policy
from compsel.selection.training.comparison import train
from compsel.selection.training.streaming.memory import MemoryLimit
from compsel.selection.training.trained import Trained
from compsel.selection.training.trainers import PolicyTrainer
from compsel.techniques.heads.learned import hashes_to_text

__all__ = ["as_objective", "train_bundle", "train_profile"]

_DEFAULT = Backend()


def as_objective(wanted: Objective | str | None) -> Objective:
    """Return an objective that may be given in words; None is the default one.

    >>> as_objective("at most 1 % less accurate").max_loss
    0.01
    """
    return Objective.from_goal(wanted) if isinstance(wanted, str) else wanted or Objective()


def train_profile(
    profile: Profile | ProfileStream,
    objective: Objective | str | None = None,
    trainers: Sequence[PolicyTrainer] | None = None,
    *,
    limit: MemoryLimit | None = None,
    reporter: Reporter = SILENT,
    backend: Backend = _DEFAULT,
) -> Trained:
    """Train on a profile, without writing anything.

    Args:
        profile: with costs.
        objective: what "best" means; see `train_bundle`.
        trainers: of the kinds of policy, for a profile in memory; None: those that a build tries.
        limit: of memory, for a profile that is read in batches; None: the usual one.
        reporter: hears what is said on the way.

    Raises:
        ProfileError: no costs were measured.
        TooFewSamplesError: fewer than 20 samples.
    """
    wanted = as_objective(objective)
    if isinstance(profile, ProfileStream):
        return trained_on(profile, wanted, limit=limit, reporter=reporter).trained
    return train(selection_dataset(profile, wanted)[0], wanted, trainers, reporter=reporter, backend=backend)


# many parameters: profile, files and out are what everybody gives; the others are rarely set, and independent
def train_bundle(
    profile: Profile | ProfileStream,
    files: str | os.PathLike[str],
    out: str | os.PathLike[str],
    objective: Objective | str | None = None,
    *,
    reject_option: RejectOption | None = None,
    certify: Promise | str | None = None,
    work: str | os.PathLike[str] | None = None,
    replace: bool = False,
    limit: MemoryLimit | None = None,
    reporter: Reporter = SILENT,
    backend: Backend = _DEFAULT,
) -> Built:
    """Train on a profile and write the bundle.

    Args:
        profile: with costs of this device; one that is read in batches is trained on within the limit, see
            `compsel.selection.training.streaming.training`.
        files: folder of the variants' files.
        out: folder of the bundle.
        objective: what "best" means, also in words ("at most 1 % less accurate"); None: as fast as possible,
            at least as accurate as the best single network.
        reject_option: which inputs are not chosen for, which answers are withheld; None: all are, and none is.
        certify: what the bundle shall promise, also in words ("99 % agreement"): then the cheapest policy that is
            certified to keep it ships, whatever else the objective asks for; None: nothing.
        work: folder where what is trained stays until the bundle is written, so that an interrupted training goes on;
            None: `<out>.work`.
        replace: whether a bundle that is there already is replaced.
        limit: of memory, for a profile that is read in batches; None: the usual one.
        reporter: hears what is said on the way.
        backend: where policies are trained.

    Raises:
        ProfileError: no costs were measured.
        TooFewSamplesError: fewer than 20 samples.
        ObjectiveError: what shall be promised cannot be certified; nothing is written then.
        StorageError: the bundle cannot be written.
    """
    objective, promise = as_objective(objective), as_promise(certify, reject_option)
    with kept_training(out, work) as kept:
        with reporter.phase("training", None if isinstance(profile, ProfileStream) else 2):
            found = trained_on(
                profile, objective, reject_option, promise, limit, reporter=reporter, backend=backend, kept=kept
            )
        trained, profile, dataset, costs = found.trained, found.profile, found.dataset, found.costs
        _say_decoding(profile, reporter)
        files, out = Path(files), Path(out)
        result = result_of(trained, Measured(profile, dataset, costs), out)
        summary = {
            **_summary(found, _say_dominated(profile, files, reporter)),
            "random_weights": _random_weights(profile, files),
            "result": result.named(out.name).to_dict(),
        }
        original = next(one for one in profile.variants if one.name == trained.most_accurate)

        def complete(bundle: Path) -> dict[str, Any]:
            nonlocal result
            result = with_start_up(result, original, files, bundle)
            return {**summary, "result": result.named(out.name).to_dict()}

        content = _content(trained, profile, (dataset, costs, objective), files, summary)
        write_bundle(content, out, replace=replace, complete=complete)
        _say_what_lacks(profile, content, files, reporter)
    fields = {field.name: getattr(trained, field.name) for field in dataclass_fields(trained)}
    return Built(**fields, result=result, streaming=found.streamed.to_dict() if found.streamed else None)


def _say_what_lacks(profile: Profile, content: BundleContent, files: Path, reporter: Reporter) -> None:
    """Say so where an evaluation needs a variant that does not ship."""
    criterion = profile.quality_criterion
    shipped = {name for policy in content.policies.values() for name in policy.variants}
    if criterion is not None and criterion.reference and criterion.reference not in shipped:
        reporter.say(
            f"{criterion.reference}, which answers are compared with, does not ship: to evaluate the bundle elsewhere, "
            f"keep {files.parent} (compsel evaluate --profile)"
        )


def _say_decoding(profile: Profile, reporter: Reporter) -> None:
    if profile.decode_ms > 0:
        reporter.detail(
            f"times leave out decoding, which is the same for every choice: {profile.decode_ms:.2f} ms a sample"
        )


def _content(
    trained: Trained,
    profile: Profile,
    trained_on: tuple[SelectionDataset, CostModel, Objective],
    files: Path,
    summary: dict[str, Any],
) -> BundleContent:
    """Return what goes into the bundle."""
    dataset, costs, objective = trained_on
    policies, baselines = _split(_policies(trained, dataset, costs))
    quality = dict(zip(dataset.names, dataset.mean_quality.tolist(), strict=True))
    return BundleContent(
        profile.variants, files, policies, _selectors(trained), objective, quality, costs, summary, baselines
    )


def _split(policies: dict[str, Policy]) -> tuple[dict[str, Policy], dict[str, Policy]]:
    """Return the policies that ship, and the baselines whose variants do not.

    What never changes its choice ships with the files of that alone; what chooses keeps others too, since the limits
    of a call may ask for them.
    """
    ours = set(policies["adaptive"].variants)
    if len(ours) > 1:
        return policies, {}
    kept = {name for name, policy in policies.items() if set(policy.variants) <= ours}
    return (
        {name: policy for name, policy in policies.items() if name in kept},
        {name: policy for name, policy in policies.items() if name not in kept},
    )


def _policies(trained: Trained, dataset: SelectionDataset, costs: CostModel) -> dict[str, Policy]:

    def pinned(name: str) -> Policy:
        return FixedPolicy(name, costs.processors(name, costs.idle)[0])

    policies: dict[str, Policy] = {
        "adaptive": trained.fitted[trained.comparison.winner].policy,
        "most_accurate": pinned(dataset.names[dataset.most_accurate]),
        "fastest": pinned(dataset.names[int(dataset.costs_ms.argmin())]),
        "best_static": pinned(trained.fitted["single best"].policy.variants[0]),
    }
    if "premodel" in trained.fitted:
        policies["premodel"] = trained.fitted["premodel"].policy
    return policies


def _selectors(trained: Trained) -> dict[str, bytes]:
    """Return the selectors of the policies that ship, as ONNX, by file."""
    shipped = [trained.fitted[kind] for kind in (trained.comparison.winner, "premodel") if kind in trained.fitted]
    return {name: data for fitted in shipped for name, data in fitted.selectors.items()}


def _say_dominated(profile: Profile, files: Path, reporter: Reporter) -> list[Candidate]:
    """Return every variant as a candidate, and say which ones nobody should choose."""
    found = candidates(profile, files)
    for one in found:
        if one.domination is not None:
            reporter.detail(f"{one.variant}: dominated: {one.domination}" + (f" ({one.why})" if one.why else ""))
    return found


def _random_weights(profile: Profile, files: Path) -> list[str]:
    """Return the models whose files say that their weights are random."""
    originals = [variant for variant in profile.variants if variant.technique == "none"]
    return [one.model for one in originals if has_random_weights(read_proto(files / one.tensor_file))]


def _summary(on: TrainedOn, found: Sequence[Candidate]) -> dict[str, Any]:
    trained, profile, dataset, costs = on.trained, on.profile, on.dataset, on.costs
    comparison = trained.comparison
    # a cost in energy becomes one in time at the rate of the most accurate network
    name = dataset.names[dataset.most_accurate]
    rate = costs.processors(name, costs.idle)[1] / dataset.costs_ms[dataset.most_accurate]
    energy = profile.energy
    return {
        "n_samples": on.n_samples,
        **({"streaming": on.streamed.to_dict()} if on.streamed else {}),
        "origin": profile.origin,
        "reference": dataset.reference,
        **({"task": profile.task} if profile.task else {}),
        "judging": None if profile.quality_criterion is None else profile.quality_criterion.to_dict(),
        "device": dict(profile.device),
        "decode_ms": profile.decode_ms,
        **findings(trained),
        "penalty_ms": comparison.penalty * (1.0 if dataset.unit == "ms" else float(rate)),
        "energy": {"meter": energy.meter, "estimated": energy.estimated} if energy else None,
        "candidates": [asdict(candidate) for candidate in found],
        "memory_mb": _memory(profile, found),
        "samples_sketch": profile.sketch,
        "curves": curves(trained, on.with_evidence, costs),
        "certificate": None if on.certified is None else on.certified.certificate.to_dict(),
        "learned_from": hashes_to_text(profile.learned_from),
    }


def _memory(profile: Profile, found: Sequence[Candidate]) -> dict[str, float]:
    """Return the memory of a process that runs each variant where it is fastest, as far as it was measured."""
    measured = {one.variant: profile.memory_mb.get((one.variant, one.processor)) for one in found}
    return {name: memory for name, memory in measured.items() if memory is not None}

"""What a report shows, read from a bundle or from a profile, in one form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import MANIFEST
from compsel.errors import BundleError, CompselError, ProfileError, UsageError
from compsel.evaluation.contenders import work_folder, work_place
from compsel.evaluation.result_words import percent_words
from compsel.inputs.modalities import modality_of
from compsel.profiling.candidates import Candidate, candidates
from compsel.profiling.dominance import Domination
from compsel.profiling.profile import Profile
from compsel.selection.costs.fitting import fit_costs
from compsel.selection.costs.model import CostModel
from compsel.storage.locations.using import address_behind, mirror_of
from compsel.storage.strict_json import read_json

__all__ = ["ReportContent", "StateCost", "read_content", "read_evaluation"]


@dataclass(frozen=True, slots=True)
class StateCost:
    """What one choice costs in every state of the device.

    Attributes:
        variant, processor: the choice.
        latency_ms: (n_states,) means.
        p95_ms: (n_states,) 95th percentiles.

    >>> StateCost("a/none", "cpu:1", latency_ms=(5.0, 9.0), p95_ms=(6.0, 14.0)).latency_ms[0]
    5.0
    """

    variant: str
    processor: str
    latency_ms: tuple[float, ...]
    p95_ms: tuple[float, ...]


@dataclass(frozen=True)
class ReportContent:
    """What is shown.

    Attributes:
        kind: "bundle" or "profile".
        name: of the folder.
        device: fingerprint of the device that was measured.
        n_samples: that quality was measured on.
        origin: in words, what they are.
        labelled: whether they had labels; None where that is not recorded.
        candidates: every variant that was measured (of older bundles: every variant in it).
        shipped: names of the variants in the bundle; empty for a profile.
        states: names of the states of the device, the idlest first.
        costs: one a choice.
        objective: in words; "" for a profile.
        summary: what training found; empty for a profile.
        evaluation: JSON of `compsel evaluate`; None without it.
        sizes: of inputs that costs depend on, in words; "" where they depend on none.
        modality: "image", "text" or "tensors".
        files_mb: by shipped variant, the size of its files.
        adaptive: the variants that the shipped policy may run.
        memory_mb: by variant, of a process that runs it where it is fastest; empty where it was not measured.
        size_costs: what variants take at each size of input; None where size plays no role.

    >>> ReportContent("profile", "p", {}, 0, "", None, (), (), (), ()).summary
    {}
    """

    kind: str
    name: str
    device: Mapping[str, Any]
    n_samples: int
    origin: str
    labelled: bool | None
    candidates: tuple[Candidate, ...]
    shipped: tuple[str, ...]
    states: tuple[str, ...]
    costs: tuple[StateCost, ...]
    objective: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] | None = None
    sizes: str = ""
    modality: str = "image"
    files_mb: Mapping[str, float] = field(default_factory=dict)
    adaptive: tuple[str, ...] = ()
    memory_mb: Mapping[str, float] = field(default_factory=dict)
    size_costs: "SizeCostTable | None" = None


@dataclass(frozen=True, slots=True)
class SizeCostTable:
    """What variants take at each size of input, on an idle device and the processor that is fastest there.

    Attributes:
        unit: of the sizes.
        sizes: (n_sizes,), ascending.
        latency_ms: by variant, (n_sizes,).

    >>> SizeCostTable("tokens", (3.0, 11.0), {"net/none": (1.0, 2.0)}).unit
    'tokens'
    """

    unit: str
    sizes: tuple[float, ...]
    latency_ms: Mapping[str, tuple[float, ...]]


def read_content(folder: Path, evaluation: Mapping[str, Any] | None = None) -> ReportContent:
    """Read a bundle or a profile.

    Raises:
        UsageError: neither.
        BundleError, ProfileError: a damaged one, or a profile without costs.
    """
    if (folder / MANIFEST).is_file():
        return _of_bundle(Bundle.load(folder), evaluation)
    if (folder / "profile.json").is_file():
        return _of_profile(Profile.load(folder), folder, evaluation)
    raise UsageError(f"{folder}: got neither a bundle ({MANIFEST}) nor a profile (profile.json): give one of them")


def read_evaluation(path: Path) -> dict[str, Any]:
    """Read what `compsel evaluate --json` wrote.

    Raises:
        UsageError: not such a file.
    """
    try:
        content = read_json(path)
        for policy in content["policies"].values():
            float(policy["accuracy"]), float(policy["latency_ms"]["mean"])
        content["summary"].keys(), content["policies"]["adaptive"], content["n"]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: is not what compsel evaluate --json writes ({error!r}): evaluate again") from error
    return dict(content)


def _of_bundle(bundle: Bundle, evaluation: Mapping[str, Any] | None) -> ReportContent:
    summary, costs = bundle.summary, bundle.costs
    try:
        found = tuple(_candidate(entry) for entry in summary.get("candidates", ())) or _shipped_candidates(bundle)
    except (KeyError, TypeError) as error:
        raise BundleError(f"{bundle.folder}: its summary is damaged ({error!r}): build it again") from error
    reference = summary.get("reference")
    measured = _measured_by_the_build(bundle)
    if measured is not None and measured.latency is not None:
        costs = fit_costs(measured.latency)
    memory = summary.get("memory_mb") or ({} if measured is None else memory_by_variant(measured, found))
    return ReportContent(
        "bundle",
        _name(bundle.folder),
        dict(summary.get("device", {})),
        int(summary.get("n_samples", 0)),
        str(summary.get("origin", "")),
        None if reference is None else not reference,
        found,
        tuple(bundle.variants),
        _state_names(costs),
        _state_costs(costs),
        _objective(bundle),
        summary,
        evaluation,
        sizes="" if costs.by_size is None else costs.by_size.text,
        modality=modality_of(next(iter(bundle.variants.values()))).name,
        files_mb={name: variant.size_bytes / 1e6 for name, variant in bundle.variants.items()},
        adaptive=tuple(bundle.policies["adaptive"].variants),
        memory_mb=memory,
        size_costs=_size_costs(costs),
    )


def _name(folder: Path) -> str:
    return Path(address_behind(folder) or folder.resolve()).name


def _measured_by_the_build(bundle: Bundle) -> Profile | None:
    """Return the profile that the build left beside its bundle, where it is there and of it: it knows more choices."""
    # of an address: as far as it was used just now, since fetching it for a page would take long
    folder = mirror_of(str(work_place(bundle.folder))) or work_folder(bundle.folder)
    if not (folder / "profile.json").is_file():
        return None
    try:
        profile = Profile.load(folder)
    except CompselError:
        return None  # of another version, or in the middle of being measured again
    same = {variant.name: variant.sha256 for variant in profile.variants}
    return profile if all(same.get(name) == one.sha256 for name, one in bundle.variants.items()) else None


def memory_by_variant(profile: Profile, found: Sequence[Candidate]) -> dict[str, float]:
    """Return the memory (MB) of a process that runs each variant where it is fastest, as far as it was measured."""
    measured = {one.variant: profile.memory_mb.get((one.variant, one.processor)) for one in found}
    return {name: memory for name, memory in measured.items() if memory is not None}


def _size_costs(costs: CostModel) -> SizeCostTable | None:
    if costs.by_size is None:
        return None
    names = list(dict.fromkeys(variant for variant, _ in costs.choices))
    rows = [costs.cheapest(names, costs.idle, size=size)[0] for size in costs.sizes]
    return SizeCostTable(
        costs.unit,
        _floats(costs.sizes),
        {name: _floats([row[place] for row in rows]) for place, name in enumerate(names)},
    )


def _of_profile(profile: Profile, folder: Path, evaluation: Mapping[str, Any] | None) -> ReportContent:
    if profile.latency is None:
        raise ProfileError(f"{folder}: has no latencies: measure this device with compsel profile")
    costs = fit_costs(profile.latency)
    files = folder / "variants"
    found = tuple(candidates(profile, files if files.is_dir() else None))
    return ReportContent(
        "profile",
        _name(folder),
        profile.device,
        len(profile.samples),
        profile.origin,
        bool((profile.labels >= 0).all()),
        found,
        (),
        _state_names(costs),
        _state_costs(costs),
        evaluation=evaluation,
        sizes="" if costs.by_size is None else costs.by_size.text,
        modality=modality_of(profile.variants[0]).name,
        memory_mb=memory_by_variant(profile, found),
        size_costs=_size_costs(costs),
    )


def _candidate(entry: Mapping[str, Any]) -> Candidate:
    domination = entry["domination"]
    return Candidate(**{**entry, "domination": None if domination is None else Domination(**domination)})


def _shipped_candidates(bundle: Bundle) -> tuple[Candidate, ...]:
    """Older bundles do not say what else was measured."""
    found = []
    for name, variant in bundle.variants.items():
        processor, latency = bundle.costs.processors(name, bundle.costs.idle)
        size = variant.size_bytes / 1e6
        found.append(Candidate(name, size, bundle.quality[name], processor, latency, latency, latency))
    return tuple(found)


def _state_names(costs: CostModel) -> tuple[str, ...]:
    if len(costs.names) == len(costs.states):
        return costs.names
    return tuple(f"{state[0]:.1f} cores busy" for state in costs.states)


def _state_costs(costs: CostModel) -> tuple[StateCost, ...]:
    return tuple(
        StateCost(variant, processor, _floats(costs.latency_ms[:, column]), _floats(costs.p95_ms[:, column]))
        for column, (variant, processor) in enumerate(costs.choices)
    )


def _floats(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _objective(bundle: Bundle) -> str:
    """Say the objective in words."""
    goal = bundle.objective
    parts = [f"as little {goal.minimize} as possible"]
    if goal.max_loss is not None:
        parts.append(
            f"at most {percent_words(goal.max_loss)} less accurate than the most accurate uncompressed network"
            if goal.max_loss
            else "at least as accurate as the most accurate uncompressed network"
        )
    if goal.min_quality is not None:
        parts.append(f"an accuracy of at least {percent_words(goal.min_quality)}")
    penalty = bundle.summary.get("penalty_ms")
    if penalty is not None:
        parts.append(f"a wrong answer counted as {penalty:.0f} ms")
    return "; ".join(parts)

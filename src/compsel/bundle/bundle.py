"""A bundle: a folder that an app ships, with variants, policies, costs and what was measured when it was built.

manifest.json     every file with size and SHA-256
bundle.json       variants, objective, summary of the profile, names of the baselines
policies.json     the adaptive policy and the baselines that `compsel evaluate` compares it with
baselines.json    those baselines whose variants are not here, since the adaptive policy always runs one
costs.json        latency of every choice in every state of the device it was measured on
variants/         graphs and weights
selectors/        exported selectors (ONNX)
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import compsel
from compsel.bundle.manifest import check_bundle, write_manifest
from compsel.bundle.verified_files import VerifiedFiles
from compsel.errors import BundleError
from compsel.features.tasks import Task
from compsel.inputs.modalities import modality_of
from compsel.inputs.modality import Modality
from compsel.profiling.output_quality import QualityCriterion
from compsel.selection.costs.model import CostModel
from compsel.selection.export.onnx_selector import ExportedSelector
from compsel.selection.objective import Objective
from compsel.selection.policies import Policy, RowSelector, policy_from_dict
from compsel.storage.files import atomic_directory, without_nan, write_json
from compsel.storage.sizes import size_words
from compsel.storage.strict_json import parse_json
from compsel.variants.variant import Variant

__all__ = ["Bundle"]

_BASELINES = "baselines.json"


@dataclass(frozen=True)
class Bundle:
    """What is in a bundle.

    Attributes:
        folder: where it is.
        variants: by name.
        policies: "adaptive" and the baselines whose variants are here, by name.
        objective: what it was built for.
        quality: mean quality of each variant on the samples it was built with.
        costs: of every choice.
        summary: what training found: comparison of selectors, portfolio, device, what was shipped and why.
        baselines: policies of variants that are not here; what the build measured has them
            (`compsel.evaluation.contenders.with_baselines`).
        files: as they were checked; None: they lie in `folder` as something else left them.
    """

    folder: Path
    variants: Mapping[str, Variant]
    policies: Mapping[str, Policy]
    objective: Objective
    quality: Mapping[str, float]
    costs: CostModel
    summary: Mapping[str, Any]
    baselines: Mapping[str, Policy] = field(default_factory=dict)
    files: VerifiedFiles | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Bundle":
        """Check every file, then read the bundle.

        Raises:
            BundleError: not a bundle, or one that does not fit together.
            IntegrityError: a changed, missing or foreign file.
            VersionError: of a newer format.
        """
        folder = Path(folder)
        files = check_bundle(folder)
        try:
            bundle = cls._read(files)
            bundle._check(files)
        except BundleError:
            raise
        except Exception as error:  # whatever a file that somebody made for it can bring about
            raise BundleError(f"{folder}: does not fit together ({error!r}): build it again") from error
        return bundle

    @classmethod
    def _read(cls, files: VerifiedFiles) -> "Bundle":
        folder = files.folder
        content = _json(files, "bundle.json")
        variants = [Variant.from_dict(variant).opened(folder / "variants") for variant in content["variants"]]
        if len({variant.name for variant in variants}) < len(variants):
            raise BundleError(f"{folder}: has two variants of one name: build it again")
        selectors: dict[str, RowSelector] = {name: ExportedSelector(files.read(name)) for name in content["selectors"]}
        policies, baselines = (
            {name: policy_from_dict(policy, selectors) for name, policy in content.items()}
            for content in (_json(files, "policies.json"), _json(files, _BASELINES) if _BASELINES in files else {})
        )
        return cls(
            folder,
            {variant.name: variant for variant in variants},
            policies,
            Objective.from_dict(content["objective"]),
            {name: _quality(quality) for name, quality in content["quality"].items()},
            CostModel.from_dict(_json(files, "costs.json")),
            dict(content["summary"]),
            baselines,
            files,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs; () where they are not known."""
        return next((variant.labels for variant in self.variants.values() if variant.labels), ())

    @property
    def task(self) -> Task | None:
        """What the answers are, where that rates them or reads their confidence; None for classes."""
        judging = self.summary.get("judging")
        return QualityCriterion.from_dict(judging).task if judging else None

    @property
    def modality(self) -> Modality:
        """Of the inputs."""
        return modality_of(next(iter(self.variants.values())))

    def __repr__(self) -> str:
        policy = self.policies["adaptive"]
        size_mb = sum(variant.size_bytes for variant in self.variants.values()) / 1e6
        return (
            f"Bundle({str(self.folder)!r}: {len(self.variants)} variants, {size_words(size_mb)}; {policy.kind} policy "
            f"over {', '.join(policy.variants)})"
        )

    def _repr_html_(self) -> str:
        from compsel.bundle.card import bundle_card

        return bundle_card(self)

    def _check(self, listed: VerifiedFiles) -> None:
        used = {name for policy in self.policies.values() for name in policy.variants}
        measured = {variant for variant, _ in self.costs.choices}
        for name in sorted(used - (self.variants.keys() & measured)):
            raise BundleError(
                f"{self.folder}: a policy uses {name}, which is not there or was never measured: build it again"
            )
        for name in sorted(self.variants.keys() - self.quality.keys()):
            raise BundleError(f"{self.folder}: has no quality of {name}: build it again")
        for name, policy in self.policies.items():
            try:
                policy.check()
            except ValueError as error:
                raise BundleError(f"{self.folder}: {name}: {error}: build it again") from error
        if "adaptive" not in self.policies:
            raise BundleError(f"{self.folder}: has no adaptive policy: build it again")
        for variant in self.variants.values():
            for file in variant.files:
                if f"variants/{file}" not in listed:
                    raise BundleError(f"{self.folder}: {variant.name} lacks {file}: build it again")


@dataclass(frozen=True)
class BundleContent:
    """What `write_bundle` puts into a bundle: see `Bundle`; `selectors` are ONNX bytes by file name."""

    variants: tuple[Variant, ...]
    files: Path
    policies: Mapping[str, Policy]
    selectors: Mapping[str, bytes]
    objective: Objective
    quality: Mapping[str, float]
    costs: CostModel
    summary: Mapping[str, Any]
    baselines: Mapping[str, Policy] = field(default_factory=dict)


def write_bundle(
    content: BundleContent,
    folder: str | os.PathLike[str],
    *,
    replace: bool = False,
    complete: Callable[[Path], Mapping[str, Any]] | None = None,
) -> None:
    """Write a bundle, whole or not at all.

    Args:
        content: what goes in.
        folder: where.
        replace: whether one that is there already is replaced.
        complete: tries the bundle out, before it gets its place; gives its summary as it shall be then.

    Raises:
        StorageError: a full disk, no permission, a folder that is there already.
    """
    used = {name for policy in content.policies.values() for name in policy.variants}
    variants = [variant for variant in content.variants if variant.name in used]
    with atomic_directory(folder, replace=replace) as temporary:
        (temporary / "variants").mkdir()
        for variant in variants:
            for file in variant.files:
                shutil.copyfile(content.files / file, temporary / "variants" / file)
        for name, data in content.selectors.items():
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).write_bytes(data)
        write_json(temporary / "policies.json", {name: policy.to_dict() for name, policy in content.policies.items()})
        if content.baselines:
            write_json(temporary / _BASELINES, {name: policy.to_dict() for name, policy in content.baselines.items()})
        write_json(temporary / "costs.json", _shipped_costs(content, variants).to_dict())
        described = {
            "variants": [variant.to_dict() for variant in variants],
            "selectors": sorted(content.selectors),
            "objective": content.objective.to_dict(),
            "quality": {variant.name: content.quality[variant.name] for variant in variants},
        }
        _describe(temporary, described, content.summary)
        if complete is not None:
            _describe(temporary, described, complete(temporary))


def _describe(folder: Path, described: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    write_json(folder / "bundle.json", {**described, "summary": without_nan(summary)})
    write_manifest(folder, compsel.__version__, summary.get("task", ""))


def _shipped_costs(content: BundleContent, shipped: Sequence[Variant]) -> CostModel:
    """Return the costs of the variants that ship, one of which counts how large inputs are."""
    costs = content.costs.restricted([variant.name for variant in shipped])
    if costs.by_size is None or costs.sized_by in {variant.name for variant in shipped}:
        return costs
    counting = next((variant for variant in content.variants if variant.name == costs.sized_by), None)
    alike = [one.name for one in shipped if counting is not None and one.preprocessing == counting.preprocessing]
    return replace(costs, by_size=replace(costs.by_size, sized_by=alike[0] if alike else ""))


def _quality(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"quality: got {value!r}, allowed is a fraction from 0 to 1")
    return float(value)


def _json(files: VerifiedFiles, name: str) -> Any:
    content = parse_json(files.read(name))
    if not isinstance(content, dict):
        raise ValueError(f"{name}: got a {type(content).__name__}, allowed is an object")
    return content

"""A bundle: a folder that an app ships, with variants, policies, costs and what was measured when it was built.

manifest.json     every file with size and SHA-256
bundle.json       variants, objective, summary of the profile, names of the baselines
policies.json     the adaptive policy and the baselines that `compsel evaluate` compares it with
baselines.json    those baselines whose variants are not here, since the adaptive policy always runs one
costs.json        latency of every choice in every state of its device; device_costs/: by kind, where a fleet measured
variants/         graphs and weights
selectors/        exported selectors (ONNX); model.sig: signature, where it was signed (`compsel.sign`)
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.bundle.deferred import Deferred
from compsel.bundle.file_names import BASELINES
from compsel.bundle.manifest import check_bundle
from compsel.bundle.verified_files import VerifiedFiles
from compsel.errors import BundleError
from compsel.inputs.modalities import modality_of
from compsel.models.ort_version import check_ort_version
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import Policy, RowSelector, policy_from_dict
from compsel.storage.sizes import size_words
from compsel.storage.strict_json import parse_json
from compsel.values import dataclass
from compsel.variants.variant import Variant

if TYPE_CHECKING:
    from compsel.bundle.signing.signers import Signers
    from compsel.features.tasks.base import Task
    from compsel.inputs.modality import Modality

__all__ = ["Bundle"]


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
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        only_signed_by: "str | os.PathLike[str] | Signers | None" = None,
    ) -> "Bundle":
        """Check every file, then read the bundle.

        Args:
            folder: of the bundle.
            only_signed_by: see `compsel.load`.

        Raises:
            BundleError: not a bundle, or one that does not fit together.
            IntegrityError: a changed, missing or foreign file.
            SignatureError: not signed by whom it must be.
            VersionError: of a newer format.
            MissingDependencyError: an ONNX Runtime that is too old to be safe.
        """
        check_ort_version()
        bundle = cls.read(check_bundle(folder, only_signed_by))
        bundle.wait()
        return bundle

    @classmethod
    def read(
        cls, files: VerifiedFiles, needed_by: str | None = None, content: Mapping[str, Any] | None = None
    ) -> "Bundle":
        """Read a bundle, and check large files in the background: `wait` for them; raises as `load`.

        Args:
            files: of it.
            needed_by: name of the policy whose variants are checked; the others are when they are opened. None: all.
            content: of `bundle.json`, where that was parsed; None: it was not.
        """
        with _told(files.folder):
            bundle = cls._read(files, _json(files, "bundle.json") if content is None else content)
            bundle._check(files, needed_by)
            files.begin(bundle._files_of(needed_by))
        return bundle

    def wait(self, needed_by: str | None = None) -> None:
        """Wait until the files of a policy's variants are checked; None: all. Raises as `load`."""
        if self.files is not None:
            with _told(self.folder):
                self.files.wait(self._files_of(needed_by))

    @classmethod
    def _read(cls, files: VerifiedFiles, content: Mapping[str, Any]) -> "Bundle":
        folder = files.folder
        variants = [Variant.from_dict(variant).opened(folder / "variants") for variant in content["variants"]]
        if len({variant.name for variant in variants}) < len(variants):
            raise BundleError(f"{folder}: has two variants of one name: build it again")
        selectors = Deferred({name: files.read(name) for name in content["selectors"]}, _selector)
        policies = {name: policy_from_dict(one, selectors) for name, one in _json(files, "policies.json").items()}

        def baseline(stored: Any) -> Policy:
            with _told(folder):
                return policy_from_dict(stored, selectors)

        return cls(
            folder,
            {variant.name: variant for variant in variants},
            policies,
            Objective.from_dict(content["objective"]),
            {name: _quality(quality) for name, quality in content["quality"].items()},
            CostModel.from_dict(_json(files, "costs.json")),
            dict(content["summary"]),
            # an app needs none of them
            Deferred(_json(files, BASELINES) if BASELINES in files else {}, baseline),
            files,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs; () where they are not known."""
        return next((variant.labels for variant in self.variants.values() if variant.labels), ())

    @property
    def task(self) -> "Task | None":
        """What the answers are, where that rates them or reads their confidence; None for classes."""
        judging = self.summary.get("judging")
        if not judging:
            return None
        from compsel.profiling.output_quality import QualityCriterion  # for answers that are no classes

        return QualityCriterion.from_dict(judging).task

    @property
    def modality(self) -> "Modality":
        """Of the inputs."""
        return modality_of(next(iter(self.variants.values())))

    def most_accurate(self, policy: Policy) -> Variant:
        """Return the variant of a policy that has the highest quality."""
        return self.variants[max(policy.variants, key=lambda name: self.quality[name])]

    def _files_of(self, policy: str | None) -> list[str] | None:
        if policy is None or policy not in self.policies:
            return None
        return [f"variants/{file}" for name in self.policies[policy].variants for file in self.variants[name].files]

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

    def _check(self, listed: VerifiedFiles, needed_by: str | None) -> None:
        used = {name for policy in self.policies.values() for name in policy.variants}
        measured = {variant for variant, _ in self.costs.choices}
        for name in sorted(used - (self.variants.keys() & measured)):
            raise BundleError(
                f"{self.folder}: a policy uses {name}, which is not there or was never measured: build it again"
            )
        for name in sorted(self.variants.keys() - self.quality.keys()):
            raise BundleError(f"{self.folder}: has no quality of {name}: build it again")
        # a check opens selectors: those of other policies are opened when they are used
        for name, policy in self.policies.items():
            if needed_by in self.policies and needed_by != name:
                continue
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


def _quality(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"quality: got {value!r}, allowed is a fraction from 0 to 1")
    return float(value)


def _selector(content: bytes) -> RowSelector:
    from compsel.selection.export.onnx_selector import ExportedSelector  # few bundles have one

    return ExportedSelector(content, deferred=True)


def _json(files: VerifiedFiles, name: str) -> Any:
    if not isinstance(content := parse_json(files.read(name)), dict):
        raise ValueError(f"{name}: got a {type(content).__name__}, allowed is an object")
    return content


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except BundleError:
        raise
    except Exception as error:  # whatever a file that somebody made for it can bring about
        raise BundleError(f"{folder}: does not fit together ({error!r}): build it again") from error

"""A profile: the measured tables of some variants, stored as Parquet and JSON in one folder.

    profile.json              format, device, variants, how it was made
    quality/<variant>.parquet one row a sample: was the answer right, and its most probable classes
    features.parquet          one row a sample: the features of the input
    groups.parquet            one row a sample: its group; absent where each sample is a group of its own
    folds.parquet             one row a sample: its fold; absent where no variant learned from the samples
    sizes.parquet             one row a sample: its size; absent where costs do not depend on it
    latency/<state>.parquet   one row a measured inference of a choice in a state of the device; outliers are kept
    energy/<state>.parquet    one row a choice, in a state of the device; absent without a meter
    memory.parquet            one row a choice
    current/latency/          of the uncompressed models on ONNX Runtime's default threads; absent where latency/ has it

Raise `compsel.profiling.header.FORMAT_VERSION` when a reader of the version before would misread a file; keep a reader
for the older version, and a test with a folder of that version.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.features.evidence import Evidence
from compsel.profiling.belonging import Belonging
from compsel.profiling.current import CURRENT
from compsel.profiling.energy_table import EnergyTable, read_energy
from compsel.profiling.groups import read_folds, read_groups, read_hashes
from compsel.profiling.header import read_header
from compsel.profiling.latency_table import LatencyTable, read_latency
from compsel.profiling.memory_table import read_memory
from compsel.profiling.output_quality import QualityCriterion
from compsel.profiling.quality_table import evidence_in, read_quality
from compsel.profiling.size_table import read_sizes
from compsel.storage.locations.using import fetch
from compsel.storage.parquet import read_table
from compsel.variants.variant import Variant

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Profile"]


@dataclass(frozen=True)
class Profile:
    """What was measured: quality of every variant on every sample, features of the samples, cost of every choice.

    Attributes:
        samples: (n,) names.
        labels: (n,) class of each sample; -1 where there is none (quality is then agreement with the model itself).
        variants: what was measured.
        quality: (n, n_variants), 1 where the answer is right, 0 where it is wrong; between them for models without
            class scores.
        evidence: by variant, its most probable classes, or its confidence; empty in old profiles without class scores.
        features: (n, n_features), of the inputs; NaN where a feature does not exist.
        feature_names: (n_features,).
        latency: the timed inferences, or None before they are measured on this device.
        memory_mb: peak resident memory of one process that runs the choice, by choice.
        device: fingerprint of the device that `latency` was measured on.
        features_ms: by extractor, what computing its features takes.
        decode_ms: mean time from an encoded sample to what variants take; the same for all, so not in `latency`.
        origin: in words, what the samples are.
        energy: of one inference of every choice; None without a meter.
        groups: (n,) group of each sample, see `Samples.groups`; empty where each is a group of its own.
        sizes: (n,) size of each sample, as `latency` counts; None where costs do not depend on it.
        quality_criterion: how answers without class scores were rated; None for classifiers.
        folds: (n,) fold of each sample: variants that learned from samples answered it without having seen its fold;
            None where none learned.
        current: latencies of the uncompressed models on `compsel.processors.default_cpu`, where that is not among the
            processors of `latency`; else None.
        warnings: what a reader should know about how it was measured, a sentence each.
        left_out: variants that could not be made, with the reason.
        learned_from: uint64, hashes of the samples that variants learned from; empty where none learned.
        task: the kind of the answers, by its name in `compsel.features.tasks`; "" in old profiles.
        sketch: of which samples it is, see `compsel.profiling.sample_sketch`; "" in old profiles.

    >>> nothing = np.empty((2, 0), np.float32)
    >>> profile = Profile(("a.png", "b.png"), np.array([3, 7]), (), np.empty((2, 0)), (), nothing, ())
    >>> profile.take([1]).samples
    ('b.png',)
    """

    samples: tuple[str, ...]
    labels: NDArray[np.int64]
    variants: tuple[Variant, ...]
    quality: NDArray[np.float64]
    evidence: tuple[Evidence, ...]
    features: NDArray[np.float32]
    feature_names: tuple[str, ...]
    latency: LatencyTable | None = None
    memory_mb: Mapping[tuple[str, str], float] = field(default_factory=dict)
    device: Mapping[str, Any] = field(default_factory=dict)
    features_ms: Mapping[str, float] = field(default_factory=dict)
    decode_ms: float = 0.0
    origin: str = ""
    groups: tuple[str, ...] = ()
    energy: EnergyTable | None = None
    quality_criterion: QualityCriterion | None = None
    folds: NDArray[np.int64] | None = None
    learned_from: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    sizes: NDArray[np.float64] | None = None
    sketch: str = ""
    current: LatencyTable | None = None
    warnings: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    task: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variants."""
        return tuple(variant.name for variant in self.variants)

    def __repr__(self) -> str:
        device = self.device.get("cpu", "an unknown device")
        runs = 0 if self.latency is None else len(self.latency.latency_ms)
        return (
            f"Profile({len(self.variants)} variants, {len(self.samples)} samples, {runs} timed inferences on {device})"
        )

    def _repr_html_(self) -> str:
        from compsel.profiling.card import profile_card

        return profile_card(self)

    def to_frame(self, what: str = "quality") -> "pd.DataFrame":
        """Return a table as pandas sees it: "quality", "costs" or "choices"; `compsel.train` takes the first two back.

        Columns: see `compsel.profiling.frames`.

        Raises:
            ProfileError: no such table, or costs that were not measured.
            MissingDependencyError: pandas is not installed.
        """
        from compsel.profiling.frames import profile_frame

        return profile_frame(self, what)

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> "Profile":
        """Return the profile of some of the samples; the costs stay."""
        chosen = np.asarray(rows, np.intp)
        return replace(
            self,
            samples=tuple(self.samples[row] for row in chosen),
            labels=self.labels[chosen],
            quality=self.quality[chosen],
            evidence=tuple(evidence.take(chosen) for evidence in self.evidence),
            features=self.features[chosen],
            groups=tuple(self.groups[row] for row in chosen) if self.groups else (),
            folds=None if self.folds is None else self.folds[chosen],
            sizes=None if self.sizes is None else self.sizes[chosen],
        )

    def among(self, names: Sequence[str]) -> "Profile":
        """Return the profile of some of the variants.

        Raises:
            ProfileError: a variant that was not measured.
        """
        unknown = sorted(set(names) - set(self.names))
        if unknown:
            raise ProfileError(f"got variant {unknown[0]!r}, measured are {', '.join(self.names)}")
        columns = [self.names.index(name) for name in names]
        return replace(
            self,
            variants=tuple(self.variants[column] for column in columns),
            quality=self.quality[:, columns],
            evidence=tuple(self.evidence[column] for column in columns) if self.evidence else (),
        )

    def with_costs(self, variants: Sequence[Variant], folder: Path, device: Mapping[str, Any]) -> "Profile":
        """Return this profile with the costs that another device measured into `folder`, and its variants' files.

        Raises:
            ProfileError: a variant that is not among `variants`.
        """
        found = {variant.name: variant for variant in variants}
        missing = sorted(set(self.names) - found.keys())
        if missing:
            raise ProfileError(f"{missing[0]} was not built on this device: build it, or measure its quality again")
        belonging = Belonging({name: found[name].sha256 for name in self.names}, device)
        return replace(
            self,
            variants=tuple(found[name] for name in self.names),
            latency=read_latency(folder, belonging),
            memory_mb=read_memory(folder, belonging),
            energy=read_energy(folder, belonging),
            current=read_latency(folder / CURRENT, belonging),
            device=device,
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Profile":
        """Read a profile.

        Raises:
            ProfileError: no profile there, or tables that do not fit together.
            VersionError: written by a newer compsel.
        """
        try:
            return cls._load(fetch(folder))
        # columns of another type, or fields of another kind, than they ever are
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ProfileError(
                f"{folder}: holds a table or a header that is damaged ({error!r}): measure again"
            ) from error

    @classmethod
    def without_samples(cls, folder: str | os.PathLike[str]) -> "Profile":
        """Read all but the samples: variants and costs.

        Raises:
            ProfileError, VersionError: see `load`.
        """
        folder = Path(folder)
        header = read_header(folder)
        try:
            variants = tuple(_found(Variant.from_dict(content), folder) for content in header["variants"])
            hashes, processors = {one.name: one.sha256 for one in variants}, tuple(header.get("processors", ()))
            criterion = QualityCriterion.from_dict(header["judging"]) if header.get("judging") else None
        except (KeyError, TypeError, ValueError) as error:
            raise ProfileError(f"{folder / 'profile.json'}: is damaged ({error!r}): measure again") from error
        belonging = Belonging(hashes, header.get("device", {}), processors)
        return cls(
            (),
            np.empty(0, np.int64),
            variants,
            np.empty((0, len(variants))),
            (),
            np.empty((0, 0), np.float32),
            (),
            latency=read_latency(folder, belonging),
            memory_mb=read_memory(folder, belonging),
            device=header.get("device", {}),
            features_ms=header.get("features_ms", {}),
            decode_ms=float(header.get("decode_ms", 0.0)),
            origin=header.get("origin", ""),
            energy=read_energy(folder, belonging),
            quality_criterion=criterion,
            sketch=header.get("sketch", ""),
            current=read_latency(folder / CURRENT, replace(belonging, processors=())),
            warnings=tuple(header.get("warnings", ())),
            task=str(header.get("task", "")),
        )

    @classmethod
    def _load(cls, folder: Path) -> "Profile":
        found, header = cls.without_samples(folder), read_header(folder)
        if "n_classes" not in header:
            raise ProfileError(f"{folder / 'profile.json'}: is damaged (has no n_classes): measure again")
        tables = [read_quality(folder, variant) for variant in found.variants]
        _check_alike(folder, tables)
        samples = tables[0]["sample"]
        evidence = [evidence_in(table, header["n_classes"], found.quality_criterion) for table in tables]
        known_evidence = tuple(one for one in evidence if one is not None)
        features, feature_names = _read_features(folder, samples)
        return replace(
            found,
            samples=tuple(samples),
            labels=tables[0]["label"].astype(np.int64),
            quality=np.stack([table["quality"] for table in tables], axis=1).astype(np.float64),
            evidence=known_evidence if len(known_evidence) == len(tables) else (),
            features=features,
            feature_names=feature_names,
            groups=read_groups(folder, samples),
            sizes=read_sizes(folder, samples),
            folds=read_folds(folder, samples),
            learned_from=read_hashes(folder, samples),
        )


def _check_alike(folder: Path, tables: Sequence[Mapping[str, Any]]) -> None:
    if not tables:
        raise ProfileError(f"{folder}: has no measured variants")
    first = tables[0]
    for table in tables:
        if table["sample"] != first["sample"] or not np.array_equal(table["label"], first["label"]):
            raise ProfileError(f"{folder}: the quality tables are of different samples: measure them again")


def _found(variant: Variant, folder: Path) -> Variant:
    """Return a variant with its tokenizer found; as it is where the files of variants are not kept with the profile."""
    files = folder / "variants"
    return variant.opened(files) if all((files / file).is_file() for file in variant.files) else variant


def _read_features(folder: Path, samples: Sequence[str]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the features (n, n_features) of the samples, and their names."""
    columns, _ = read_table(folder / "features.parquet")
    if columns.pop("sample", None) != samples:
        raise ProfileError(f"{folder}: features.parquet is of other samples than the quality tables")
    if not columns:
        return np.empty((len(samples), 0), np.float32), ()
    return np.stack(list(columns.values()), axis=1).astype(np.float32), tuple(columns)

"""The measured tables and how they are stored: Parquet and JSON in one folder, whole or absent.

    profile.json              format, device, variants, how it was made
    quality/<variant>.parquet one row a sample: was the answer right, and its most probable classes
    features.parquet          one row a sample: the features of the input
    groups.parquet            one row a sample: its group; absent where each sample is a group of its own
    latency/<state>.parquet   one row a measured inference of a choice in a state of the device; outliers are kept
    energy/<state>.parquet    one row a choice, in a state of the device; absent without a meter
    memory.parquet            one row a choice

Raise `FORMAT_VERSION` when a reader of the version before would misread a file; keep a reader for the older version
in this module, and a test with a folder of that version.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.device.fingerprint import device_fingerprint
from compsel.errors import ProfileError, VersionError
from compsel.features.evidence import Evidence, OutputEvidence
from compsel.inputs.samples import Samples
from compsel.profiling.energy_table import EnergyTable, read_energy
from compsel.profiling.output_quality import QualityCriterion
from compsel.storage.file_names import slug
from compsel.storage.files import write_json
from compsel.storage.parquet import read_table, write_table
from compsel.variants.variant import Variant

__all__ = [
    "FORMAT_VERSION",
    "LatencyTable",
    "Profile",
    "device_text",
    "quality_path",
    "read_header",
    "read_latency",
    "read_memory",
    "read_table",
    "write_groups",
    "write_header",
    "write_table",
]

FORMAT_VERSION = 1


@dataclass(frozen=True)
class LatencyTable:
    """Every timed inference: from the decoded input to the outputs, preprocessing included.

    Attributes:
        variant, processor, state: names, one an inference.
        latency_ms: (n,).
        seen: per state, medians of the numbers of `DeviceState` while it was measured; those that were known.
    """

    variant: tuple[str, ...]
    processor: tuple[str, ...]
    state: tuple[str, ...]
    latency_ms: NDArray[np.float64]
    seen: Mapping[str, Mapping[str, float]]

    @property
    def load(self) -> dict[str, float]:
        """Per state, how many cores other processes kept busy."""
        return {state: numbers["load_others"] for state, numbers in self.seen.items()}

    @property
    def states(self) -> tuple[str, ...]:
        """States of the device, least load first."""
        load = self.load
        return tuple(sorted(dict.fromkeys(self.state), key=lambda state: load[state]))

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """Every (variant, processor) that was measured."""
        return tuple(dict.fromkeys(zip(self.variant, self.processor, strict=True)))

    def by_choice(self) -> dict[tuple[str, str, str], NDArray[np.float64]]:
        """Return the latencies of each (variant, processor, state)."""
        keys: dict[tuple[str, str, str], list[float]] = {}
        for variant, processor, state, value in zip(
            self.variant, self.processor, self.state, self.latency_ms, strict=True
        ):
            keys.setdefault((variant, processor, state), []).append(value)
        return {key: np.array(values) for key, values in keys.items()}


@dataclass(frozen=True)
class Profile:
    """What was measured: quality of every variant on every sample, features of the samples, cost of every choice.

    Attributes:
        samples: (n,) names.
        labels: (n,) class of each sample; -1 where there is none (quality is then agreement with the model itself).
        variants: what was measured.
        quality: (n, n_variants), 1 where the answer is right, 0 where it is wrong; between them for models without
            class scores.
        evidence: what each variant said.
        features: (n, n_features), of the inputs; NaN where a feature does not exist.
        feature_names: (n_features,).
        latency: the timed inferences, or None before they are measured on this device.
        memory_mb: peak resident memory of one process that runs the choice, by choice.
        device: fingerprint of the device that `latency` was measured on.
        features_ms: by extractor, what computing its features takes.
        origin: in words, what the samples are.
        energy: of one inference of every choice; None without a meter.
        groups: (n,) group of each sample, see `Samples.groups`; empty where each is a group of its own.
        judging: how answers without class scores were judged; None for classifiers.
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
    origin: str = ""
    groups: tuple[str, ...] = ()
    energy: EnergyTable | None = None
    judging: QualityCriterion | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variants."""
        return tuple(variant.name for variant in self.variants)

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
        return replace(
            self,
            variants=tuple(found[name] for name in self.names),
            latency=read_latency(folder),
            memory_mb=read_memory(folder),
            energy=read_energy(folder),
            device=device,
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Profile":
        """Read a profile.

        Raises:
            ProfileError: no profile there, or tables that do not fit together.
            VersionError: written by a newer compsel.
        """
        folder = Path(folder)
        header = read_header(folder)
        try:
            variants = tuple(Variant.from_dict(content) for content in header["variants"])
            n_classes = int(header["n_classes"])
            judging = QualityCriterion.from_dict(header["judging"]) if header.get("judging") else None
        except (KeyError, TypeError, ValueError) as error:
            raise ProfileError(f"{folder / 'profile.json'}: is damaged ({error!r}): measure again") from error
        tables = [_read_quality(folder, variant) for variant in variants]
        if not tables:
            raise ProfileError(f"{folder}: has no measured variants")
        samples = tables[0]["sample"]
        labels = tables[0]["label"].astype(np.int64)
        if any(table["sample"] != samples or not np.array_equal(table["label"], labels) for table in tables):
            raise ProfileError(f"{folder}: the quality tables are of different samples: measure them again")
        features, _ = read_table(folder / "features.parquet")
        if features.pop("sample", None) != samples:
            raise ProfileError(f"{folder}: features.parquet is of other samples than the quality tables")
        said = "classes" if judging is None else "sketch"
        evidence = [_evidence(table, n_classes, judging) for table in tables if said in table]
        return cls(
            tuple(samples),
            labels,
            variants,
            np.stack([table["quality"] for table in tables], axis=1).astype(np.float64),
            tuple(evidence) if len(evidence) == len(tables) else (),
            np.stack(list(features.values()), axis=1).astype(np.float32)
            if features
            else np.empty((len(samples), 0), np.float32),
            tuple(features),
            read_latency(folder),
            read_memory(folder),
            header.get("device", {}),
            header.get("features_ms", {}),
            header.get("origin", ""),
            _read_groups(folder, samples),
            read_energy(folder),
            judging,
        )


def read_header(folder: Path) -> dict[str, Any]:
    """Read `profile.json`."""
    path = folder / "profile.json"
    try:
        header: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(header["format_version"])
    except FileNotFoundError as error:
        raise ProfileError(f"{folder}: has no profile.json: make one with compsel profile") from error
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProfileError(f"{path}: cannot be read: measure again ({error})") from error
    if version > FORMAT_VERSION:
        raise VersionError(f"{path}: format {version}, this compsel reads up to {FORMAT_VERSION}: install a newer one")
    return header


def write_header(
    folder: Path,
    variants: Sequence[Variant],
    n_classes: int,
    device: Mapping[str, Any],
    features_ms: Mapping[str, float],
    origin: str,
    judging: QualityCriterion | None = None,
) -> None:
    """Write `profile.json`; see `Profile` for what goes in."""
    write_json(
        folder / "profile.json",
        {
            "format_version": FORMAT_VERSION,
            "origin": origin,
            "n_classes": n_classes,
            "device": dict(device),
            "features_ms": dict(features_ms),
            "judging": judging.to_dict() if judging else None,
            "variants": [variant.to_dict() for variant in variants],
        },
    )


def device_text() -> str:
    """Return this device's fingerprint as a text: costs that carry another one have to be measured again."""
    return json.dumps(device_fingerprint(), sort_keys=True)


def quality_path(folder: Path, variant: Variant) -> Path:
    """Return where the quality of a variant is stored."""
    return folder / "quality" / f"{slug(variant.name)}.parquet"


def read_latency(folder: Path) -> LatencyTable | None:
    """Read every state that was measured; None when there is none."""
    paths = sorted((folder / "latency").glob("*.parquet"))
    if not paths:
        return None
    tables = [read_table(path) for path in paths]
    for path, (columns, metadata) in zip(paths, tables, strict=True):
        _require_columns(path, {**columns, **metadata}, ("variant", "processor", "latency_ms", "state", "load"))
    variant = tuple(name for columns, _ in tables for name in columns["variant"])
    processor = tuple(name for columns, _ in tables for name in columns["processor"])
    states = tuple(metadata["state"] for columns, metadata in tables for _ in columns["variant"])
    latency = np.concatenate([columns["latency_ms"] for columns, _ in tables])
    try:
        seen = {metadata["state"]: _seen(metadata) for _, metadata in tables}
    except (ValueError, TypeError, AttributeError) as error:
        raise ProfileError(f"{folder / 'latency'}: is damaged ({error!r}): measure again") from error
    return LatencyTable(variant, processor, states, latency, seen)


def _seen(metadata: Mapping[str, str]) -> dict[str, float]:
    """Return what the sampler saw; tables of compsel 0.1 hold the load alone."""
    numbers = json.loads(metadata.get("device_state", "{}"))
    return {name: float(value) for name, value in numbers.items()} | {"load_others": float(metadata["load"])}


def read_memory(folder: Path) -> dict[tuple[str, str], float]:
    """Read the peak memory of the choices; empty when it was not measured."""
    if not (folder / "memory.parquet").exists():
        return {}
    columns, _ = read_table(folder / "memory.parquet")
    _require_columns(folder / "memory.parquet", columns, ("variant", "processor", "peak_mb"))
    keys = zip(columns["variant"], columns["processor"], strict=True)
    return dict(zip(keys, map(float, columns["peak_mb"]), strict=True))


def write_groups(folder: Path, samples: Samples) -> None:
    """Write `groups.parquet`, or take it away where each sample is a group of its own."""
    path = folder / "groups.parquet"
    if samples.groups == samples.names:
        path.unlink(missing_ok=True)
    else:
        write_table(path, {"sample": list(samples.names), "group": list(samples.groups)}, {})


def _read_groups(folder: Path, samples: Sequence[str]) -> tuple[str, ...]:
    path = folder / "groups.parquet"
    if not path.exists():
        return ()
    columns, _ = read_table(path)
    _require_columns(path, columns, ("sample", "group"))
    if list(columns["sample"]) != list(samples):
        raise ProfileError(f"{path}: is of other samples than the quality tables: measure again")
    return tuple(columns["group"])


def _read_quality(folder: Path, variant: Variant) -> dict[str, Any]:
    columns, metadata = read_table(quality_path(folder, variant))
    if metadata.get("sha256") != variant.sha256:
        raise ProfileError(f"{quality_path(folder, variant)}: was measured with another file of {variant.name}")
    _require_columns(quality_path(folder, variant), columns, ("sample", "label", "quality"))
    return columns


def _require_columns(path: Path, columns: Mapping[str, Any], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in columns]
    if missing:
        raise ProfileError(f"{path}: has no column {missing[0]!r}: measure it again")


def _evidence(table: Mapping[str, Any], n_classes: int, judging: QualityCriterion | None) -> Evidence:
    if judging is not None:
        good = table["quality"].astype(np.float64) >= judging.good_enough
        return OutputEvidence.of(table["confidence"], table["sketch"], judging.confidence).judged(good)
    return Evidence(table["classes"].astype(np.int32), table["probabilities"].astype(np.float32), n_classes)

"""Measure the quality of variants: once per variant and sample, on any device, for it depends on the input alone.

For classifiers the quality is 1 where the answer is right and 0 where it is wrong; without labels "right" means the
answer of the uncompressed model. For other models it is 1 minus the relative error (Euclidean) to the outputs of the
uncompressed model, at least 0.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import ProfileError
from compsel.features.base import FeatureExtractor
from compsel.processors.base import Processor
from compsel.profiling.tables import quality_path, read_table, write_table
from compsel.samples import Samples
from compsel.selection.evidence import TOP, read_evidence
from compsel.variant import Engine, Variant

__all__ = ["Progress", "measure_features", "measure_quality", "time_features"]

Progress = Callable[[Iterable[int], str], Iterable[int]]
_SAVE_EVERY_S = 30.0


def silent(items: Iterable[int], label: str) -> Iterable[int]:
    """Show nothing."""
    return items


@dataclass(frozen=True)
class _Job:
    """One variant on all samples, with the uncompressed variant to compare with."""

    variant: Variant
    reference: Variant
    files: Path
    samples: Samples
    path: Path


def measure_quality(
    variants: Sequence[Variant],
    files: Path,
    samples: Samples,
    folder: Path,
    processor: Processor,
    progress: Progress = silent,
) -> int:
    """Measure each variant on each sample and store one table a variant; what is there already is kept.

    Args:
        variants: what to measure, with the uncompressed variant of each model among them.
        files: folder of the variants' files.
        samples: the inputs.
        folder: of the profile.
        processor: where to run; the answers hardly depend on it.
        progress: wraps the loop over samples.

    Returns:
        The number of classes; 0 when the models are not classifiers.

    Raises:
        ProfileError: labels that the models do not have, an uncompressed variant that is missing.
    """
    originals = {variant.model: variant for variant in variants if variant.technique == "none"}
    n_classes = {0}
    for variant in variants:
        if variant.model not in originals:
            raise ProfileError(f"{variant.name}: the uncompressed variant of {variant.model} is not among the variants")
        job = _Job(variant, originals[variant.model], files, samples, quality_path(folder, variant))
        n_classes.add(_measure(job, processor, progress))
    if len(n_classes) > 2:
        raise ProfileError(f"the models have different numbers of classes: {sorted(n_classes - {0})}")
    return max(n_classes)


def _measure(job: _Job, processor: Processor, progress: Progress) -> int:
    rows, n_classes = _known(job)
    if len(rows) == len(job.samples):
        return n_classes
    labels = [-1 if label is None else label for label in job.samples.labels]
    engine = Engine(job.variant, job.files, processor)
    needs_reference = job.variant.output == "other" or min(labels) < 0
    reference = Engine(job.reference, job.files, processor) if needs_reference else None
    saved = time.perf_counter()
    try:
        for index in progress(range(len(rows), len(job.samples)), f"quality of {job.variant.name}"):
            row, n_classes = _row(engine, reference, job.samples.value(index), labels[index])
            rows.append({"sample": job.samples.names[index], "label": labels[index], **row})
            if time.perf_counter() - saved > _SAVE_EVERY_S:
                _save(job, rows, n_classes)
                saved = time.perf_counter()
    finally:
        _save(job, rows, n_classes)
        engine.close()
        if reference is not None:
            reference.close()
    if n_classes and max(labels) >= n_classes:
        raise ProfileError(f"labels reach {max(labels)}, but {job.variant.name} has {n_classes} classes")
    return n_classes


def _row(engine: Engine, reference: Engine | None, value: Any, label: int) -> tuple[dict[str, Any], int]:
    outputs = engine(value)
    if engine.variant.output == "other":
        assert reference is not None
        return {"quality": _fidelity(outputs, reference(value))}, 0
    probabilities = engine.probabilities(outputs)
    evidence = read_evidence(probabilities)
    if reference is not None:
        label = int(reference.probabilities(reference(value)).argmax())
    return {
        "quality": float(evidence.classes[0, 0] == label),
        "classes": evidence.classes[0],
        "probabilities": evidence.probabilities[0],
    }, len(probabilities)


def _fidelity(outputs: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> float:
    if any(got.shape != want.shape for got, want in zip(outputs, wanted, strict=True)):
        return 0.0
    numbers = [
        (got.astype(np.float64).ravel(), want.astype(np.float64).ravel())
        for got, want in zip(outputs, wanted, strict=True)
        if want.dtype.kind in "fiub"
    ]
    got, want = (np.concatenate(parts) for parts in zip(*numbers, strict=True))
    error = np.linalg.norm(got - want) / max(float(np.linalg.norm(want)), 1e-12)
    return float(max(0.0, 1.0 - error)) if np.isfinite(error) else 0.0


def _known(job: _Job) -> tuple[list[dict[str, Any]], int]:
    """Return the rows that an earlier run measured for the same file and the same samples."""
    if not job.path.exists():
        return [], 0
    try:
        columns, metadata = read_table(job.path)
    except ProfileError:
        return [], 0
    count = len(columns["sample"])
    if metadata.get("sha256") != job.variant.sha256 or tuple(columns["sample"]) != job.samples.names[:count]:
        return [], 0
    return [{name: values[row] for name, values in columns.items()} for row in range(count)], int(metadata["n_classes"])


def _save(job: _Job, rows: Sequence[Mapping[str, Any]], n_classes: int) -> None:
    if not rows:
        return
    columns: dict[str, Any] = {
        "sample": [row["sample"] for row in rows],
        "label": np.array([row["label"] for row in rows], np.int64),
        "quality": np.array([row["quality"] for row in rows], np.float32),
    }
    if n_classes:
        columns["classes"] = np.stack([row["classes"] for row in rows]).astype(np.int32)
        columns["probabilities"] = np.stack([row["probabilities"] for row in rows]).astype(np.float32)
    write_table(job.path, columns, {"sha256": job.variant.sha256, "n_classes": str(n_classes), "top": str(TOP)})


def measure_features(
    extractors: Mapping[str, FeatureExtractor], samples: Samples, folder: Path, progress: Progress = silent
) -> None:
    """Compute the features of every sample and store them; what is there already is kept.

    Args:
        extractors: by name; columns are called "<extractor>.<feature>".
        samples: the inputs.
        folder: of the profile; `features.parquet` is written there.
        progress: wraps the loop over samples.
    """
    path = folder / "features.parquet"
    columns = [f"{name}.{feature}" for name, extractor in extractors.items() for feature in extractor.names]
    if path.exists():
        known, _ = read_table(path)
        if tuple(known.pop("sample")) == samples.names and list(known) == columns:
            return
    rows = []
    for index in progress(range(len(samples)), "features"):
        value = samples.value(index)
        rows.append(np.concatenate([extractor.extract(value) for extractor in extractors.values()] or [np.empty(0)]))
    table = np.stack(rows).astype(np.float32)
    write_table(path, {"sample": list(samples.names), **dict(zip(columns, table.T, strict=True))})


def time_features(extractors: Mapping[str, FeatureExtractor], samples: Samples, count: int = 30) -> dict[str, float]:
    """Return the median time (ms) of each extractor on some of the samples."""
    values = [samples.value(index) for index in samples.spread(count).indices]
    times: dict[str, list[float]] = {name: [] for name in extractors}
    for value in values:
        for name, extractor in extractors.items():
            begin = time.perf_counter_ns()
            extractor.extract(value)
            times[name].append((time.perf_counter_ns() - begin) / 1e6)
    return {name: float(np.median(measured)) for name, measured in times.items()}

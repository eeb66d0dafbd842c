"""Measure the quality of variants: once per variant and sample, on any device, for it depends on the input alone.

For classifiers the quality is 1 where the answer is right and 0 where it is wrong; without labels "right" means the
answer of the uncompressed model. For other models see `compsel.profiling.output_quality`: the outputs of the uncompressed
model are what is right, or a user's function says how good an answer is.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import ProfileError
from compsel.features.base import FeatureExtractor
from compsel.features.fusion import TOP
from compsel.inputs.samples import Samples
from compsel.processors.base import Processor
from compsel.profiling.output_quality import OutputQuality
from compsel.profiling.profile import quality_path, read_table, write_table
from compsel.progress import SILENT, Reporter
from compsel.storage.checkpointed import measure_rows
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["measure_features", "measure_quality", "reference_of", "time_features"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Job:
    """One variant on all samples, with the uncompressed variant to compare with."""

    variant: Variant
    reference: Variant
    files: Path
    samples: Samples
    path: Path
    judge: OutputQuality


def reference_of(variants: Sequence[Variant]) -> Variant:
    """Return the uncompressed variant that answers without class scores are compared with: the largest, of several."""
    return max((variant for variant in variants if variant.technique == "none"), key=lambda one: one.size_bytes)


def measure_quality(
    variants: Sequence[Variant],
    files: Path,
    samples: Samples,
    folder: Path,
    processor: Processor,
    reporter: Reporter = SILENT,
    judge: OutputQuality | None = None,
) -> int:
    """Measure each variant on each sample and store one table a variant; what is there already is kept.

    Args:
        variants: what to measure, with the uncompressed variant of each model among them.
        files: folder of the variants' files.
        samples: the inputs.
        folder: of the profile.
        processor: where to run; the answers hardly depend on it.
        reporter: hears how far it is.
        judge: of answers without class scores; None: fidelity, and a generic confidence.

    Returns:
        The number of classes; 0 when the models are not classifiers.

    Raises:
        ProfileError: labels that the models do not have, an uncompressed variant that is missing.
        SelectorError: a user's function that fails, or gives something that is not allowed.
    """
    if not len(samples):
        raise ProfileError("got no samples: give some")
    originals = {variant.model: variant for variant in variants if variant.technique == "none"}
    judge = judge or OutputQuality()
    n_classes = {0}
    for variant in variants:
        if variant.model not in originals:
            raise ProfileError(f"{variant.name}: the uncompressed variant of {variant.model} is not among the variants")
        reference = reference_of(variants) if variant.output == "other" else originals[variant.model]
        job = _Job(variant, reference, files, samples, quality_path(folder, variant), judge)
        n_classes.add(_measure(job, processor, reporter))
    if len(n_classes) > 2:
        raise ProfileError(f"the models have different numbers of classes: {sorted(n_classes - {0})}")
    return max(n_classes)


def _measure(job: _Job, processor: Processor, reporter: Reporter) -> int:
    known = _known(job)
    names, labels = job.samples.names, [-1 if label is None else label for label in job.samples.labels]
    if len(known) == len(labels):
        return _classes(known)
    engine = Engine(job.variant, job.files, processor)
    needs_reference = min(labels) < 0 if job.variant.output != "other" else not job.judge.uses_targets
    reference = Engine(job.reference, job.files, processor) if needs_reference else None

    max_label = max(labels)

    def row(index: int) -> Row:
        measured = _row(job, engine, reference, index)
        _check_labels(job, measured, max_label)
        return {"sample": names[index], "label": labels[index], **measured}

    try:
        label = f"quality of {job.variant.name}"
        rows = measure_rows(known, len(labels), row, lambda rows: _save(job, rows), reporter, label)
    finally:
        engine.close()
        if reference is not None:
            reference.close()
    return _classes(rows)


def _check_labels(job: _Job, row: Row, largest: int) -> None:
    """Raise ProfileError where the largest label is not a class of the model, which its first answer shows."""
    if row["n_classes"] and largest >= row["n_classes"]:
        raise ProfileError(
            f"labels reach {largest}, but {job.variant.name} has {row['n_classes']} classes, 0 to "
            f"{row['n_classes'] - 1}: check the labels, or the model"
        )


def _classes(rows: Sequence[Row]) -> int:
    return int(rows[0]["n_classes"])


def _row(job: _Job, engine: Engine, reference: Engine | None, index: int) -> dict[str, Any]:
    value, label = job.samples.value(index), job.samples.labels[index]
    outputs, scores = engine.answer(value)
    if scores is None:
        wanted = None if reference is None or job.judge.uses_targets else reference(value)
        found = job.judge.reader.read(outputs)
        return {
            "quality": job.judge.quality(outputs, wanted, job.samples.target(index)),
            "confidence": found.confidence[0],
            "sketch": found.sketch[0],
            "n_classes": 0,
        }
    evidence = scores.evidence
    if label is None:
        assert reference is not None
        label = int(reference(value)[0].argmax())
    return {
        "quality": float(evidence.classes[0, 0] == label),
        "classes": evidence.classes[0],
        "probabilities": evidence.probabilities[0],
        "n_classes": evidence.n_classes,
    }


def _known(job: _Job) -> list[Row]:
    """Return the rows that an earlier run measured for the same file and the same samples."""
    if not job.path.exists():
        return []
    try:
        columns, metadata = read_table(job.path)
    except ProfileError:
        return []
    count = len(columns.get("sample", ()))
    n_classes = int(metadata.get("n_classes", -1))
    wanted = {"sample", "label", "quality", *(("classes", "probabilities") if n_classes else ("confidence", "sketch"))}
    if not n_classes and metadata.get("judged") != _judged(job):
        return []
    if metadata.get("sha256") != job.variant.sha256 or n_classes < 0 or columns.keys() != wanted:
        return []
    if not 0 < count <= len(job.samples) or metadata.get("samples") != job.samples.digest(count):
        return []
    return [{**{name: values[row] for name, values in columns.items()}, "n_classes": n_classes} for row in range(count)]


def _save(job: _Job, rows: Sequence[Row]) -> None:
    n_classes = _classes(rows)
    columns: dict[str, Any] = {
        "sample": [row["sample"] for row in rows],
        "label": np.array([row["label"] for row in rows], np.int64),
        "quality": np.array([row["quality"] for row in rows], np.float32),
    }
    if n_classes:
        columns["classes"] = np.stack([row["classes"] for row in rows]).astype(np.int32)
        columns["probabilities"] = np.stack([row["probabilities"] for row in rows]).astype(np.float32)
    else:
        columns["confidence"] = np.stack([row["confidence"] for row in rows])
        columns["sketch"] = np.stack([row["sketch"] for row in rows])
    metadata = {
        "sha256": job.variant.sha256,
        "samples": job.samples.digest(len(rows)),
        "n_classes": str(n_classes),
        "top": str(TOP),
        "judged": _judged(job),
    }
    write_table(job.path, columns, metadata)


def _judged(job: _Job) -> str:
    """Return by what answers without class scores were judged."""
    return f"{job.judge.identity} | {'' if job.judge.uses_targets else job.reference.sha256}"


def measure_features(
    extractors: Mapping[str, FeatureExtractor], samples: Samples, folder: Path, reporter: Reporter = SILENT
) -> None:
    """Compute the features of every sample and store them; what is there already is kept.

    Args:
        extractors: by name; columns are called "<extractor>.<feature>".
        samples: the inputs.
        folder: of the profile; `features.parquet` is written there.
        reporter: hears how far it is.
    """
    path = folder / "features.parquet"
    columns = [f"{name}.{feature}" for name, extractor in extractors.items() for feature in extractor.names]

    def row(index: int) -> np.ndarray:
        value = samples.value(index)
        parts = [extractor.extract(value) for extractor in extractors.values()]
        return np.concatenate([*parts, np.empty(0, np.float32)]).astype(np.float32)

    def save(rows: Sequence[np.ndarray]) -> None:
        table = dict(zip(columns, np.stack(rows).T, strict=True))
        names = list(samples.names[: len(rows)])
        write_table(path, {"sample": names, **table}, {"samples": samples.digest(len(rows))})

    measure_rows(_known_features(path, columns, samples), len(samples), row, save, reporter, "features")


def _known_features(path: Path, columns: Sequence[str], samples: Samples) -> list[np.ndarray]:
    if not path.exists():
        return []
    try:
        table, metadata = read_table(path)
    except ProfileError:
        return []
    count = len(table.pop("sample", ()))
    if list(table) != list(columns) or not 0 < count <= len(samples):
        return []
    if metadata.get("samples") != samples.digest(count):
        return []
    return list(np.stack(list(table.values()), axis=1)) if columns else [np.empty(0, np.float32)] * count


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

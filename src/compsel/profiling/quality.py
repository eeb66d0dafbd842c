"""Measure the quality of variants: once per variant and sample, on any device, for it depends on the input alone.

For classifiers the quality is 1 where the answer is right and 0 where it is wrong; without labels "right" means the
answer of the uncompressed model. Other models are rated as `compsel.profiling.output_quality` says: by how near their
outputs are to those of the uncompressed model, or by a user's function.

A variant that learned from the samples is never judged on what it learned from: a sample is answered by the variant
that was made in the same way without the sample's fold (`compsel.variants.fold_variants`).
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import ProfileError
from compsel.features.fusion import TOP
from compsel.features.tasks.scores import top_class
from compsel.inputs.samples import Samples
from compsel.parallel.backend import Backend
from compsel.parallel.measured_tables import MeasuredTable, measure_tables
from compsel.parallel.shards import SHARDS, shard_name
from compsel.processors.base import Processor
from compsel.profiling.output_quality import OutputQuality
from compsel.profiling.quality_table import quality_path
from compsel.progress import SILENT, Reporter
from compsel.storage.parquet import read_table, write_table
from compsel.variants.engine import Engine
from compsel.variants.fold_variants import FoldVariants
from compsel.variants.variant import Variant

__all__ = ["measure_quality", "reference_of"]

_DEFAULT = Backend()
# sample, label, quality and the evidence of one answer, by the column of the table, and `n_classes`
Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Measurement(MeasuredTable[Row]):
    """One variant on samples, with the uncompressed variant to compare with.

    Attributes:
        largest: of all labels, also where these samples are a part of all.
        rated_by: what rated answers without class scores, as the table notes it.
    """

    variant: Variant
    reference: Variant
    files: Path
    samples: Samples
    path: Path
    output_quality: OutputQuality
    processor: Processor
    folds: FoldVariants | None
    largest: int
    rated_by: str

    @property
    def answering(self) -> tuple[Variant, ...]:
        """The variants that answer the samples: one a fold, or the variant itself."""
        return (self.variant,) if self.folds is None else self.folds.variants[self.variant.name]

    def fold(self, index: int) -> int:
        """Return which of them answers a sample."""
        return 0 if self.folds is None else int(self.folds.fold_of[index])

    @property
    def held_out(self) -> str:
        """The identity of what answers out of fold, as the table notes it; "" where the variant itself does."""
        if self.folds is None:
            return ""
        text = "".join(variant.sha256 for variant in self.answering) + str(self.folds.fold_of.tolist())
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def count(self) -> int:
        return len(self.samples)

    @property
    def label(self) -> str:
        return f"quality of {self.variant.name}"

    def stored(self) -> list[Row]:
        return _stored(self)

    def save(self, rows: Sequence[Row]) -> None:
        _write(self, rows)

    def part(self, begin: int, end: int, folder: Path) -> "_Measurement":
        samples = self.samples.subset(range(begin, end))
        folds = None if self.folds is None else replace(self.folds, fold_of=self.folds.fold_of[begin:end])
        found = replace(self, samples=samples, folds=folds)
        parts = (self.variant.name, self.variant.sha256, samples.digest(), begin, end, self.rated_by, found.held_out)
        return replace(found, path=folder / f"{shard_name('quality', TOP, *parts)}.parquet")

    @contextmanager
    def measuring(self) -> Iterator[Callable[[int], Row]]:
        """Open what answers.

        Raises:
            ProfileError: labels that are no classes of the model, which its first answer shows.
        """
        names, labels = self.samples.names, _labels(self.samples)
        needs_reference = min(labels) < 0 if self.variant.output != "other" else not self.output_quality.uses_targets
        with ExitStack() as stack:

            def opened(variant: Variant) -> Engine:
                return stack.enter_context(closing(Engine(variant, self.files, self.processor)))

            engines = [opened(one) for one in self.answering]
            reference = opened(self.reference) if needs_reference else None

            def row(index: int) -> Row:
                measured = _row(self, engines[self.fold(index)], reference, index)
                _check_labels(self.variant, measured, self.largest)
                return {"sample": names[index], "label": labels[index], **measured}

            yield row


def _labels(samples: Samples) -> list[int]:
    return [-1 if label is None else label for label in samples.labels]


def reference_of(variants: Sequence[Variant]) -> Variant:
    """Return the uncompressed variant that answers without class scores are compared with: the largest, of several."""
    return max((variant for variant in variants if variant.technique == "none"), key=lambda one: one.size_bytes)


# many parameters: those of every measurement; the last ones have defaults
def measure_quality(
    variants: Sequence[Variant],
    files: Path,
    samples: Samples,
    folder: Path,
    processor: Processor,
    reporter: Reporter = SILENT,
    output_quality: OutputQuality | None = None,
    folds: FoldVariants | None = None,
    backend: Backend = _DEFAULT,
) -> int:
    """Measure each variant on each sample and store one table a variant; what is there already is kept.

    Args:
        variants: what to measure, with the uncompressed variant of each model among them.
        files: folder of the variants' files.
        samples: the inputs.
        folder: of the profile.
        processor: where to run; the answers hardly depend on it.
        reporter: of progress.
        output_quality: rates answers without class scores; None: fidelity, and a generic confidence.
        folds: what answers in place of the variants that learned from the samples; None: none did.
        backend: where answers are computed.

    Returns:
        The number of classes; 0 when the models are not classifiers.

    Raises:
        ProfileError: labels that the models do not have, an uncompressed variant that is missing.
        SelectorError: a user's function that fails, or gives something that is not allowed.
    """
    if not len(samples):
        raise ProfileError("got no samples: give some")
    originals = {variant.model: variant for variant in variants if variant.technique == "none"}
    output_quality = output_quality or OutputQuality()
    largest, tables = max(_labels(samples)), []
    for variant in variants:
        if variant.model not in originals:
            raise ProfileError(f"{variant.name}: the uncompressed variant of {variant.model} is not among the variants")
        reference = reference_of(variants) if variant.output == "other" else originals[variant.model]
        path = quality_path(folder, variant)
        held_out = folds if folds is not None and variant.name in folds.variants else None
        rated_by = f"{output_quality.identity} | {'' if output_quality.uses_targets else reference.sha256}"
        what = (variant, reference, files, samples, path, output_quality, processor)
        tables.append(_Measurement(*what, held_out, largest, rated_by))
    counted = f"quality of {len(variants)} variants"
    found = measure_tables(tables, folder / SHARDS / "quality", backend, reporter, counted)
    n_classes = {0, *(_classes(rows) for rows in found)}
    if len(n_classes) > 2:
        raise ProfileError(f"the models have different numbers of classes: {sorted(n_classes - {0})}")
    return max(n_classes)


def _check_labels(variant: Variant, row: Row, largest: int) -> None:
    """Raise ProfileError where the largest label is not a class of the model, which its first answer shows."""
    if row["n_classes"] and largest >= row["n_classes"]:
        raise ProfileError(
            f"labels reach {largest}, but {variant.name} has {row['n_classes']} classes, 0 to "
            f"{row['n_classes'] - 1}: check the labels, or the model"
        )


def _classes(rows: Sequence[Row]) -> int:
    return int(rows[0]["n_classes"])


def _row(measurement: _Measurement, engine: Engine, reference: Engine | None, index: int) -> dict[str, Any]:
    value, label = measurement.samples.undecoded(index), measurement.samples.labels[index]
    outputs, scores = engine.answer(value)
    if scores is None:
        output_quality = measurement.output_quality
        reference_outputs = None if reference is None or output_quality.uses_targets else reference(value)
        evidence = output_quality.reader.read(outputs)
        return {
            "quality": output_quality.score(outputs, reference_outputs, measurement.samples.target(index)),
            "confidence": evidence.confidence[0],
            "sketch": evidence.sketch[0],
            "n_classes": 0,
        }
    top = scores.evidence
    if label is None:
        assert reference is not None
        label = top_class(reference(value)[0], reference.variant.output)
    return {
        "quality": float(top.classes[0, 0] == label),
        "classes": top.classes[0],
        "probabilities": top.probabilities[0],
        "n_classes": top.n_classes,
    }


def _stored(measurement: _Measurement) -> list[Row]:
    """Return the rows that an earlier run stored for the same file and the same samples."""
    if not measurement.path.exists():
        return []
    try:
        columns, metadata = read_table(measurement.path)
    except ProfileError:
        return []
    count = len(columns.get("sample", ()))
    n_classes = int(metadata.get("n_classes", -1))
    wanted = {"sample", "label", "quality", *(("classes", "probabilities") if n_classes else ("confidence", "sketch"))}
    if not n_classes and metadata.get("judged") != measurement.rated_by:
        return []
    if metadata.get("held_out", "") != measurement.held_out:
        return []
    if metadata.get("sha256") != measurement.variant.sha256 or n_classes < 0 or columns.keys() != wanted:
        return []
    if not 0 < count <= len(measurement.samples) or metadata.get("samples") != measurement.samples.digest(count):
        return []
    return [{**{name: values[row] for name, values in columns.items()}, "n_classes": n_classes} for row in range(count)]


def _write(measurement: _Measurement, rows: Sequence[Row]) -> None:
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
        "sha256": measurement.variant.sha256,
        "samples": measurement.samples.digest(len(rows)),
        "n_classes": str(n_classes),
        "top": str(TOP),
        "judged": measurement.rated_by,
        "held_out": measurement.held_out,
    }
    write_table(measurement.path, columns, metadata)

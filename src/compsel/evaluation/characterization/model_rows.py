"""The rows of one model in a characterisation: made, verified, measured and stored one after another."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from compsel import __version__
from compsel.device.cgroup import usable_cores
from compsel.errors import CompselError, NotApplicableError
from compsel.evaluation.characterization.answer_quality import AnswerQuality, Answers, answers_of, compare_answers
from compsel.evaluation.characterization.early_making import EarlyMaking, made_early, reason_of
from compsel.evaluation.characterization.measurement import VariantUnderTest, count_affordable_samples, measure_row
from compsel.evaluation.characterization.rows import Row, read_row, row_path, write_row
from compsel.evaluation.characterization.settings import CharacterizationSettings
from compsel.features.tasks import recognise
from compsel.features.tasks.graph_facts import facts_of
from compsel.features.tasks.label_facts import label_facts
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.processors import CpuProcessor
from compsel.processors.base import Processor
from compsel.profiling.latency import Criterion
from compsel.profiling.tables import device_text
from compsel.progress import Reporter
from compsel.techniques import parse as parse_technique
from compsel.variants.engine import Engine
from compsel.variants.maker import VariantMaker
from compsel.variants.variant import OutputKind, Variant
from compsel.variants.writer import output_kind_of, write_variant

__all__ = ["ModelRows"]


class ModelRows:
    """The rows of one model; what several of them need is made once, and only if a row is missing.

    Args:
        model: graph and weights.
        techniques: what to try beside the uncompressed model.
        settings: what is measured.
        processors: where to run.
        folder: of the rows.
        reporter: of messages.

    >>> import tempfile
    >>> import numpy as np
    >>> from compsel.inputs.samples import ArraySamples
    >>> from compsel.networks import build
    >>> from compsel.progress import SILENT
    >>> settings = CharacterizationSettings(ArraySamples([np.zeros((32, 32, 3), np.uint8)]), budget_s=0.01)
    >>> model, folder = build("mobilenet-v1", width=0.25, resolution=32), Path(tempfile.mkdtemp())
    >>> [row.label for row in ModelRows(model, (), settings, [CpuProcessor(1)], folder, SILENT).measure()]
    ['mobilenet-v1/none@cpu:1']
    """

    def __init__(
        self,
        model: Model,
        techniques: Sequence[str],
        settings: CharacterizationSettings,
        processors: Sequence[Processor],
        folder: Path,
        reporter: Reporter,
    ) -> None:
        self.model, self.settings, self.processors = model, settings, processors
        self.folder, self.reporter = folder, reporter
        self.techniques = tuple(dict.fromkeys(("none", *techniques)))
        self._maker = VariantMaker(model, settings.samples.spread(settings.calibration))
        meter = settings.meter.name if settings.meter else ""
        digests = (model.fingerprint(), settings.samples.digest(), str(settings.calibration))
        parts = (__version__, *digests, device_text(), meter)
        self._early: Mapping[str, VariantUnderTest | str] = {}
        self._digest = hashlib.sha256("|".join(parts).encode()).hexdigest()

    def measure(self) -> Iterator[Row]:
        """Give the rows, known or measured now."""
        with self._variant_folder() as self._files:
            if self.settings.backend.spreads:
                self._make_early()
            for spec in self.techniques:
                stored = self._stored_rows(spec)
                yield from stored if stored is not None else self._measured(spec)

    @contextmanager
    def _variant_folder(self) -> Iterator[Path]:
        """Give the folder of the variants' files: one that stays, or one that goes with this model."""
        if self.settings.keep:
            (self.folder / "variants").mkdir(parents=True, exist_ok=True)
            yield self.folder / "variants"
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".variants-", dir=self.folder, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _key(self, spec: str, processor: str) -> str:
        return hashlib.sha256("|".join((self._digest, spec, processor)).encode()).hexdigest()[:32]

    def _stored_rows(self, spec: str) -> list[Row] | None:
        left_out = self._stored(spec, "")
        if left_out is not None:
            return [left_out]
        found = [self._stored(spec, processor.name) for processor in self.processors]
        rows = [row for row in found if row is not None]
        return rows if len(rows) == len(found) else None

    def _stored(self, spec: str, processor: str) -> Row | None:
        return read_row(row_path(self.folder, Row(self.model.name, spec, processor)), self._key(spec, processor))

    def _store(self, row: Row, spec: str) -> Row:
        row = replace(row, technique=spec)
        write_row(self.folder, row, self._key(spec, row.processor))
        return row

    def _measured(self, spec: str) -> Iterable[Row]:
        try:
            subject = self._subject(spec)
            labels = self._quality_samples.labels
            quality = compare_answers(self._answers(subject.variant), self._original_answers, labels)
        except Exception as error:
            if spec == "none":
                raise
            # a defect of one technique must not cost the rows of all others: the table says what it was
            return [self._left_out(spec, reason_of(error))]
        try:
            return [self._row(spec, subject, quality, processor) for processor in self.processors]
        finally:
            if not self.settings.keep and spec != "none":
                self._remove(subject.variant)

    def _row(self, spec: str, subject: VariantUnderTest, quality: AnswerQuality, processor: Processor) -> Row:
        known = self._stored(spec, processor.name)
        if known is not None:
            return known
        try:
            criterion = Criterion(budget_s=self.settings.budget_s)
            row = measure_row(subject, self._original, processor, self._quality_samples, criterion, self.settings.meter)
        except CompselError as error:  # an operator that this processor lacks
            if spec == "none":
                raise
            row = Row(self.model.name, spec, processor.name, left_out=str(error))
        row = replace(row, **vars(quality), score=quality.score) if not row.left_out else row
        self.reporter.say(_line(row))
        return self._store(row, spec)

    def _left_out(self, spec: str, reason: str) -> Row:
        self.reporter.say(f"{self.model.name}/{spec}: left out: {reason}")
        return self._store(Row(self.model.name, spec, "", left_out=reason), spec)

    def _remove(self, variant: Variant) -> None:
        shared = set(self._original.variant.files)
        for file in set(variant.files) - shared:
            (self._files / file).unlink(missing_ok=True)

    def _subject(self, spec: str) -> VariantUnderTest:
        return self._original if spec == "none" else self._made(spec)

    @cached_property
    def _original(self) -> VariantUnderTest:
        return replace(self._made("none"), compress_s=0.0)

    def _made(self, spec: str) -> VariantUnderTest:
        """Compress, verify and write.

        Raises:
            NotApplicableError: the technique does nothing for this model, or made something else of it.
        """
        early = self._early.get(spec)
        if isinstance(early, str):
            raise NotApplicableError(early)
        if early is not None:
            return early
        made = self._maker.make(
            parse_technique(spec), self._files, lambda model, folder: write_variant(model, folder, self._output_kind)
        )
        return VariantUnderTest(made.accepted(), self._files, made.compress_s)

    def _make_early(self) -> None:
        """Make what is missing where the settings say; the model itself is made here, for it tells what the rest is."""
        missing = [spec for spec in self.techniques if spec != "none" and self._stored_rows(spec) is None]
        calibration = self.settings.samples.spread(self.settings.calibration)
        making = EarlyMaking(self.model, calibration, self._files.absolute(), self._output_kind)
        self._early = made_early(making, missing, self.settings.backend, self.reporter)

    @cached_property
    def _output_kind(self) -> OutputKind:
        task = recognise(facts_of(self.model, label_facts(self.settings.samples)))
        if not task.classes:
            return "other"
        return task.score_kind or output_kind_of(self.model, self.settings.samples.value(0))

    @cached_property
    def _quality_samples(self) -> Samples:
        """Some samples, the same ones for every variant, also for those that were measured before."""
        size = next((row.n_samples for row in self._uncompressed() if row.n_samples), None)
        if size is None:
            with self._engine(self._original.variant) as engine:
                size = count_affordable_samples(engine, self.settings.samples, 2 * self.settings.budget_s)
        return self.settings.samples.spread(size)

    def _uncompressed(self) -> Iterator[Row]:
        """Give the rows of the uncompressed model that are stored, on whatever processor."""
        begin = row_path(self.folder, Row(self.model.name, "none", "")).stem
        for path in sorted((self.folder / "rows").glob("*.json")):
            row = read_row(path) if path.stem.startswith(begin) else None
            if row is not None and (known := self._stored("none", row.processor)) is not None:
                yield known

    @cached_property
    def _original_answers(self) -> Answers:
        return self._answers(self._original.variant)

    def _answers(self, variant: Variant) -> Answers:
        samples = self._quality_samples
        with self._engine(variant) as engine:
            return answers_of(engine, (samples.undecoded(index) for index in range(len(samples))))

    @contextmanager
    def _engine(self, variant: Variant) -> Iterator[Engine]:
        # on the CPU every operator runs, and answers hardly depend on the processor
        engine = Engine(variant, self._files, CpuProcessor(usable_cores(), spinning=False))
        try:
            yield engine
        finally:
            engine.close()


def _line(row: Row) -> str:
    if row.latency_ms is None or row.ratio is None or row.score is None:
        return f"{row.label}: left out: {row.left_out}"
    return f"{row.label}: {row.latency_ms.value:.2f} ms, {row.ratio.value:.2f} times none, quality {row.score:.3f}"

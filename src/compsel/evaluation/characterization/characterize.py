"""Characterise compression: every model under every technique on every processor, as the source papers do it.

One model is in memory, and one variant of it on disk, at a time. Each row is stored when it was measured; a run that
was interrupted goes on where it stopped.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from compsel import __version__
from compsel.device.cgroup import usable_cores
from compsel.device.energy import Meter
from compsel.errors import CompselError, ProfileError
from compsel.evaluation.characterization.answer_quality import Answers, Quality, answers_of, compare_answers
from compsel.evaluation.characterization.measurement import Subject, measure_row, quality_size
from compsel.evaluation.characterization.rows import Row, read_row, row_path, write_row
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.output_kind import output_kind
from compsel.processors import CpuProcessor, parse
from compsel.processors.base import Processor
from compsel.profiling.latency import Criterion
from compsel.profiling.profile import device_text
from compsel.progress import SILENT, Reporter
from compsel.techniques import TECHNIQUES, applicable
from compsel.techniques import parse as parse_technique
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant
from compsel.variants.writing import write_variant

__all__ = ["Asked", "characterize", "default_techniques"]

# beside what applies by itself: the form of int8-static that is better where scales by channel are a trap
_ALSO = ("int8-static:per_channel=false",)


@dataclass(frozen=True)
class Asked:
    """What is to be measured.

    Attributes:
        samples: inputs; with labels, accuracy is measured too.
        techniques: what to try; None: all that apply to a model.
        processors: where to run.
        calibration: how many samples techniques are given.
        budget_s: seconds for the latency of one row; as many samples are answered as the uncompressed model answers in
            twice that time, or as many as for the rows that are there already.
        keep: whether the variants stay on disk.
        meter: of energy, open; None: no energy is measured.

    Raises:
        ProfileError: no samples, no processors, or numbers that allow no measurement.
    """

    samples: Samples
    techniques: Sequence[str] | None = None
    processors: Sequence[str] = ("cpu:1",)
    calibration: int = 50
    budget_s: float = 5.0
    keep: bool = False
    meter: Meter | None = None

    def __post_init__(self) -> None:
        if not len(self.samples) or not self.processors:
            raise ProfileError("got no samples or no processors: give at least one of each")
        if self.calibration < 1 or not self.budget_s > 0:
            raise ProfileError(
                f"got calibration {self.calibration} and budget {self.budget_s} s, allowed are 1 or more, and above 0"
            )


def default_techniques(model: Model) -> tuple[str, ...]:
    """Return every technique, the uncompressed model first: those that a build would try, then all others."""
    found = applicable(model)
    tried = {parse_technique(spec).name for spec in found}
    others = [kind().spec for name, kind in TECHNIQUES.items() if name not in tried]
    also = [spec for spec in _ALSO if parse_technique(spec).name in tried]
    return tuple(dict.fromkeys(("none", *found, *others, *also)))


def characterize(
    models: Sequence[str | os.PathLike[str] | Model],
    asked: Asked,
    folder: str | os.PathLike[str],
    reporter: Reporter = SILENT,
) -> list[Row]:
    """Measure every row that `folder` does not hold yet.

    Args:
        models: ONNX files, read one at a time, or models.
        asked: what is to be measured.
        folder: where rows are stored.
        reporter: hears what is said on the way.

    Returns:
        All rows that were asked for; what could not be built has a reason instead of figures.

    Raises:
        ProfileError: models with the same name.
        ModelError: a model that cannot be read, or does not run.
        TechniqueError, ProcessorError: a word that does not exist.
        StorageError: the folder cannot be written.
    """
    names = [model.name if isinstance(model, Model) else Path(model).stem for model in models]
    if not names or len({name.casefold() for name in names}) < len(names):
        raise ProfileError(f"got models {names}: give at least one, each with a name of its own")
    for spec in asked.techniques or ():
        parse_technique(spec)
    processors = [parse(word) for word in asked.processors]
    rows: list[Row] = []
    for number, model in enumerate(models, start=1):
        reporter.say(f"model {number} of {len(models)}: {names[number - 1]}")
        loaded = model if isinstance(model, Model) else Model.load(model)
        rows += _OneModel(loaded, asked, processors, Path(folder), reporter).rows()
    return rows


class _OneModel:
    """The rows of one model; what several of them need is made once, and only if a row is missing."""

    def __init__(
        self, model: Model, asked: Asked, processors: Sequence[Processor], folder: Path, reporter: Reporter
    ) -> None:
        self.model, self.asked, self.processors, self.folder, self.reporter = model, asked, processors, folder, reporter
        specs = asked.techniques or default_techniques(model)
        self.techniques = tuple(dict.fromkeys(("none", *specs)))
        meter = asked.meter.name if asked.meter else ""
        parts = (__version__, model.fingerprint(), asked.samples.digest(), str(asked.calibration), device_text(), meter)
        self._digest = hashlib.sha256("|".join(parts).encode()).hexdigest()

    def rows(self) -> Iterator[Row]:
        """Give the rows, known or measured now."""
        with self._place() as self._files:
            for spec in self.techniques:
                known = self._known(spec)
                yield from known if known is not None else self._measured(spec)

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """Give the folder of the variants' files: one that stays, or one that goes with this model."""
        if self.asked.keep:
            (self.folder / "variants").mkdir(parents=True, exist_ok=True)
            yield self.folder / "variants"
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".variants-", dir=self.folder, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _key(self, spec: str, processor: str) -> str:
        return hashlib.sha256("|".join((self._digest, spec, processor)).encode()).hexdigest()[:32]

    def _known(self, spec: str) -> list[Row] | None:
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
            quality = compare_answers(self._answers(subject.variant), self._wanted, self._labels)
        except Exception as error:
            if spec == "none":
                raise
            # a defect of one technique must not cost the rows of all others: the table says what it was
            reason = str(error) if isinstance(error, CompselError) else f"failed: {type(error).__name__}: {error}"
            return [self._left_out(spec, reason)]
        try:
            return [self._row(spec, subject, quality, processor) for processor in self.processors]
        finally:
            if not self.asked.keep and spec != "none":
                self._remove(subject.variant)

    def _row(self, spec: str, subject: Subject, quality: Quality, processor: Processor) -> Row:
        known = self._stored(spec, processor.name)
        if known is not None:
            return known
        try:
            criterion = Criterion(budget_s=self.asked.budget_s)
            row = measure_row(subject, self._original, processor, self._quality_samples, criterion, self.asked.meter)
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

    def _subject(self, spec: str) -> Subject:
        if spec == "none":
            return self._original
        calibration = self.asked.samples.spread(self.asked.calibration)
        return Subject.make(self.model, parse_technique(spec), calibration, self._files, self._original.variant.output)

    @cached_property
    def _original(self) -> Subject:
        session = open_session(self.model.proto)
        kind = output_kind(self.model, session.run(None, feeds_of(self.model, self.asked.samples.value(0))))
        return Subject(self.model, write_variant(self.model, self._files, kind), self._files, 0.0)

    @cached_property
    def _quality_samples(self) -> Samples:
        """Some samples, the same ones for every variant, also for those that were measured before."""
        size = next((row.n_samples for row in self._uncompressed() if row.n_samples), None)
        if size is None:
            with self._engine(self._original.variant) as engine:
                size = quality_size(engine, self.asked.samples, 2 * self.asked.budget_s)
        return self.asked.samples.spread(size)

    def _uncompressed(self) -> Iterator[Row]:
        """Give the rows of the uncompressed model that are stored, on whatever processor."""
        begin = row_path(self.folder, Row(self.model.name, "none", "")).stem
        for path in sorted((self.folder / "rows").glob("*.json")):
            row = read_row(path) if path.stem.startswith(begin) else None
            if row is not None and (known := self._stored("none", row.processor)) is not None:
                yield known

    @cached_property
    def _labels(self) -> Sequence[int | None]:
        return self._quality_samples.labels

    @cached_property
    def _wanted(self) -> Answers:
        return self._answers(self._original.variant)

    def _answers(self, variant: Variant) -> Answers:
        samples = self._quality_samples
        with self._engine(variant) as engine:
            return answers_of(engine, (samples.value(index) for index in range(len(samples))))

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

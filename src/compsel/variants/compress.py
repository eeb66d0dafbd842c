"""Compress ONNX files: one file a variant, verified as it was written, with a report of each."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from compsel.errors import CompselError, InputError, SamplesError, StorageError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.parallel.backend import Backend
from compsel.parallel.shards import SHARDS, Shard, remove_shards, run_shards, shard_name
from compsel.progress import SILENT, Reporter
from compsel.storage.file_names import slug
from compsel.storage.files import sha256_file, without_nan, write_json
from compsel.storage.strict_json import read_json
from compsel.techniques.base import Technique
from compsel.variants.figures import VariantFigures
from compsel.variants.maker import VariantMaker, left_words
from compsel.variants.verification import Verification

__all__ = ["CompressionReport", "compress"]

_DEFAULT = Backend()


@dataclass(frozen=True, slots=True)
class CompressionReport:
    """What became of one model under one technique.

    Attributes:
        model: name of the model.
        technique: the technique, as `compsel.techniques.parse` reads it.
        path: the ONNX file; None when there is none.
        reason: why there is none, or why the file could not be verified; empty otherwise.
        size_bytes: size of the variant, its weights included; None without one.
        original_bytes: size of the model before, saved the same way.
        seconds: time to compress and verify.
        verification: how far it agrees with its model; None when it did not come to that.
        figures, original: latency and accuracy of the variant, and of its model; None: not measured.

    >>> import tempfile
    >>> from compsel.networks import build
    >>> from compsel.techniques import parse
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> [report] = compress([model], [parse("int8-static")], None, tempfile.mkdtemp())
    >>> report.path, report.reason
    (None, 'int8-static needs calibration samples: got none, give at least one')
    """

    model: str
    technique: str
    path: Path | None
    reason: str
    size_bytes: int | None
    original_bytes: int
    seconds: float
    verification: Verification | None
    figures: VariantFigures | None = None
    original: VariantFigures | None = None


# many parameters: what is compressed, by what, and where; the last ones have defaults
def compress(
    models: Sequence[Model | str | os.PathLike[str]],
    techniques: Sequence[Technique],
    calibration: Samples | None,
    out_dir: str | os.PathLike[str],
    reporter: Reporter = SILENT,
    samples: Samples | None = None,
    backend: Backend = _DEFAULT,
) -> list[CompressionReport]:
    """Apply every technique to every model; keep what runs and still agrees with its model.

    What is verified is the file that is kept; it has the outputs of the model's own file. A model given as a path is
    read for each technique, and is not in memory while the file is verified: for large models. What an interrupted call
    has written is taken up.

    Args:
        models: what to compress, or the paths of ONNX files; names must differ.
        techniques: what to apply.
        calibration: samples for the techniques that need them, and for the verification of all.
        out_dir: where the ONNX files go; files of the same name are replaced.
        reporter: of progress.
        samples: for the techniques that learn; None: those of the calibration.
        backend: where variants are made.

    Returns:
        one report for each model and technique, in that order; what does not apply or agree has a reason, not a file.

    Raises:
        ModelError: a path that holds no model.
        StorageError: the files cannot be written.
        SamplesError, InputError: the samples do not fit the models.
        ShardError, BackendError: see `compsel.parallel.running.run_tasks`.
    """
    folder = Path(out_dir)
    compressing = _Compressing(models, calibration, samples, folder)
    records = folder / SHARDS
    shards = []
    for number, model in enumerate(models):
        name, known = _known_by(model, calibration, samples)
        for technique in techniques:
            path = records / f"{shard_name('compress', technique.spec, *known)}.json"
            if path.exists() and _report_in(path, folder) is None:
                path.unlink(missing_ok=True)
            shards.append(Shard(path, f"{name}/{technique.spec}", (number, technique)))
    run_shards(_write_report, compressing, shards, backend, reporter, "compress")
    reports = []
    for shard in shards:
        found = _report_in(shard.path, folder)
        if found is None:
            raise StorageError(f"{shard.label}: what was written to {folder} has changed meanwhile: compress again")
        reports.append(found[0])
        for message in found[1]:
            reporter.say(message)
    remove_shards(records)
    return reports


def _known_by(
    model: Model | str | os.PathLike[str], calibration: Samples | None, samples: Samples | None
) -> tuple[str, list[str]]:
    """Return the name of a model, and what tells it and its samples from others."""
    read = model if isinstance(model, Model) else Model.load(model)
    return read.name, [
        read.fingerprint(),
        repr(read.exported_outputs),
        *("" if one is None else one.digest() for one in (calibration, samples)),
    ]


class _Compressing:
    """Makers of the variants of models: the one of the model that was asked for last."""

    def __init__(
        self,
        models: Sequence[Model | str | os.PathLike[str]],
        calibration: Samples | None,
        samples: Samples | None,
        folder: Path,
    ) -> None:
        self._models, self._calibration = models, calibration
        self.samples, self.folder = samples, folder
        self._maker: tuple[int, VariantMaker] | None = None
        self.busy = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maker": None, "busy": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, busy=threading.Lock())

    def maker(self, number: int) -> VariantMaker:
        if self._maker is None or self._maker[0] != number:
            self._maker = None  # it holds the weights of another model
            self._maker = number, VariantMaker(self._models[number], self._calibration, as_file=True)
        return self._maker[1]


def _write_report(compressing: _Compressing, path: Path, number: int, technique: Technique) -> None:
    """Make a variant, and write what became of it: the shard that says that it is done."""
    with compressing.busy:
        maker = compressing.maker(number)
        samples = compressing.samples if technique.learns else None
        report, files, said = _compress(maker, technique, compressing.folder, samples)
    plain = {**asdict(report), "path": None if report.path is None else report.path.name}
    hashes = {name: sha256_file(compressing.folder / name) for name in files}
    write_json(path, {"report": without_nan(plain), "files": hashes, "said": said})


def _report_in(path: Path, folder: Path) -> tuple[CompressionReport, list[str]] | None:
    """Return the report in a record, and messages; None where what it says is not there any more."""
    try:
        content = read_json(path)
        if any(sha256_file(folder / name) != known for name, known in content["files"].items()):
            return None
        fields = dict(content["report"])
        verification = fields["verification"] and Verification(**fields["verification"])
        file = None if fields["path"] is None else folder / fields["path"]
        return CompressionReport(**{**fields, "path": file, "verification": verification}), list(content["said"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class _OnnxFile:
    """An ONNX file, and the file of its weights where they are not inside."""

    files: tuple[str, ...]
    size_bytes: int


def _compress(
    maker: VariantMaker, technique: Technique, folder: Path, samples: Samples | None
) -> tuple[CompressionReport, tuple[str, ...], list[str]]:
    """Return the report, the names of the files, and messages."""
    started = time.perf_counter()
    report = CompressionReport(maker.name, technique.spec, None, "", None, maker.original_bytes(), 0.0, None)
    files: tuple[str, ...] = ()
    said = []
    try:
        made = maker.make(technique, folder, _write, samples)
        report = replace(report, reason=made.verification.reason, verification=made.verification)
        if made.left:
            said.append(left_words(f"{maker.name}/{technique.spec}", made.left))
        if made.written is not None:
            files = made.written.files
            report = replace(report, path=folder / files[0], size_bytes=made.written.size_bytes)
    except (StorageError, SamplesError, InputError):
        raise
    except CompselError as error:
        report = replace(report, reason=str(error))
    return replace(report, seconds=time.perf_counter() - started), files, said


def _write(model: Model, folder: Path) -> _OnnxFile:
    path = model.save(folder / f"{slug(f'{model.name}.{model.technique}')}.onnx")
    files = sorted(folder.iterdir(), key=lambda file: file != path)
    weights = [file for file in files if not file.name.endswith(".tokenizer.json")]
    return _OnnxFile(tuple(file.name for file in files), sum(file.stat().st_size for file in weights))

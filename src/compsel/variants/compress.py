"""Compress ONNX files: one file a variant, verified as it was written, with a report of each."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compsel.errors import CompselError, InputError, SamplesError, StorageError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.progress import SILENT, Reporter
from compsel.storage.file_names import slug
from compsel.techniques.base import Technique
from compsel.variants.figures import VariantFigures
from compsel.variants.maker import VariantMaker, left_words
from compsel.variants.verification import Verification

__all__ = ["CompressionReport", "compress"]


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


def compress(
    models: Sequence[Model | str | os.PathLike[str]],
    techniques: Sequence[Technique],
    calibration: Samples | None,
    out_dir: str | os.PathLike[str],
    reporter: Reporter = SILENT,
    samples: Samples | None = None,
) -> list[CompressionReport]:
    """Apply every technique to every model; keep what runs and still agrees with its model.

    What is verified is the file that is kept; it has the outputs of the model's own file. A model given as a path is
    read for each technique, and is not in memory while the file is verified: for large models.

    Args:
        models: what to compress, or the paths of ONNX files; names must differ.
        techniques: what to apply.
        calibration: samples for the techniques that need them, and for the verification of all.
        out_dir: where the ONNX files go; files of the same name are replaced.
        reporter: of progress.
        samples: for the techniques that learn; None: those of the calibration.

    Returns:
        one report for each model and technique, in that order; what does not apply or agree has a reason, not a file.

    Raises:
        ModelError: a path that holds no model.
        StorageError: the files cannot be written.
        SamplesError, InputError: the samples do not fit the models.
    """
    makers = [VariantMaker(model, calibration, as_file=True) for model in models]
    jobs = [(maker, technique) for maker in makers for technique in techniques]
    folder = Path(out_dir)
    return [
        _compress(maker, technique, folder, samples if technique.learns else None, reporter)
        for maker, technique in reporter.track(jobs, "compress")
    ]


@dataclass(frozen=True, slots=True)
class _OnnxFile:
    """An ONNX file, and the file of its weights where they are not inside."""

    files: tuple[str, ...]
    size_bytes: int


def _compress(
    maker: VariantMaker, technique: Technique, folder: Path, samples: Samples | None, reporter: Reporter
) -> CompressionReport:
    started = time.perf_counter()
    report = CompressionReport(maker.name, technique.spec, None, "", None, maker.original_bytes(), 0.0, None)
    try:
        made = maker.make(technique, folder, _write, samples)
        report = replace(report, reason=made.verification.reason, verification=made.verification)
        if made.left:
            reporter.say(left_words(f"{maker.name}/{technique.spec}", made.left))
        if made.written is not None:
            path = folder / made.written.files[0]
            report = replace(report, path=path, size_bytes=made.written.size_bytes)
    except (StorageError, SamplesError, InputError):
        raise
    except CompselError as error:
        report = replace(report, reason=str(error))
    return replace(report, seconds=time.perf_counter() - started)


def _write(model: Model, folder: Path) -> _OnnxFile:
    path = model.save(folder / f"{slug(f'{model.name}.{model.technique}')}.onnx")
    files = sorted(folder.iterdir(), key=lambda file: file != path)
    weights = [file for file in files if not file.name.endswith(".tokenizer.json")]
    return _OnnxFile(tuple(file.name for file in files), sum(file.stat().st_size for file in weights))

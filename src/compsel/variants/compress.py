"""Compress models by techniques, verify what comes out, and write what can be used."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compsel.errors import CompselError, InputError, SamplesError, StorageError
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import borrow
from compsel.models.model import Model
from compsel.models.protobuf_streaming import proto_bytes
from compsel.progress import SILENT, Reporter
from compsel.storage.file_names import slug
from compsel.storage.files import storage_errors
from compsel.techniques.base import Technique
from compsel.variants.verification import Expectation, Verification

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


def compress(
    models: Sequence[Model | str | os.PathLike[str]],
    techniques: Sequence[Technique],
    calibration: Samples | None,
    out_dir: str | os.PathLike[str],
    reporter: Reporter = SILENT,
) -> list[CompressionReport]:
    """Apply every technique to every model; keep what runs and still agrees with its model.

    What is verified is the file that is kept. A model given as a path is read for each technique, and is not in memory
    while the file is verified: for large models.

    Args:
        models: what to compress, or the paths of ONNX files; names must differ.
        techniques: what to apply.
        calibration: samples for the techniques that need them, and for the verification of all.
        out_dir: where the ONNX files go; files of the same name are replaced.
        reporter: hears how far it is.

    Returns:
        one report for each model and technique, in that order; what does not apply or agree has a reason, not a file.

    Raises:
        ModelError: a path that holds no model.
        StorageError: the files cannot be written.
        SamplesError, InputError: the samples do not fit the models.
    """
    sources = [_Source(model, calibration) for model in models]
    jobs = [(source, technique) for source in sources for technique in techniques]
    folder = Path(out_dir)
    return [_compress(source, technique, calibration, folder) for source, technique in reporter.track(jobs, "compress")]


class _Source:
    """A model, or where it lies, and what its variants are expected to say."""

    def __init__(self, model: Model | str | os.PathLike[str], samples: Samples | None) -> None:
        self._model = model
        self._samples = samples
        self._expectation: Expectation | None = None

    def read(self) -> Model:
        """Return the model."""
        return self._model if isinstance(self._model, Model) else Model.load(self._model)

    def expectation(self, model: Model) -> Expectation:
        """Return what the model says, which is found out once."""
        if self._expectation is None:
            self._expectation = Expectation(model, self._samples)
        return self._expectation


def _compress(source: _Source, technique: Technique, calibration: Samples | None, folder: Path) -> CompressionReport:
    started = time.perf_counter()
    model = source.read()
    report = CompressionReport(model.name, technique.spec, None, "", None, proto_bytes(model.proto), 0.0, None)
    try:
        # first, while nothing but the model is in memory
        expectation = source.expectation(model)
        variant = technique.apply(model, calibration)
        del model
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".compsel-", ignore_cleanup_errors=True) as staging:
                file = variant.save(Path(staging) / f"{slug(f'{variant.name}.{variant.technique}')}.onnx")
                variant = variant.with_proto(borrow(variant.proto).proto)  # the weights are on disk now
                report = _keep(report, expectation.check(variant, file), file, folder)
    except (StorageError, SamplesError, InputError):
        raise
    except CompselError as error:
        report = replace(report, reason=str(error))
    return replace(report, seconds=time.perf_counter() - started)


def _keep(report: CompressionReport, verification: Verification, file: Path, folder: Path) -> CompressionReport:
    """Move the file of a variant, and that of its weights, to where they are kept, if it may be shipped."""
    report = replace(report, reason=verification.reason, verification=verification)
    if not verification.ok:
        return report
    size = 0
    for part in sorted(file.parent.iterdir(), key=lambda part: part == file):  # the graph last
        size += part.stat().st_size
        part.replace(folder / part.name)
    return replace(report, path=folder / file.name, size_bytes=size)

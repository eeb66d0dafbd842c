"""Compress models by techniques, verify what comes out, and write what can be used."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from compsel.errors import CompselError, InputError, SamplesError, StorageError
from compsel.model import Model
from compsel.proto_files import proto_bytes
from compsel.samples import Samples
from compsel.techniques.base import Technique
from compsel.techniques.verify import Verification, verify
from compsel.variants import slug

__all__ = ["CompressionReport", "compress"]

Progress = Callable[[Iterable["Job"], str, int], Iterable["Job"]]
Job = tuple[Model, Technique]


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
    models: Sequence[Model],
    techniques: Sequence[Technique],
    calibration: Samples | None,
    out_dir: str | os.PathLike[str],
    progress: Progress | None = None,
) -> list[CompressionReport]:
    """Apply every technique to every model; keep what runs and still agrees with its model.

    Args:
        models: what to compress; names must differ.
        techniques: what to apply.
        calibration: samples for the techniques that need them, and for the verification of all.
        out_dir: where the ONNX files go; files of the same name are replaced.
        progress: wraps the jobs as they are done (`compsel.cli.base.progress`).

    Returns:
        one report for each model and technique, in that order; what does not apply or agree has a reason, not a file.

    Raises:
        StorageError: the files cannot be written.
        SamplesError, InputError: the samples do not fit the models.
    """
    jobs = [(model, technique) for model in models for technique in techniques]
    folder = Path(out_dir)
    return [
        _compress(model, technique, calibration, folder)
        for model, technique in (progress(jobs, "compress", len(jobs)) if progress else jobs)
    ]


def _compress(model: Model, technique: Technique, calibration: Samples | None, folder: Path) -> CompressionReport:
    started = time.perf_counter()
    path: Path | None = None
    size, reason, verification = None, "", None
    try:
        variant = technique.apply(model, calibration)
        verification = verify(variant, model, calibration)
        reason = verification.reason
        if verification.ok:
            path = variant.save(folder / f"{slug(f'{model.name}.{variant.technique}')}.onnx")
            size = sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}.data")) if file.exists())
    except (StorageError, SamplesError, InputError):
        raise
    except CompselError as error:
        reason = str(error)
    return CompressionReport(
        model=model.name,
        technique=technique.spec,
        path=path,
        reason=reason,
        size_bytes=size,
        original_bytes=proto_bytes(model.proto),
        seconds=time.perf_counter() - started,
        verification=verification,
    )

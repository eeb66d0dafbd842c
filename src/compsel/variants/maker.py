"""Make a variant of a model: compress it, write the variant, verify what was written, and keep it if it agrees."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from compsel.errors import CrashError, NotApplicableError
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import borrow
from compsel.models.model import Model
from compsel.models.protobuf_streaming import proto_bytes
from compsel.storage.files import storage_errors
from compsel.techniques.base import Technique
from compsel.variants.verification import Verification, Verifier

__all__ = ["MadeVariant", "VariantMaker"]


class _Written(Protocol):
    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files; the first is the graph that takes the model's own tensors."""


W = TypeVar("W", bound=_Written)


@dataclass(frozen=True, slots=True)
class MadeVariant(Generic[W]):
    """What became of a model under one technique.

    Attributes:
        written: what was written; None where the verification refused it, and no file of it stays.
        verification: how far it agrees with its model.
        compress_s: what the technique took.

    >>> refused = Verification(False, "it does not run", None, None, samples=0, synthetic=True)
    >>> MadeVariant(None, refused, compress_s=0.5).accepted()
    Traceback (most recent call last):
    compsel.errors.NotApplicableError: it does not run
    """

    written: W | None
    verification: Verification
    compress_s: float

    def accepted(self) -> W:
        """Return what was written.

        Raises:
            NotApplicableError: the verification refused it.
        """
        if self.written is None:
            raise NotApplicableError(self.verification.reason)
        return self.written


class VariantMaker:
    """Makes variants of one model.

    Args:
        model: what to compress, or the path of its ONNX file. That is read for each technique, and is not in memory
            while a variant is written and verified: for large models.
        calibration: samples for the techniques that need them, and for the verification of all.

    >>> import tempfile
    >>> from compsel.networks import build
    >>> from compsel.techniques import parse
    >>> from compsel.variants.writer import write_variant
    >>> maker = VariantMaker(build("mobilenet-v1", width=0.25, resolution=32), None)
    >>> made = maker.make(parse("float16"), tempfile.mkdtemp(), lambda model, to: write_variant(model, to, "logits"))
    >>> made.accepted().name, made.verification.agreement
    ('mobilenet-v1/float16', 1.0)
    """

    def __init__(self, model: Model | str | os.PathLike[str], calibration: Samples | None) -> None:
        self._path = None if isinstance(model, Model) else Path(model)
        self._model = model if isinstance(model, Model) else None
        self._calibration = calibration
        self._verifier: Verifier | None = None
        self.name = model.name if isinstance(model, Model) else Path(model).stem

    def original_bytes(self) -> int:
        """Return the size of the model, saved as one ONNX file; a model that is given by its path is read now.

        Raises:
            ModelError: no model there.
        """
        self._model = self._read()
        return proto_bytes(self._model.proto)

    def make(
        self,
        technique: Technique,
        folder: str | os.PathLike[str],
        write: Callable[[Model, Path], W],
        samples: Samples | None = None,
    ) -> MadeVariant[W]:
        """Compress, write and verify; files of the same name in `folder` are replaced once the variant is verified.

        Args:
            technique: what to apply.
            folder: where the files go.
            write: writes a compressed model into a temporary folder, and returns what it wrote.
            samples: what the technique is given; None: those of the calibration.

        Raises:
            NotApplicableError: the technique does nothing for this model, or ONNX Runtime ended while it worked.
            TechniqueError: the technique failed.
            ModelError: the model does not load, or does not run on the samples.
            StorageError: the files cannot be written.
            SamplesError, InputError: the samples do not fit the model.
        """
        folder = Path(folder)
        model = self._read()
        if self._path is not None:
            self._model = None
        # first, while nothing but the model is in memory
        self._verifier = self._verifier or Verifier(model, self._calibration)
        started = time.perf_counter()
        try:
            compressed = technique.apply(model, self._calibration if samples is None else samples)
        except CrashError as error:  # the model itself runs: the verifier ran it
            raise NotApplicableError(f"{technique.spec}: {error}") from error
        compress_s = time.perf_counter() - started
        del model
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".compsel-", ignore_cleanup_errors=True) as temporary:
                try:
                    written = write(compressed, Path(temporary))
                except CrashError as error:
                    raise NotApplicableError(f"{technique.spec}: {error}") from error
                compressed = compressed.with_proto(borrow(compressed.proto).proto)  # the weights are on disk now
                verification = self._verifier.check(compressed, Path(temporary) / written.files[0])
                if verification.ok:
                    for name in reversed(written.files):  # what a graph refers to, then the graph
                        (Path(temporary) / name).replace(folder / name)
        return MadeVariant(written if verification.ok else None, verification, compress_s)

    def _read(self) -> Model:
        if self._model is not None:
            return self._model
        assert self._path is not None
        return Model.load(self._path)

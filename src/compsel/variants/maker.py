"""Make a variant of a model: compress it, write the variant, verify what was written, and keep it if it agrees."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from compsel.errors import CrashError, NotApplicableError, RewriterError
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import borrow
from compsel.models.file_outputs import with_file_outputs
from compsel.models.model import Model
from compsel.models.protobuf_streaming import proto_bytes
from compsel.storage.files import storage_errors
from compsel.techniques.base import Technique
from compsel.variants.offending_nodes import offending_nodes
from compsel.variants.verification import Verification, Verifier

__all__ = ["MadeVariant", "VariantMaker", "left_words"]

_MOST_SHOWN = 5


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
        left: names of the nodes that had to be left as they were, for the technique breaks them.

    >>> refused = Verification(False, "it does not run", None, None, samples=0, synthetic=True)
    >>> MadeVariant(None, refused, compress_s=0.5).accepted()
    Traceback (most recent call last):
    compsel.errors.NotApplicableError: it does not run
    """

    written: W | None
    verification: Verification
    compress_s: float
    left: tuple[str, ...] = ()

    def accepted(self) -> W:
        """Return what was written.

        Raises:
            NotApplicableError: the verification refused it.
        """
        if self.written is None:
            raise NotApplicableError(self.verification.reason)
        return self.written


@dataclass(frozen=True, slots=True)
class _Job(Generic[W]):
    """What to make, where, and how."""

    technique: Technique
    folder: Path
    write: Callable[[Model, Path], W]
    samples: Samples | None


def left_words(name: str, left: Collection[str]) -> str:
    """Say which nodes a variant leaves as they were.

    >>> left_words("net/float16", ["Exp_3"])
    'net/float16: 1 node stays as it was, for the technique breaks it: Exp_3'
    """
    shown = ", ".join([*sorted(left)[:_MOST_SHOWN], *(["..."] if len(left) > _MOST_SHOWN else [])])
    words = "1 node stays as it was, for the technique breaks it" if len(left) == 1 else ""
    return f"{name}: {words or f'{len(left)} nodes stay as they were, for the technique breaks them'}: {shown}"


class VariantMaker:
    """Makes variants of one model.

    Args:
        model: what to compress, or the path of its ONNX file. That is read for each technique, and is not in memory
            while a variant is written and verified: for large models.
        calibration: samples for the techniques that need them, and for the verification of all.
        as_file: whether variants are written with the outputs of the model's own file (`with_file_outputs`).

    >>> import tempfile
    >>> from compsel.networks import build
    >>> from compsel.techniques import parse
    >>> from compsel.variants.writer import write_variant
    >>> maker = VariantMaker(build("mobilenet-v1", width=0.25, resolution=32), None)
    >>> made = maker.make(parse("float16"), tempfile.mkdtemp(), lambda model, to: write_variant(model, to, "logits"))
    >>> made.accepted().name, made.verification.agreement
    ('mobilenet-v1/float16', 1.0)
    """

    def __init__(
        self, model: Model | str | os.PathLike[str], calibration: Samples | None, *, as_file: bool = False
    ) -> None:
        self._as_file = as_file
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
        return proto_bytes(self._read().proto)

    @property
    def verifier(self) -> Verifier | None:
        """What compares variants with the model, once one is made."""
        return self._verifier

    def make(
        self,
        technique: Technique,
        folder: str | os.PathLike[str],
        write: Callable[[Model, Path], W],
        samples: Samples | None = None,
    ) -> MadeVariant[W]:
        """Compress, write and verify; files of the same name in `folder` are replaced once the variant is verified.

        Where the variant is broken, the nodes that break it are looked for and stay as they are.

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
        job = _Job(technique, Path(folder), write, self._calibration if samples is None else samples)
        model = self._read()
        # first, while nothing but the model is in memory
        self._verifier = self._verifier or Verifier(model, self._calibration)
        nodes = technique.nodes(model) if type(technique).nodes is not Technique.nodes else ()
        del model
        started = time.perf_counter()
        try:
            made, reason = self._attempt(job), None
        except RewriterError as error:
            made, reason = None, error
        if made is not None and (made.written is not None or not nodes or not made.verification.mendable):
            return made
        attempt_s = time.perf_counter() - started
        left = offending_nodes(nodes, lambda leaving: self._works(job, leaving), attempt_s)
        if left and len(left) < len(nodes):
            with contextlib.suppress(NotApplicableError):
                again = self._attempt(job, left)
                if again.written is not None:
                    return again
        if made is None:
            assert reason is not None
            raise reason
        return made

    def _works(self, job: "_Job[W]", leaving: Collection[str]) -> bool:
        try:
            return self._attempt(job, leaving, keep=False).verification.ok
        except RewriterError:
            return False
        except NotApplicableError:  # nothing is left that it would do
            return True

    def _attempt(self, job: "_Job[W]", leaving: Collection[str] = (), *, keep: bool = True) -> MadeVariant[W]:
        """Compress, write and verify once, with some nodes left as they are."""
        assert self._verifier is not None
        folder, model, started = job.folder, self._read(), time.perf_counter()
        if self._path is not None:
            self._model = None
        whole_bytes = proto_bytes(model.proto)
        try:
            compressed = job.technique.apply(model, job.samples, leaving)
        except CrashError as error:  # the model itself runs: the verifier ran it
            raise RewriterError(f"{job.technique.spec}: {error}") from error
        compress_s = time.perf_counter() - started
        del model
        if leaving and proto_bytes(compressed.proto) >= whole_bytes:
            raise NotApplicableError(f"{job.technique.spec}: with the nodes that it can take, nothing becomes smaller")
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".compsel-", ignore_cleanup_errors=True) as temporary:
                ready = with_file_outputs(compressed) if self._as_file else compressed
                changed = ready.proto is not compressed.proto
                compressed = compressed.with_proto(borrow(compressed.proto).proto)  # the weights will be on disk
                try:
                    written = job.write(ready, Path(temporary))
                except CrashError as error:
                    raise RewriterError(f"{job.technique.spec}: {error}") from error
                del ready
                verification = self._verifier.check(compressed, Path(temporary) / written.files[0], as_file=changed)
                if verification.ok and keep:
                    for name in reversed(written.files):  # what a graph refers to, then the graph
                        (Path(temporary) / name).replace(folder / name)
        return MadeVariant(written if verification.ok else None, verification, compress_s, tuple(sorted(leaving)))

    def _read(self) -> Model:
        if self._model is None:
            assert self._path is not None
            self._model = Model.load(self._path)
        return self._model

"""Makes variants of one model; a record beside each lets a later build take it as it is."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from compsel import __version__
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.row_independence import has_independent_rows
from compsel.progress import SILENT, Reporter
from compsel.storage.file_names import slug
from compsel.storage.files import storage_errors, write_json
from compsel.storage.strict_json import read_json
from compsel.techniques import parse as parse_technique
from compsel.variants.learned_parts import split_spec
from compsel.variants.maker import VariantMaker, left_words
from compsel.variants.variant import OutputKind, Variant
from compsel.variants.writer import is_whole, output_kind_of, write_variant

__all__ = ["RecordedMaker"]


class RecordedMaker:
    """Makes variants of one model in a folder, or takes those that are there already.

    Args:
        model: what to compress.
        folder: of the variants' files.
        calibration: samples for the techniques that need some, and for the verification of all.
        output: what the first output is; None: found by running each variant.
        learned: makes what is compressed in place of the model, where that learned from samples.
        samples: those.
        reporter: hears which nodes had to stay as they were.

    >>> import tempfile
    >>> import numpy as np
    >>> from compsel.inputs.samples import ArraySamples
    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> images = ArraySamples([np.zeros((32, 32, 3), np.uint8)])
    >>> maker = RecordedMaker(model, Path(tempfile.mkdtemp()), images)
    >>> [maker.make("none")[1], maker.make("none")[1]]
    [True, False]
    """

    def __init__(
        self,
        model: Model,
        folder: Path,
        calibration: Samples,
        output: OutputKind | None = None,
        *,
        learned: Callable[[], Model] | None = None,
        samples: Samples | None = None,
        reporter: Reporter = SILENT,
    ) -> None:
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._model = model
        self._folder = folder
        self._calibration = calibration
        self._output = output
        self._learned = learned
        self._samples = samples
        self._reporter = reporter

    def make(self, spec: str) -> tuple[Variant, bool]:
        """Return the variant of a technique, and whether it was made now; what of it learns has been applied.

        Raises:
            NotApplicableError: the technique does nothing for this model, or its variant is another function.
            CompselError: what `VariantMaker.make` raises.
        """
        variant = self.known(spec)
        if variant is not None:
            return variant, False
        technique = parse_technique(split_spec(spec)[1])
        made = self._maker.make(technique, self._folder, self._write)
        variant = made.accepted()
        if made.left:
            self._reporter.say(left_words(variant.name, made.left))
        write_json(self._record(spec), variant.to_dict())
        return variant, True

    def known(self, spec: str) -> Variant | None:
        """Return the variant of a technique that is there already, whole; None: there is none."""
        return _recorded(self._record(spec), self._folder)

    def _record(self, spec: str) -> Path:
        return self._folder / f"{slug(f'{self._model.name}/{spec}')}.{self._digest(spec)}.json"

    @cached_property
    def _maker(self) -> VariantMaker:
        return VariantMaker(self._model if self._learned is None else self._learned(), self._calibration)

    def _write(self, model: Model, into: Path) -> Variant:
        value = self._calibration.value(0)
        output = self._output or output_kind_of(model, value)
        variant = replace(write_variant(model, into, output), independent_rows=self._independent_rows)
        if (verifier := self._maker.verifier) is not None:
            promised = verifier.promised(variant.outputs)
            variant = replace(variant, outputs=promised, gives_nan=verifier.gives_nan)
        if variant.pixels_file is not None:  # what an app runs is another graph than the one that is verified
            feeds = modality_of(variant).graph_feeds(variant.opened(into), value)
            open_session(into / variant.pixels_file).run(None, feeds)
        return variant

    @cached_property
    def _independent_rows(self) -> bool:
        return has_independent_rows(self._model if self._learned is None else self._learned(), self._calibration)

    @cached_property
    def _given(self) -> tuple[str, ...]:
        """What the model and its samples are known by: all weights are read for it, once."""
        samples = (self._calibration,) if self._samples is None else (self._calibration, self._samples)
        return (self._model.fingerprint(), *(one.digest() for one in samples))

    def _digest(self, spec: str) -> str:
        fingerprint, *samples = self._given
        parts = [__version__, fingerprint, spec if self._output is None else f"{spec} as {self._output}", *samples]
        # two files may differ in no more than what their outputs are called
        parts += [repr(self._model.exported_outputs)] if self._model.exported_outputs else []
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def _recorded(record: Path, folder: Path) -> Variant | None:
    try:
        variant = Variant.from_dict(read_json(record))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return variant if is_whole(variant, folder) else None

"""Characterise compression: every model under every technique on every processor, as the source papers do it.

One model is in memory, and one variant of it on disk, at a time. Each row is stored when it was measured; a run that
was interrupted goes on where it stopped.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compsel.errors import ProfileError
from compsel.evaluation.characterization.model_rows import ModelRows
from compsel.evaluation.characterization.rows import Row
from compsel.evaluation.characterization.settings import CharacterizationSettings
from compsel.models.model import Model
from compsel.processors import parse
from compsel.progress import SILENT, Reporter
from compsel.storage.file_names import clashing
from compsel.storage.files import check_writable
from compsel.techniques import TECHNIQUES, applicable
from compsel.techniques import parse as parse_technique

__all__ = ["characterize", "default_techniques"]

# beside what applies by itself: the form of int8-static that is better where one scale a channel is slow
_ALSO = ("int8-static:per_channel=false",)


def default_techniques(model: Model) -> tuple[str, ...]:
    """Return every technique, the uncompressed model first: those that a build would try, then all others."""
    found = applicable(model)
    tried = {parse_technique(spec).name for spec in found}
    others = [kind().spec for name, kind in TECHNIQUES.items() if name not in tried]
    also = [spec for spec in _ALSO if parse_technique(spec).name in tried]
    return tuple(dict.fromkeys(("none", *found, *others, *also)))


def characterize(
    models: Sequence[str | os.PathLike[str] | Model],
    settings: CharacterizationSettings,
    folder: str | os.PathLike[str],
    reporter: Reporter = SILENT,
) -> list[Row]:
    """Measure every row that `folder` does not hold yet.

    Args:
        models: ONNX files, read one at a time, or models.
        settings: what is measured.
        folder: where rows are stored.
        reporter: of messages.

    Returns:
        All rows; what could not be made, verified or run has a reason instead of figures.

    Raises:
        ProfileError: models with the same name.
        ModelError: a model that cannot be read, or does not run.
        TechniqueError, ProcessorError: a word that does not exist.
        StorageError: the folder cannot be written.
    """
    names = [model.name if isinstance(model, Model) else Path(model).stem for model in models]
    if not names or clashing(names):
        raise ProfileError(f"got models {names}: give at least one, each with a name of its own")
    check_writable(folder)
    for spec in settings.techniques or ():
        parse_technique(spec)
    processors = [parse(word) for word in settings.processors]
    rows: list[Row] = []
    for number, model in enumerate(models, start=1):
        reporter.say(f"model {number} of {len(models)}: {names[number - 1]}")
        loaded = model if isinstance(model, Model) else Model.load(model)
        techniques = settings.techniques or default_techniques(loaded)
        ours = replace(settings, samples=settings.samples.ordered_by(loaded.labels))
        rows += ModelRows(loaded, techniques, ours, processors, Path(folder), reporter).measure()
    return rows

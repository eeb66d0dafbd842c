"""Find what is written beside a model, or in its metadata, and read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compsel.errors import ModelError, SamplesError
from compsel.inputs.class_names import names_from, read_class_names
from compsel.inputs.images.image_input import ImageInput
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models.beside.graph_metadata import class_names, image_metadata
from compsel.models.beside.huggingface import image_processor
from compsel.models.beside.names import BELOW, CONFIG, LABEL_FILES, PROCESSOR
from compsel.models.beside.timm import pretrained_configuration, timm_labels
from compsel.storage.paths import is_file
from compsel.storage.strict_json import read_json

__all__ = ["Found", "labels_beside", "preprocessing_beside", "sampling_rate_beside"]


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was found, and where.

    >>> Found(("cat", "dog"), "labels.txt").origin
    'labels.txt'
    """

    value: Any
    origin: str


def preprocessing_beside(path: Path, metadata: Mapping[str, str], taken: ImageInput) -> Found | None:
    """Return the preprocessing of pictures that is written in a graph, or beside it; None where none is.

    Args:
        path: of the ONNX file.
        metadata: of the graph.
        taken: its input.

    Raises:
        ModelError: a file with values that cannot be.
    """
    for name, read in ((PROCESSOR, image_processor), (CONFIG, pretrained_configuration)):
        file, content = _json(path, name)
        try:
            found: ImagePreprocessing | None = read(content, taken)
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            raise ModelError(
                f"{file}: the preprocessing in it cannot be read ({error}): mend it, or give --preprocess"
            ) from error
        if found is not None:
            return Found(found, name)
    in_graph = image_metadata(metadata, taken)
    return None if in_graph is None else Found(in_graph, "the model's metadata")


def labels_beside(path: Path, metadata: Mapping[str, str], n_classes: int | None) -> tuple[Found | None, str]:
    """Return the names of the classes that are written in a graph or beside it, and a note on a list that does not fit.

    Args:
        path: of the ONNX file.
        metadata: of the graph.
        n_classes: number of class scores that it gives; None where that is open.
    """
    note = ""
    for found in _name_lists(path, metadata):
        if n_classes is None or len(found.value) == n_classes:
            return found, ""
        note = note or f"{found.origin} names {len(found.value)} classes, the model has {n_classes}: ignored"
    return None, note


def sampling_rate_beside(path: Path) -> Found | None:
    """Return the sampling rate in Hz that a model of sounds expects, where a file beside it says so."""
    _, content = _json(path, PROCESSOR)
    rate = content.get("sampling_rate")
    return Found(int(rate), PROCESSOR) if isinstance(rate, (int, float)) and rate > 0 else None


def _name_lists(path: Path, metadata: Mapping[str, str]) -> list[Found]:
    found = [Found(class_names(metadata), "the model's metadata")]
    for name in (f"{path.stem}.labels.txt", *LABEL_FILES):
        for folder in _folders(path):
            if is_file(folder / name):
                try:
                    found.append(Found(read_class_names(folder / name), name))
                except SamplesError:
                    continue  # a file of this name that is something else
    _, content = _json(path, CONFIG)
    found += [Found(names_from(content.get("id2label")), CONFIG), Found(names_from(timm_labels(content)), CONFIG)]
    return [one for one in found if one.value]


def _folders(path: Path) -> list[Path]:
    folder = path.absolute().parent
    return [folder, folder.parent] if folder.name == BELOW else [folder]


def _json(path: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Return the first such file and the object in it; an empty one where there is none."""
    for folder in _folders(path):
        try:
            content = read_json(folder / name)
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            return folder / name, content
    return path.parent / name, {}

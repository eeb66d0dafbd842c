"""Read a model: the graph, and what its metadata, files beside it and the caller say of its inputs and classes."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from compsel.errors import ModelError, UsageError
from compsel.inputs.class_names import read_class_names
from compsel.inputs.images.image_input import ImageInput, image_input
from compsel.inputs.images.preprocess_option import describe, parse_preprocess
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.text import fixed_length, takes_strings, takes_tokens
from compsel.inputs.texts.preprocessing import TextPreprocessing, text_preprocessing
from compsel.models.beside.beside import labels_beside, preprocessing_beside, sampling_rate_beside
from compsel.models.beside.names import BELOW, TOKENIZER, tokenizers_of
from compsel.models.classifier_outputs import class_scores_first
from compsel.models.exported_outputs import exported_outputs
from compsel.models.external_data_reader import read_external_data
from compsel.models.fetching import fetch
from compsel.models.foreign_formats import what_it_is
from compsel.models.local_functions import inline_functions
from compsel.models.model import Model
from compsel.models.protobuf_streaming import read_proto
from compsel.models.signature import signature_of
from compsel.models.string_pipelines import with_locale
from compsel.storage.paths import is_file, is_folder, is_there

__all__ = ["AUTO", "SAMPLING_RATE_KEY", "load_model", "read_graph"]

AUTO = "auto"
#: where the sampling rate in Hz stands in the metadata of a model that takes sounds
SAMPLING_RATE_KEY = "compsel.sampling_rate"


def load_model(
    path: Path,
    name: str | None,
    preprocess: ImagePreprocessing | str | None,
    classes: Sequence[str] | str | os.PathLike[str] | None,
    tokenizer: str | os.PathLike[str] | None,
) -> Model:
    """Read a model; see `Model.load`."""
    path = fetch(path)
    proto = _graph(path)
    signature = signature_of(proto)
    as_read = with_locale(Model.from_proto(proto, name or path.stem))
    model = class_scores_first(as_read)
    exported = exported_outputs(as_read.proto.graph, model.proto.graph)
    model = replace(model, exported_outputs=exported, signature=signature)
    model = _with_preprocessing(model, path, preprocess, tokenizer)
    return _with_sampling_rate(_with_labels(model, path, classes), path)


def _graph(path: Path) -> onnx.ModelProto:
    proto = read_graph(path)
    read_external_data(proto, path)
    inline_functions(proto)
    return proto


def read_graph(path: Path) -> onnx.ModelProto:
    """Read the graph of an ONNX file; external data stays outside.

    Raises:
        ModelError: no such file, or no ONNX model.
    """
    if not is_there(path) or is_folder(path):
        found = what_it_is(path) if is_folder(path) else "no such file: give the path of an ONNX model"
        raise ModelError(f"{path}: {found}")
    try:
        proto = read_proto(path)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (DecodeError, ValueError) as error:
        raise ModelError(f"{path}: {what_it_is(path)}") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}): check the file and its permissions") from error
    if not proto.graph.node or not proto.opset_import:
        raise ModelError(f"{path}: {what_it_is(path)}")
    if not proto.graph.output:
        raise ModelError(f"{path}: has no outputs: export it again")
    return proto


def _with_preprocessing(
    model: Model, path: Path, preprocess: ImagePreprocessing | str | None, tokenizer: str | os.PathLike[str] | None
) -> Model:
    """Return the model with how its inputs are made: as the caller says, else its metadata, else a file beside it."""
    taken = image_input(model.inputs)
    given = _given(model, path, preprocess, taken)
    if given is not None:
        return replace(model, preprocessing=given, notes=(*model.notes, f"preprocessing as given: {describe(given)}"))
    found = _of_texts(model, path, tokenizer)
    if found is not None or taken is None:
        notes = _notes_of(found) if model.preprocessing is None else ()
        return replace(model, preprocessing=found, notes=(*model.notes, *notes))
    beside = preprocessing_beside(path, _metadata(model), taken)
    if beside is None:
        return model
    note = f"preprocessing from {beside.origin}: {describe(beside.value)}"
    return replace(model, preprocessing=beside.value, notes=(*model.notes, note))


def _given(
    model: Model, path: Path, preprocess: ImagePreprocessing | str | None, taken: ImageInput | None
) -> ImagePreprocessing | None:
    if preprocess is None or preprocess == AUTO:
        return None
    if taken is None:
        got = ", ".join(f"{spec.name} ({spec.dtype} {spec.shape})" for spec in model.inputs)
        raise UsageError(
            f"preprocess: says what becomes of pictures, but {path} takes {got}: allowed is one input (1, 3, height, "
            "width) or (1, height, width, 3)"
        )
    return preprocess if isinstance(preprocess, ImagePreprocessing) else parse_preprocess(preprocess, taken)


def _of_texts(model: Model, path: Path, tokenizer: str | os.PathLike[str] | None) -> Preprocessing | None:
    """Return what the metadata says, opened; or the tokenizer that was given, or lies beside the model."""
    if tokenizer is not None and not takes_strings(model.inputs):
        if not takes_tokens(model.inputs):
            raise ModelError(f"{path}: has inputs {[spec.name for spec in model.inputs]}, which no tokenizer makes")
        return text_preprocessing(Path(tokenizer), fixed_length(model.inputs))
    if model.preprocessing is not None:
        return model.preprocessing.opened(path.parent)
    if takes_tokens(model.inputs):
        for beside in _tokenizers(path):
            if is_file(beside):
                return text_preprocessing(beside, fixed_length(model.inputs))
    return None


def _tokenizers(path: Path) -> list[Path]:
    above = [path.absolute().parent.parent / TOKENIZER] if path.absolute().parent.name == BELOW else []
    return [*(path.with_name(name) for name in tokenizers_of(path)), *above]


def _notes_of(preprocessing: Preprocessing | None) -> tuple[str, ...]:
    if not isinstance(preprocessing, TextPreprocessing) or preprocessing.path is None:
        return ()
    return (f"texts are tokenized by {preprocessing.path.name}, cut at {preprocessing.max_tokens} tokens",)


def _with_labels(model: Model, path: Path, classes: Sequence[str] | str | os.PathLike[str] | None) -> Model:
    """Return the model with the names of its classes: as the caller says, else its metadata, else a file beside it."""
    n_classes = _n_classes(model)
    if classes is not None:
        names = read_class_names(Path(classes)) if isinstance(classes, (str, os.PathLike)) else tuple(classes)
        if n_classes is not None and len(names) != n_classes:
            raise UsageError(f"classes: got {len(names)} names, but {path} has {n_classes} classes: give one each")
        return replace(model, labels=names)
    if model.labels:
        return model
    found, note = labels_beside(path, _metadata(model), n_classes)
    if found is not None:
        note = f"names of {len(found.value):,} classes from {found.origin}"
    notes = (*model.notes, note) if note else model.notes
    return replace(model, labels=() if found is None else found.value, notes=notes)


def _with_sampling_rate(model: Model, path: Path) -> Model:
    """Return a model of sounds with the sampling rate that a file beside it says, in its metadata."""
    found = sampling_rate_beside(path) if model.preprocessing is None else None
    if found is None or SAMPLING_RATE_KEY in _metadata(model):
        return model
    proto = model.copy_proto()
    proto.metadata_props.add(key=SAMPLING_RATE_KEY, value=str(found.value))
    note = f"sounds at {found.value:,} Hz, mono, from {found.origin}: give samples at that rate"
    return replace(model.with_proto(proto), notes=(*model.notes, note))


def _n_classes(model: Model) -> int | None:
    """Return how many class scores the first output has; None where that is open."""
    shape = model.outputs[0].shape
    return shape[-1] if shape is not None and len(shape) == 2 else None


def _metadata(model: Model) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.proto.metadata_props}

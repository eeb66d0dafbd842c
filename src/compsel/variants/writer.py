"""Write a model as a variant: two graphs (tensors in, pixels in) that share one file of weights."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import onnx
from google.protobuf.message import EncodeError

from compsel.errors import ModelError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.image import IMAGE
from compsel.inputs.modalities import modality_of
from compsel.inputs.preprocessing import Preprocessing
from compsel.models.exported_outputs import ExportedOutput
from compsel.models.external_data import make_weights_constant
from compsel.models.graph_session import open_session
from compsel.models.model import Model, defaults_of
from compsel.models.output_kind import output_kind
from compsel.models.pixel_input import with_pixel_input
from compsel.models.signature import signature_of
from compsel.storage.file_names import slug
from compsel.storage.files import atomic_file, copy_file, sha256_file
from compsel.variants.evidence_outputs import add_evidence_outputs
from compsel.variants.variant import OutputKind, Value, Variant

__all__ = ["is_whole", "output_kind_of", "write_variant"]


def write_variant(
    model: Model,
    folder: str | os.PathLike[str],
    output: OutputKind,
) -> Variant:
    """Write graphs, weights and tokenizer of `model` into `folder`; return their description.

    The graph that an app runs says itself what its answer is evidence for (`compsel.variants.evidence_outputs`).

    The same model gives the same bytes. Each file is written whole or not at all.

    Raises:
        StorageError: a full disk, no permission.
    """
    folder, name = Path(folder), f"{model.name}/{model.technique}"
    stem = slug(name)
    proto, weights = model.with_weights_in(folder)
    make_weights_constant(proto)
    pixels_file, pixel_channels = None, 3
    if modality_of(model) is IMAGE:
        tensor_file = _write(proto, folder / f"{stem}.onnx")
        pixels = with_pixel_input(model.with_proto(proto)).proto
        add_evidence_outputs(pixels, output)
        pixel_channels = pixels.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
        pixels_file = _write(pixels, folder / f"{stem}.pixels.onnx")
    else:
        add_evidence_outputs(proto, output)
        tensor_file = _write(proto, folder / f"{stem}.onnx")
    _copy_beside(model.preprocessing, folder)
    files = [tensor_file, *([weights] if weights else [])]
    return Variant(
        name=name,
        model=model.name,
        technique=model.technique,
        tensor_file=tensor_file,
        pixels_file=pixels_file,
        weights_file=weights,
        sha256=_identity(folder, files),
        size_bytes=sum((folder / file).stat().st_size for file in files),
        inputs=model.inputs,
        outputs=model.outputs,
        preprocessing=model.preprocessing,
        output=output,
        pixel_channels=pixel_channels,
        labels=model.labels,
        exported_outputs=_exported(model),
        defaults=defaults_of(proto.graph),
        signature=model.signature or signature_of(model.proto),
    )


def _exported(model: Model) -> tuple[ExportedOutput, ...]:
    """Return the outputs of the model's file, if all that they are made of is still there."""
    there = {spec.name for spec in model.outputs}
    exported = model.exported_outputs
    return exported if all(output.source in there for output in exported) else ()


def _copy_beside(preprocessing: Preprocessing | None, folder: Path) -> None:
    """Copy what a preprocessing needs, under the names that it has beside a variant."""
    if preprocessing is None:
        return
    if len(preprocessing.files) != len(preprocessing.file_names):
        raise ModelError(f"preprocessing: {preprocessing.file_names} not found yet: load the model by its path")
    for file, name in zip(preprocessing.files, preprocessing.file_names, strict=True):
        copy_file(file, folder / name)


def output_kind_of(model: Model, value: Value) -> OutputKind:
    """Run a model on one input and return what its first output is.

    Raises:
        ModelError: it does not load.
    """
    return output_kind(open_session(model.proto).run(None, feeds_of(model, value)))


def is_whole(variant: Variant, folder: str | os.PathLike[str]) -> bool:
    """Whether the files in `folder` are there and are those of this variant, not of another of the same name."""
    folder = Path(folder)
    if not all((folder / file).is_file() for file in variant.files):
        return False
    files = (variant.tensor_file, *([variant.weights_file] if variant.weights_file else []))
    return _identity(folder, files) == variant.sha256


def _identity(folder: Path, files: Iterable[str]) -> str:
    return hashlib.sha256("".join(sha256_file(folder / file) for file in files).encode()).hexdigest()


def _write(proto: onnx.ModelProto, path: Path) -> str:
    try:
        data = proto.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise ModelError(f"{path.name}: the graph without its weights is over 2 GiB") from error
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)
    return path.name

"""Write a model as a variant: two graphs (tensors in, pixels in) that share one file of weights."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import onnx

from compsel.errors import ModelError
from compsel.files import atomic_file, sha256_file, storage_errors
from compsel.model import Model
from compsel.pixels import with_pixel_input
from compsel.variant import Variant

__all__ = ["output_kind", "slug", "write_variant"]

_INSIDE_BYTES = 1024  # smaller tensors stay in the graph: shape inference and constant folding read them there
_ALIGNMENT = 4096  # lets the runtime map weights instead of copying them


def slug(name: str) -> str:
    """Return `name` as a file name: letters, digits, dot and hyphen.

    >>> slug("efficientnet-lite0/resolution:192+int8-static")
    'efficientnet-lite0_resolution-192_int8-static'
    """
    table = {"/": "_", "+": "_", ":": "-", "=": "-", ",": "_"}
    text = "".join(table.get(char, char if char.isalnum() or char in ".-_" else "-") for char in name)
    return text.strip(".") or "model"


def output_kind(model: Model, outputs: Iterable[np.ndarray]) -> Literal["logits", "probabilities", "other"]:
    """Say what the first output of a model is, from its shape and from what it gave for one input."""
    first = next(iter(outputs))
    if first.ndim != 2 or first.shape[1] < 2 or first.dtype.kind != "f" or model.outputs[0].dtype == "other":
        return "other"
    if (first >= 0).all() and np.allclose(first.sum(axis=1), 1.0, atol=1e-3):
        return "probabilities"
    return "logits"


def write_variant(
    model: Model,
    folder: str | os.PathLike[str],
    output: Literal["logits", "probabilities", "other"],
) -> Variant:
    """Write graphs and weights of `model` into `folder` and return what is known about them.

    The same model gives the same bytes. Nothing half-written stays behind.

    Raises:
        StorageError: a full disk, no permission.
    """
    folder = Path(folder)
    name = f"{model.name}/{model.technique}"
    stem = slug(name)
    proto = model.to_proto()
    weights = _move_weights_out(proto, folder)
    tensor_file = _write(proto, folder / f"{stem}.onnx")
    pixels_file = None
    if model.preprocessing is not None and len(model.inputs) == 1:
        shell = model.with_proto(proto)
        pixels_file = _write(with_pixel_input(shell).proto, folder / f"{stem}.pixels.onnx")
    files = [tensor_file, *([weights] if weights else [])]
    digest = hashlib.sha256("".join(sha256_file(folder / file) for file in files).encode()).hexdigest()
    return Variant(
        name=name,
        model=model.name,
        technique=model.technique,
        tensor_file=tensor_file,
        pixels_file=pixels_file,
        weights_file=weights,
        sha256=digest,
        size_bytes=sum((folder / file).stat().st_size for file in files),
        inputs=model.inputs,
        outputs=model.outputs,
        preprocessing=model.preprocessing,
        output=output,
    )


def _move_weights_out(proto: onnx.ModelProto, folder: Path) -> str | None:
    """Move the large initializers of the main graph to a file named after its content; return its name.

    Variants with the same weights (other resolutions of one model, for example) so share one file.
    """
    moved: list[tuple[onnx.TensorProto, int, int]] = []
    with atomic_file(folder / ".weights") as temporary:
        with temporary.open("wb") as stream:
            for tensor in proto.graph.initializer:
                data = _large_data(tensor)
                if data is None:
                    continue
                stream.write(b"\0" * (-stream.tell() % _ALIGNMENT))
                moved.append((tensor, stream.tell(), len(data)))
                stream.write(data)
        name = f"{sha256_file(temporary)[:24]}.weights"
    with storage_errors(folder / name):
        (folder / ".weights").replace(folder / name)
    if not moved:
        (folder / name).unlink()
        return None
    for tensor, offset, length in moved:
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
            tensor.ClearField(field)  # type: ignore[arg-type]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", name), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
    return name


def _large_data(tensor: onnx.TensorProto) -> bytes | None:
    """Return the bytes of a tensor that goes to the weights file; None for one that stays in the graph."""
    packed = tensor.data_type in (onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.FLOAT4E2M1)
    raw = tensor.HasField("raw_data")
    if tensor.data_type == onnx.TensorProto.STRING or (packed and not raw):
        return None
    data = tensor.raw_data if raw else onnx.numpy_helper.to_array(tensor).tobytes()
    return data if len(data) >= _INSIDE_BYTES else None


def _write(proto: onnx.ModelProto, path: Path) -> str:
    try:
        data = proto.SerializeToString(deterministic=True)
    except ValueError as error:
        raise ModelError(f"{path.name}: the graph without its weights is over 2 GiB") from error
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)
    return path.name

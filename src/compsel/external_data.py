"""Weights beside the graph: the large initializers in one file, named after its content.

Because the name is a hash of the content, writing never changes a file that another graph refers to, graphs with the
same weights share one file, and an interrupted write leaves every older graph as it was.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import onnx

from compsel.files import atomic_file, sha256_file

__all__ = ["make_weights_constant", "move_weights_out", "weights_bytes"]

_INSIDE_BYTES = 1024  # smaller tensors stay in the graph: shape inference and constant folding read them there
_ALIGNMENT = 4096  # lets the runtime map weights instead of copying them
_NAME_DIGITS = 24
_INITIALIZERS_ALONE = 4  # the first IR version in which an initializer need not be an input
_DATA_FIELDS = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def weights_bytes(proto: onnx.ModelProto) -> int:
    """Return the size of the initializers, also where protobuf cannot serialise the whole (from 2 GiB)."""
    return sum(len(tensor.raw_data) or tensor.ByteSize() for tensor in proto.graph.initializer)


def make_weights_constant(proto: onnx.ModelProto) -> None:
    """Take initializers from among the inputs, where old exporters put them; change `proto` in place.

    As inputs they could be fed, so the runtime would neither fold nor rearrange them.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}
    fed = [value for value in proto.graph.input if value.name not in weights]
    if len(fed) < len(proto.graph.input):
        del proto.graph.input[:]
        proto.graph.input.extend(fed)
    proto.ir_version = max(proto.ir_version, _INITIALIZERS_ALONE)


def move_weights_out(proto: onnx.ModelProto, folder: Path) -> str | None:
    """Move the large initializers of the main graph to a file in `folder`; change `proto` in place.

    Returns:
        The name of the file; None where no initializer is large.

    Raises:
        StorageError: a full disk, no permission.
    """
    large = [tensor for tensor in proto.graph.initializer if _is_large(tensor)]
    if not large:
        return None
    digest = hashlib.sha256()
    for chunk in _chunks(large):
        digest.update(chunk)
    path = folder / f"{digest.hexdigest()[:_NAME_DIGITS]}.weights"
    if not (path.is_file() and sha256_file(path) == digest.hexdigest()):
        with atomic_file(path) as temporary, temporary.open("wb") as stream:
            for chunk in _chunks(large):
                stream.write(chunk)
    offset = 0
    for tensor in large:
        offset += -offset % _ALIGNMENT
        length = len(_data(tensor))
        for field in _DATA_FIELDS:
            tensor.ClearField(field)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", path.name), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        offset += length
    return path.name


def _chunks(tensors: list[onnx.TensorProto]) -> Iterator[bytes]:
    """Give the content of the file: each tensor from a multiple of the alignment on."""
    offset = 0
    for tensor in tensors:
        padding = -offset % _ALIGNMENT
        data = _data(tensor)
        yield b"\0" * padding
        yield data
        offset += padding + len(data)


def _is_large(tensor: onnx.TensorProto) -> bool:
    packed = tensor.data_type in (onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.FLOAT4E2M1)
    if tensor.data_type == onnx.TensorProto.STRING or (packed and not tensor.HasField("raw_data")):
        return False
    return len(_data(tensor)) >= _INSIDE_BYTES


def _data(tensor: onnx.TensorProto) -> bytes:
    if tensor.HasField("raw_data"):
        return bytes(tensor.raw_data)
    return bytes(onnx.numpy_helper.to_array(tensor).tobytes())

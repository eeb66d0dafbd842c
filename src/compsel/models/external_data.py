"""Weights beside the graph: the large initializers in one file, named after its content.

Because the name is a hash of the content, writing never changes a file that another graph refers to, graphs with the
same weights share one file, and an interrupted write leaves every older graph as it was.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import onnx

from compsel.models.protobuf_streaming import pieces, set_field
from compsel.storage.files import atomic_file, sha256_file

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

    As inputs they could be fed, so the runtime would neither fold nor rearrange them. Where only some initializers
    stand there, they are defaults on purpose, and stay: old exporters put all of them there.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}
    if proto.ir_version >= _INITIALIZERS_ALONE and not weights <= {value.name for value in proto.graph.input}:
        return
    fed = [value for value in proto.graph.input if value.name not in weights]
    if len(fed) < len(proto.graph.input):
        del proto.graph.input[:]
        proto.graph.input.extend(fed)
    proto.ir_version = max(proto.ir_version, _INITIALIZERS_ALONE)


def move_weights_out(
    proto: onnx.ModelProto, graph: onnx.GraphProto, folder: Path
) -> tuple[onnx.ModelProto, str | None]:
    """Write the large initializers of a graph to a file in `folder`.

    Args:
        proto: what is around the graph.
        graph: with the weights; it stays as it is.
        folder: of the file.

    Returns:
        the model, whose large weights are in the file; and the name of the file, None where no initializer is large.

    Raises:
        StorageError: a full disk, no permission.
    """
    model = onnx.ModelProto.FromString(b"".join(pieces(proto, graph, initializers=False)))
    large = [tensor for tensor in graph.initializer if _is_large(tensor)]
    if not large:
        model.graph.initializer.extend(graph.initializer)
        return model, None
    digest = hashlib.sha256()
    for chunk in _chunks(large):
        digest.update(chunk)
    path = folder / f"{digest.hexdigest()[:_NAME_DIGITS]}.weights"
    if not (path.is_file() and sha256_file(path) == digest.hexdigest()):
        with atomic_file(path) as temporary, temporary.open("wb") as stream:
            for chunk in _chunks(large):
                stream.write(chunk)
    offset = 0
    for tensor in graph.initializer:
        if not _is_large(tensor):
            model.graph.initializer.append(tensor)
            continue
        offset += -offset % _ALIGNMENT
        length = len(_data(tensor))
        outside = model.graph.initializer.add()
        for field, value in tensor.ListFields():
            if field.name not in _DATA_FIELDS:
                set_field(outside, field.name, value)
        outside.data_location = onnx.TensorProto.EXTERNAL
        for key, text in (("location", path.name), ("offset", offset), ("length", length)):
            outside.external_data.add(key=key, value=str(text))
        offset += length
    return model, path.name


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

"""Read and write ONNX files a tensor at a time: protobuf alone needs several times their size in memory.

A message is a sequence of fields, each a key, for the longer ones a length, and its content (protobuf's "Encoding").
Reading takes the large tensors out of the file and hands protobuf the rest; writing gives the same bytes as
`SerializeToString(deterministic=True)`, piece by piece.

The library onnx-ir (1.1) is no replacement: to read and write VGG-16 (553 MB) a process takes 2,291 MB with it, 1,078
MB here; and it adds a type annotation for every weight, which would have to be removed to keep the bytes of variants.
It is better where the weights lie in a file beside the graph, which it maps: for 2.4 GB of them a process takes 78 MB
with it, 2,699 MB here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import onnx
from google.protobuf.message import DecodeError, EncodeError

from compsel.models.protobuf_fields import FieldBudget, read_varint
from compsel.storage.regular_files import file_size, open_regular
from compsel.storage.sizes import physical_memory_bytes

__all__ = ["pieces", "proto_bytes", "read_proto", "set_field", "tensor_pieces"]

_LARGE_BYTES = 1 << 20
_GRAPH, _INITIALIZER = 7, 5  # numbers of fields in onnx.proto: of a model, of a graph
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_BLOCK_BYTES, _LONGEST_KEYS = 1 << 14, 20
_LIMIT_BYTES = (1 << 31) - 1024  # of protobuf, and something for what is around the graph


def read_proto(path: Path) -> onnx.ModelProto:
    """Read an ONNX file; external data stays outside.

    Raises:
        DecodeError: not protobuf, or truncated.
        ModelError: more than a million fields.
        OSError: the file cannot be read, or is none.
    """
    budget = FieldBudget()
    with open_regular(path, physical_memory_bytes()) as stream:
        end = file_size(stream)
        graphs = [(start, stop) for number, start, stop in _fields(stream, 0, end, budget) if number == _GRAPH]
        if len(graphs) != 1:
            return _parsed(_span(stream, 0, end), budget)
        begin, graph_end = graphs[0]
        fields = _fields(stream, begin, graph_end, budget)
        places = [(start, stop) for number, start, stop in fields if number == _INITIALIZER]
        large = [index for index, (start, stop) in enumerate(places) if stop - start >= _LARGE_BYTES]
        rest = bytearray()
        last = begin
        for start, stop in (places[index] for index in large):
            length = len(_varint(stop - start))
            rest += _span(stream, last, start - length) + b"\0"  # an empty tensor in its place
            last = stop
        rest += _span(stream, last, graph_end)
        key_start = begin - len(_varint(graph_end - begin))
        model = _span(stream, 0, key_start) + _varint(len(rest)) + bytes(rest) + _span(stream, graph_end, end)
        proto = _parsed(model, budget)
        for index in large:
            tensor = _span(stream, *places[index])
            budget.take(tensor, onnx.TensorProto.DESCRIPTOR)
            proto.graph.initializer[index].MergeFromString(tensor)
    return proto


def _parsed(data: bytes, budget: FieldBudget) -> onnx.ModelProto:
    budget.take(data, onnx.ModelProto.DESCRIPTOR)
    return onnx.ModelProto.FromString(data)


def pieces(
    proto: onnx.ModelProto, graph: onnx.GraphProto | None = None, *, initializers: bool = True
) -> Iterator[bytes]:
    """Give the bytes of a model in their canonical order, never more than one tensor at a time.

    Args:
        proto: the model.
        graph: takes the place of its graph.
        initializers: whether those of the graph are in it.

    Raises:
        EncodeError: over 2 GiB.
    """
    graph = proto.graph if graph is None else graph
    fields = proto.ListFields()
    yield from (_alone(proto, field, value) for field, value in fields if field.number < _GRAPH)
    size = sum(map(len, _graph_pieces(graph, initializers)))
    if size >= _LIMIT_BYTES:
        raise EncodeError("the graph is over 2 GiB")
    yield _key(_GRAPH) + _varint(size)
    yield from _graph_pieces(graph, initializers)
    yield from (_alone(proto, field, value) for field, value in fields if field.number > _GRAPH)


def proto_bytes(proto: onnx.ModelProto) -> int:
    """Return the size of a model with its weights inside, without making its bytes."""
    graph = sum(map(len, _graph_pieces(proto.graph, True)))
    around = sum(len(_alone(proto, field, value)) for field, value in proto.ListFields() if field.number != _GRAPH)
    return len(_key(_GRAPH)) + len(_varint(graph)) + graph + around


def tensor_pieces(tensor: onnx.TensorProto) -> Iterator[bytes]:
    """Give the bytes of a tensor, its numbers as one piece."""
    for field, value in tensor.ListFields():
        if field.name == "raw_data":
            yield _key(field.number) + _varint(len(value))
            yield value
        else:
            yield _alone(tensor, field, value)


def _graph_pieces(graph: onnx.GraphProto, initializers: bool) -> Iterator[bytes]:
    for field, value in graph.ListFields():
        if field.number == _INITIALIZER:
            for tensor in value if initializers else ():
                yield _key(field.number) + _varint(sum(map(len, tensor_pieces(tensor))))
                yield from tensor_pieces(tensor)
        elif field.name == "node":  # one by one: constants can be large
            for node in value:
                data = _serialised(node)
                yield _key(field.number) + _varint(len(data))
                yield data
        else:
            yield _alone(graph, field, value)


def set_field(message: Any, name: str, value: Any) -> None:
    """Set a field of a message to a copy of the value, which another message gave."""
    target = getattr(message, name)
    if hasattr(target, "MergeFrom"):
        target.MergeFrom(value)
    else:
        setattr(message, name, value)


def _alone(message: Any, field: Any, value: Any) -> bytes:
    """Return the bytes of one field."""
    single = type(message)()
    set_field(single, field.name, value)
    return _serialised(single)


def _serialised(message: Any) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))


def _fields(stream: BinaryIO, start: int, end: int, budget: FieldBudget) -> Iterator[tuple[int, int, int]]:
    """Give number, and begin and end of the content, of every field between two places of a file."""
    block, begin = b"", start
    while start < end:
        budget.take_one()
        place = start - begin
        if place + _LONGEST_KEYS > len(block):
            stream.seek(start)
            block, begin, place = stream.read(min(_BLOCK_BYTES, end - start)), start, 0
        key, place = read_varint(block, place, len(block))
        kind = key & 7
        if kind == _LENGTH:
            length, place = read_varint(block, place, len(block))
        elif kind == _VARINT:
            length, place = 0, read_varint(block, place, len(block))[1]
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise DecodeError(f"a field of kind {kind} at byte {start}")
        content, start = begin + place, begin + place + length
        if start > end:
            raise DecodeError(f"a field at byte {content} goes beyond the end")
        yield key >> 3, content, start


def _span(stream: BinaryIO, start: int, stop: int) -> bytes:
    stream.seek(start)
    return stream.read(stop - start)


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)


def _key(number: int) -> bytes:
    return _varint(number << 3 | _LENGTH)

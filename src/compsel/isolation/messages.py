"""Messages between two processes: JSON, with arrays and bytes behind it as they are. Nothing in them is executed."""

import json
import struct
from typing import Any, BinaryIO

import numpy as np

__all__ = ["receive", "send"]

_LENGTH = struct.Struct("<Q")


def send(stream: BinaryIO, message: Any) -> None:
    """Write a message: texts, numbers, None, lists, mappings, bytes and arrays, in each other.

    >>> import io
    >>> stream = io.BytesIO()
    >>> send(stream, [{"x": np.float32([[1, 2]])}, "text", b"bytes"])
    >>> _ = stream.seek(0)
    >>> receive(stream)
    [{'x': array([[1., 2.]], dtype=float32)}, 'text', b'bytes']
    """
    blocks: list[Any] = []
    head = json.dumps(_packed(message, blocks)).encode()
    sizes = [memoryview(block).nbytes for block in blocks]
    prefix = json.dumps(sizes).encode()
    stream.write(_LENGTH.pack(len(prefix)) + _LENGTH.pack(len(head)) + prefix + head)
    for block, size in zip(blocks, sizes, strict=True):
        if size:
            stream.write(memoryview(block).cast("B"))
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read a message.

    Raises:
        EOFError: the other side ended.
    """
    prefix, head = (_LENGTH.unpack(_read(stream, _LENGTH.size))[0] for _ in range(2))
    sizes = json.loads(bytes(_read(stream, prefix)))
    tree = json.loads(bytes(_read(stream, head)))
    return _unpacked(tree, [_read(stream, size) for size in sizes])


def _read(stream: BinaryIO, size: int) -> memoryview:
    view = np.empty(size, np.uint8).data  # unlike a bytearray it is not filled with zeros first
    done = 0
    while done < size:
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]  # of every binary stream
        if not count:
            raise EOFError("the other process ended")
        done += count
    return view


def _packed(value: Any, blocks: list[Any]) -> Any:
    """Return the JSON form: a list is tagged with what it stands for."""
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, np.generic):
        return ["scalar", _packed(np.asarray(value), blocks)]
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return ["objects", list(value.shape), [_packed(item, blocks) for item in value.ravel().tolist()]]
        # a name where the short form says no more than how many bytes: types that numpy does not know itself
        kind = value.dtype.name if value.dtype.kind == "V" else value.dtype.str
        blocks.append(np.frombuffer(value.tobytes(), np.uint8) if kind == value.dtype.name else _contiguous(value))
        return ["array", kind, list(value.shape), len(blocks) - 1]
    if isinstance(value, (bytes, bytearray, memoryview)):
        blocks.append(value)
        return ["bytes", len(blocks) - 1]
    if isinstance(value, dict):
        return ["dict", [[_packed(key, blocks), _packed(item, blocks)] for key, item in value.items()]]
    if isinstance(value, (list, tuple)):
        return ["list", [_packed(item, blocks) for item in value]]
    raise TypeError(f"got a {type(value).__name__}: messages hold texts, numbers, lists, mappings, bytes and arrays")


def _contiguous(value: np.ndarray) -> np.ndarray:
    # times and texts of fixed length have no buffer that could be cast
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8) if value.size else np.zeros(0, np.uint8)


def _unpacked(tree: Any, blocks: list[memoryview]) -> Any:
    if not isinstance(tree, list):
        return tree
    tag, *parts = tree
    if tag == "array":
        kind, shape, index = parts
        return np.frombuffer(blocks[index], _dtype(kind)).reshape(shape)
    if tag == "objects":
        shape, items = parts
        flat = np.empty(len(items), object)
        flat[:] = [_unpacked(item, blocks) for item in items]
        return flat.reshape(shape)
    if tag == "scalar":
        return _unpacked(parts[0], blocks)[()]
    if tag == "bytes":
        return bytes(blocks[parts[0]])
    if tag == "dict":
        return {_unpacked(key, blocks): _unpacked(item, blocks) for key, item in parts[0]}
    return [_unpacked(item, blocks) for item in parts[0]]


def _dtype(kind: str) -> np.dtype[Any]:
    try:
        return np.dtype(kind)
    except TypeError:
        import ml_dtypes  # bfloat16 and its like; it comes with onnx

        known: np.dtype[Any] = np.dtype(getattr(ml_dtypes, kind))
        return known

"""Write weights files by hand, byte for byte: the readers are tested against the formats, not against themselves."""

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage", "float64": "DoubleStorage"}
SAFETENSORS = {"float32": "F32", "float16": "F16", "int64": "I64", "float64": "F64"}
PROTO, STOP = b"\x80\x02", b"."


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def long(value: int) -> bytes:
    encoded = value.to_bytes(value.bit_length() // 8 + 1, "little")
    return b"\x8a" + bytes([len(encoded)]) + encoded


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(number(value) for value in values) + b"t"


def tensor(
    key: str,
    array: np.ndarray,
    *,
    legacy: bool,
    shape: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> bytes:
    """The program that rebuilds a tensor: torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, {})."""
    strides = strides or tuple(stride // array.itemsize for stride in array.strides)
    storage = b"(" + text("storage") + b"ctorch\n" + STORAGES[array.dtype.name].encode() + b"\n"
    storage += text(key) + text("cpu") + number(array.size) + (b"N" if legacy else b"") + b"tQ"
    arguments = (
        storage
        + number(0)
        + numbers(shape or array.shape)
        + numbers(strides)
        + b"\x89"
        + b"ccollections\nOrderedDict\n)R"
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def program(arrays: Mapping[str, np.ndarray], *, legacy: bool) -> bytes:
    items = b"".join(text(name) + tensor(str(i), a, legacy=legacy) for i, (name, a) in enumerate(arrays.items()))
    return PROTO + b"ccollections\nOrderedDict\n)R(" + items + b"u" + STOP


def legacy(arrays: Mapping[str, np.ndarray], described: bytes | None = None) -> bytes:
    """The bytes of a checkpoint in the old format, optionally with another program for the tensors."""
    keys = b"](" + b"".join(text(str(index)) for index in range(len(arrays))) + b"e"
    facts = b"}(" + text("little_endian") + b"\x88u"
    head = b"".join(PROTO + part + STOP for part in (long(MAGIC), number(1001), facts))
    body = program(arrays, legacy=True) if described is None else described
    storages = b"".join(struct.pack("<q", array.size) + array.tobytes() for array in arrays.values())
    return head + body + PROTO + keys + STOP + storages


def zipped(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a checkpoint in the zip format."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights/data.pkl", program(arrays, legacy=False))
        archive.writestr("weights/byteorder", "little")
        for index, array in enumerate(arrays.values()):
            archive.writestr(f"weights/data/{index}", array.tobytes())
    return buffer.getvalue()


def safetensors(arrays: Mapping[str, np.ndarray]) -> bytes:
    header, data = {}, b""
    for name, array in arrays.items():
        span = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": SAFETENSORS[array.dtype.name], "shape": list(array.shape), "data_offsets": span}
        data += array.tobytes()
    return framed(header, data)


def framed(header: object, data: bytes) -> bytes:
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path

"""Weights files that cost more than their size: checkpoints of torch, safetensors, TensorFlow.js, NumPy."""

import io
import json
import os
import struct
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import WeightsError
from compsel.networks import load_weights
from tests.hostile.kinds import Kind, hostile
from tests.networks.checkpoints.written import (
    PROTO,
    STOP,
    framed,
    legacy,
    numbers,
    program,
    tensor,
    text,
    written,
)

__all__ = ["KINDS", "lying_npy", "lying_npz", "many_entries"]

KINDS: list[Kind] = []
_ONE = np.ones(4, np.float32)


def _torch(folder: Path, described: bytes, storages: Sequence[bytes] = (), **options: Any) -> Path:
    """Write a checkpoint in the zip format with a program of ours."""
    path = folder / "a.pth"
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("a/data.pkl", described)
        archive.writestr("a/byteorder", "little")
        for index, data in enumerate(storages):
            archive.writestr(f"a/data/{index}", data)
    return path


def _names(items: bytes) -> bytes:
    return PROTO + b"ccollections\nOrderedDict\n)R(" + items + b"u" + STOP


@hostile(KINDS, load_weights, WeightsError)
def torch_of_70_dimensions(folder: Path) -> Path:
    return _torch(
        folder, _names(text("a") + tensor("0", _ONE, legacy=False, shape=(1,) * 70, strides=(1,) * 70)), [_ONE]
    )


@hostile(KINDS, load_weights, WeightsError)
def torch_legacy_of_70_dimensions(folder: Path) -> Path:
    described = _names(text("a") + tensor("0", _ONE, legacy=True, shape=(1,) * 70, strides=(1,) * 70))
    return written(folder / "a.pth", legacy({"a": _ONE}, described))


@hostile(KINDS, load_weights, WeightsError)
def torch_whose_shape_overflows(folder: Path) -> Path:
    # the product is 0, each factor is not
    shape = (0, 2**31 - 1, 2**31 - 1, 2**31 - 1, 2**31 - 1)
    return _torch(folder, _names(text("a") + tensor("0", _ONE, legacy=False, shape=shape, strides=(1,) * 5)), [_ONE])


@hostile(KINDS, load_weights, WeightsError)
def torch_with_numbers_of_many_digits(folder: Path) -> Path:
    huge = b"\x8b" + struct.pack("<I", 4_000_000) + b"\x7f" * 4_000_000
    one = program({"a": _ONE}, legacy=False).replace(numbers((4,)), b"(" + b"h\0" * 60 + b"t")
    return _torch(folder, PROTO + huge + b"q\x000" + one.removeprefix(PROTO), [_ONE])


@hostile(KINDS, load_weights, WeightsError)
def torch_with_a_storage_named_10_000_times(folder: Path) -> Path:
    half = np.zeros(131_072, np.float32)
    shape = (256, 256)
    items = b"".join(
        text(str(index)) + tensor("0", half, legacy=False, shape=shape, strides=(512, 2)) for index in range(10_000)
    )
    return _torch(folder, _names(items), [half.tobytes()])


@hostile(KINDS, load_weights, WeightsError)
def torch_with_a_bfloat16_storage_named_10_000_times(folder: Path) -> Path:
    half = np.zeros(131_072, np.float16)
    one = tensor("0", half, legacy=False).replace(b"HalfStorage", b"BFloat16Storage")
    return _torch(folder, _names(b"".join(text(str(index)) + one for index in range(10_000))), [half.tobytes()])


@hostile(KINDS, load_weights, WeightsError)
def torch_of_40_million_opcodes(folder: Path) -> Path:
    return _torch(folder, PROTO + b"}" * 40_000_000 + STOP)


@hostile(KINDS, load_weights, WeightsError)
def torch_legacy_of_40_million_opcodes(folder: Path) -> Path:
    return written(folder / "a.pth", PROTO + b"}" * 40_000_000 + STOP)


@hostile(KINDS, load_weights, WeightsError)
def torch_nested_100_000_deep(folder: Path) -> Path:
    return _torch(folder, PROTO + b"]" * 100_000 + b"a" * 99_999 + STOP)


@hostile(KINDS, load_weights, WeightsError)
def torch_that_doubles_a_list_each_time(folder: Path) -> Path:
    return _torch(folder, PROTO + b"]q\x00" + b"(" + b"h\0" * 200_000 + b"t" + b"\x85" * 100_000 + STOP)


@hostile(KINDS, load_weights, WeightsError)
def torch_whose_zip_is_a_bomb(folder: Path) -> Path:
    return _torch(folder, program({"a": _ONE}, legacy=False), [b"\0" * 200_000_000], compression=zipfile.ZIP_DEFLATED)


@hostile(KINDS, load_weights, WeightsError)
def torch_whose_zip_has_a_million_entries(folder: Path) -> Path:
    return written(folder / "a.pth", many_entries(1_000_000))


@hostile(KINDS, load_weights, WeightsError)
def torch_whose_zip_says_one_entry_many_times(folder: Path) -> Path:
    """A central directory that names the same 20 MB many times over."""
    data = np.zeros(5_000_000, np.float32)
    items = b"".join(text(str(index)) + tensor(str(index), data, legacy=False) for index in range(500))
    return written(folder / "a.pth", repeated_entry({"a/data.pkl": _names(items)}, "a/data/", data.tobytes(), 500))


def many_entries(count: int) -> bytes:
    """Return an archive of empty files with a directory in the zip64 format."""
    local = b"PK\3\4" + bytes(22) + struct.pack("<HH", 1, 0) + b"a"
    central = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, *(0,) * 5, *(0,) * 3, 1, *(0,) * 4, 0, 0) + b"a"
    directory = central * count
    begin, end = len(local), len(local) + len(directory)
    tail = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), begin)
    tail += struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    tail += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return local + directory + tail


def repeated_entry(others: dict[str, bytes], prefix: str, data: bytes, count: int) -> bytes:
    """Return an archive whose directory names one run of bytes `count` times, under names of one length."""
    buffer = io.BytesIO()
    names = [f"{prefix}{index}" for index in range(count)]
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in others.items():
            archive.writestr(name, content)
        archive.writestr(names[0], data)
        first = archive.infolist()[-1]
        for name in names[1:]:
            again = zipfile.ZipInfo(name)
            again.file_size, again.compress_size, again.CRC = first.file_size, first.compress_size, first.CRC
            again.header_offset = first.header_offset
            archive.filelist.append(again)
        archive._didModify = True
    return buffer.getvalue()


@hostile(KINDS, load_weights, WeightsError)
def safetensors_of_70_dimensions(folder: Path) -> Path:
    return _safetensors(folder, {"a": _entry([1] * 70)})


@hostile(KINDS, load_weights, WeightsError)
def safetensors_whose_dtype_is_a_list(folder: Path) -> Path:
    return _safetensors(folder, {"a": {**_entry([1]), "dtype": ["F32"]}})


@hostile(KINDS, load_weights, WeightsError)
def safetensors_whose_shape_overflows(folder: Path) -> Path:
    return _safetensors(folder, {"a": {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}})


@hostile(KINDS, load_weights, WeightsError)
def safetensors_whose_shapes_multiply_for_minutes(folder: Path) -> Path:
    return _safetensors(folder, {"a": _entry([10**4000] * 400)})


@hostile(KINDS, load_weights, WeightsError)
def safetensors_nested_10_000_deep(folder: Path) -> Path:
    return _header(folder, b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}")


@hostile(KINDS, load_weights, WeightsError)
def safetensors_of_64_mb_of_brackets(folder: Path) -> Path:
    return _header(folder, b"[" + b"[]," * 21_000_000 + b"[]]")


@hostile(KINDS, load_weights, WeightsError)
def safetensors_of_a_million_empty_tensors(folder: Path) -> Path:
    one = '"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return _header(folder, ("{" + ",".join(one % index for index in range(1_000_000)) + "}").encode())


def _entry(shape: list[int]) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}


def _safetensors(folder: Path, header: object) -> Path:
    return written(folder / "a.safetensors", _framed_without_limit(header))


def _framed_without_limit(header: object) -> bytes:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return framed(header, b"\0\0\0\0")
    finally:
        sys.set_int_max_str_digits(before)


def _header(folder: Path, header: bytes) -> Path:
    return written(folder / "a.safetensors", struct.pack("<Q", len(header)) + header)


def _tensorflowjs(folder: Path, paths: Any, weights: Any) -> Path:
    (folder / "model.json").write_text(json.dumps({"weightsManifest": [{"paths": paths, "weights": weights}]}))
    return folder / "model.json"


def _tensor(shape: Any, dtype: Any = "float32") -> dict[str, Any]:
    return {"name": "a", "shape": shape, "dtype": dtype}


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_whose_shard_is_a_fifo(folder: Path) -> Path:
    os.mkfifo(folder / "s.bin")
    return _tensorflowjs(folder, ["s.bin"], [_tensor([1])])


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_whose_shard_is_a_device(folder: Path) -> Path:
    (folder / "s.bin").symlink_to("/dev/zero")
    return _tensorflowjs(folder, ["s.bin"], [_tensor([1])])


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_whose_shard_is_repeated_1_000_times(folder: Path) -> Path:
    written(folder / "s.bin", bytes(10_000_000))
    return _tensorflowjs(folder, ["s.bin"] * 1_000, [_tensor([2_500_000_000])])


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_whose_shard_is_repeated_under_other_names(folder: Path) -> Path:
    written(folder / "s.bin", bytes(10_000_000))
    return _tensorflowjs(folder, [f"{'./' * count}s.bin" for count in range(1_000)], [_tensor([2_500_000_000])])


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_whose_shard_is_a_terabyte(folder: Path) -> Path:
    with (folder / "s.bin").open("wb") as stream:
        stream.truncate(10**12)
    return _tensorflowjs(folder, ["s.bin"], [_tensor([25 * 10**10])])


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_of_70_dimensions(folder: Path) -> Path:
    written(folder / "s.bin", bytes(4))
    return _tensorflowjs(folder, ["s.bin"], [_tensor([1] * 70)])


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_whose_dtype_is_a_list(folder: Path) -> Path:
    written(folder / "s.bin", bytes(4))
    return _tensorflowjs(folder, ["s.bin"], [_tensor([1], ["float32"])])


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_whose_shapes_multiply_for_minutes(folder: Path) -> Path:
    written(folder / "s.bin", bytes(4))
    return _tensorflowjs(folder, ["s.bin"], [_tensor([2**62] * 400_000)])


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_nested_10_000_deep(folder: Path) -> Path:
    return written(folder / "model.json", b"[" * 10_000 + b"]" * 10_000)


@hostile(KINDS, load_weights, WeightsError)
def tensorflowjs_of_64_mb_of_brackets(folder: Path) -> Path:
    return written(folder / "model.json", b"[" + b"[]," * 21_000_000 + b"[]]")


@hostile(KINDS, load_weights, WeightsError)
def npz_that_is_a_bomb(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", a=np.zeros(150_000_000, np.uint8))
    return folder / "a.npz"


@hostile(KINDS, load_weights, WeightsError)
def npz_whose_header_says_a_terabyte(folder: Path) -> Path:
    return lying_npz(folder / "a.npz", "(250000000000,)")


@hostile(KINDS, load_weights, WeightsError)
def npz_whose_shape_overflows(folder: Path) -> Path:
    return lying_npz(folder / "a.npz", f"({2**40}, {2**40})")


@hostile(KINDS, load_weights, WeightsError)
def npz_of_70_dimensions(folder: Path) -> Path:
    return lying_npz(folder / "a.npz", f"({'1, ' * 70})")


@hostile(KINDS, load_weights, WeightsError)
def npz_whose_zip_has_a_million_entries(folder: Path) -> Path:
    return written(folder / "a.npz", many_entries(1_000_000))


def lying_npz(path: Path, shape: str, dtype: str = "<f4", data: bytes = bytes(4)) -> Path:
    """Write an archive of one array whose header says what it likes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", lying_npy(shape, dtype, data))
    return path


def lying_npy(shape: str, dtype: str = "<f4", data: bytes = bytes(4)) -> bytes:
    """Return an array whose header says what it likes."""
    said = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said + data

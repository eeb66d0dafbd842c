"""Weights files: torch in both formats, safetensors, NumPy, TensorFlow.js."""

import json
import struct
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compsel.networks import load_weights
from tests.fuzzing.target import Target, of_file
from tests.hostile.checkpoints import KINDS
from tests.networks.checkpoints.written import legacy, safetensors, zipped

__all__ = ["TARGETS"]

_ARRAYS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.bias": np.ones(2, np.float16),
    "n": np.array([3], np.int64),
}
_LARGEST_SEED = 20_000
_MANIFEST = {"paths": ["s.bin"], "weights": [{"name": "a", "shape": [2, 3], "dtype": "float32"}]}


def _seeds(well_formed: Callable[[], bytes], suffix: str) -> Callable[[], Mapping[str, bytes]]:
    """Return what makes a well-formed file, and the small ones of the hostile kinds with that suffix."""

    def seeds() -> dict[str, bytes]:
        found = {"well-formed": well_formed()}
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                # what takes long to make is no seed
                if not any(word in kind.name for word in ("million", "10 000 times", "bomb", "mb of", "many times")):
                    path = kind.make(Path(folder))
                    if path.suffix == suffix and path.stat().st_size <= _LARGEST_SEED:
                        found[kind.name] = path.read_bytes()
        return found

    return seeds


def _npz() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        np.savez_compressed(Path(folder) / "a.npz", **_ARRAYS)
        return (Path(folder) / "a.npz").read_bytes()


def _framed(manifest: Any, shard: bytes) -> bytes:
    text = json.dumps({"weightsManifest": [manifest]}).encode()
    return struct.pack("<H", len(text)) + text + shard


def _read_tensorflowjs(data: bytes) -> Any:
    """Read a manifest and a shard, which stand one after the other."""
    end = 2 + int.from_bytes(data[:2], "little")

    def read(path: Path) -> Any:
        path.with_name("s.bin").write_bytes(data[end:])
        path.write_bytes(data[2:end])
        return load_weights(path)

    return of_file(read, "model.json")(b"")


def _tensorflowjs_seeds() -> dict[str, bytes]:
    return {
        "well-formed": _framed(_MANIFEST, bytes(24)),
        "too short": _framed(_MANIFEST, bytes(3)),
        "many dimensions": _framed({"paths": ["s.bin"], "weights": [{"name": "a", "shape": [1] * 70}]}, bytes(4)),
    }


TARGETS = (
    Target(
        "torch",
        of_file(load_weights, "a.pth"),
        _seeds(lambda: zipped(_ARRAYS), ".pth"),
        words=(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"data.pkl", b"data/0"),
    ),
    Target(
        "torch-legacy",
        of_file(load_weights, "a.bin"),
        lambda: {"well-formed": legacy(_ARRAYS)},
        words=(
            b"ctorch._utils\n_rebuild_tensor_v2\n",
            b"ctorch\nFloatStorage\n",
            b"ctorch\nBFloat16Storage\n",
            b"\x8a\x08",
        ),
    ),
    Target(
        "safetensors",
        of_file(load_weights, "a.safetensors"),
        _seeds(lambda: safetensors(_ARRAYS), ".safetensors"),
        words=(b'"dtype":', b'"shape":', b'"data_offsets":', b"BF16", b"__metadata__"),
    ),
    Target(
        "npz-weights", of_file(load_weights, "a.npz"), _seeds(_npz, ".npz"), words=(b"PK\1\2", b"\x93NUMPY", b"descr")
    ),
    Target(
        "tensorflowjs",
        _read_tensorflowjs,
        _tensorflowjs_seeds,
        words=(b'"weightsManifest"', b'"paths"', b'"shape"', b'"dtype"', b'"quantization"'),
    ),
)

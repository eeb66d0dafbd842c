"""Requests of strangers: the Open Inference Protocol, tensors as JSON and as bytes."""

from typing import Any

from compsel.serving.open_inference.requests import read_infer_request
from tests.fuzzing.target import Target

__all__ = ["TARGETS"]

_WORDS = (
    b'"inputs"', b'"name"', b'"datatype"', b'"shape"', b'"data"', b'"parameters"', b'"binary_data_size"', b'"outputs"',
    b'"FP32"', b'"FP16"', b'"BYTES"', b'"INT64"', b'"BOOL"', b'"deadline_ms"', b"[[", b"]]", b"1e999", b"-1",
)  # fmt: skip


def _read(data: bytes) -> Any:
    """Read a request whose first two bytes are the length of its JSON: all of it where they are more."""
    length = int.from_bytes(data[:2], "big")
    return read_infer_request(data[2:], length if length <= len(data) - 2 else None)


def _seeds() -> dict[str, bytes]:
    numbers = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[1.5, 2]]}], "id": "a"}'
    texts = b'{"inputs": [{"name": "t", "datatype": "BYTES", "shape": [1], "data": ["hello"]}]}'
    raw = (
        b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}], '
        b'"outputs": [{"name": "y", "parameters": {"binary_data": true}}], "parameters": {"deadline_ms": 5}}'
    )
    return {
        "numbers": b"\xff\xff" + numbers,
        "texts": b"\xff\xff" + texts,
        "bytes": len(raw).to_bytes(2, "big") + raw + bytes(8),
    }


TARGETS = (Target("infer-request", _read, _seeds, words=_WORDS),)

"""Reading an inference request: tensors by name, with data in JSON or behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from compsel.serving.json_bodies import number_of, read_object
from compsel.serving.open_inference.datatypes import array_from_bytes, array_from_json, shape_from_json
from compsel.serving.request_error import RequestError

__all__ = ["InferRequest", "InferTensor", "read_infer_request"]

_MOST_TENSORS = 64


@dataclass(frozen=True)
class InferTensor:
    """One input.

    Attributes:
        name: of the input.
        values: strings, or bytes, as objects for BYTES.
        is_bytes: whether the datatype is BYTES.
        content_type: of BYTES: what its parameters say, "" where they say nothing.
    """

    name: str
    values: np.ndarray
    is_bytes: bool
    content_type: str


@dataclass(frozen=True)
class InferRequest:
    """An inference request.

    Attributes:
        id: of the request; None: it has none.
        tensors: the inputs.
        deadline_ms, min_quality: see `Runtime.__call__`.
        outputs: names that are asked for, and whether as bytes; None: all.
        all_binary: whether all outputs are to come as bytes where they say nothing else.

    >>> body = b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["hello"]}]}'
    >>> read_infer_request(body, None).tensors[0].values.tolist()
    ['hello']
    """

    id: str | None
    tensors: tuple[InferTensor, ...]
    deadline_ms: float | None
    min_quality: float | None
    outputs: Mapping[str, bool | None] | None
    all_binary: bool


def read_infer_request(body: bytes, header_length: int | None) -> InferRequest:
    """Read a request.

    Args:
        body: JSON, and behind it the data of binary tensors.
        header_length: of the JSON, as the header Inference-Header-Content-Length says; None: all is JSON.

    Raises:
        RequestError: 400 not such a request, 422 data that does not fit.
    """
    length = len(body) if header_length is None else header_length
    if not 0 <= length <= len(body):
        raise RequestError(400, f"Inference-Header-Content-Length: got {length}, the body has {len(body)} bytes")
    content = read_object(body[:length])
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or not 0 < len(inputs) <= _MOST_TENSORS:
        raise RequestError(400, f"inputs: allowed is a list of 1 to {_MOST_TENSORS} tensors")
    reader = _TensorReader(memoryview(body)[length:])
    tensors = tuple(reader.read(tensor) for tensor in inputs)
    reader.check_end()
    parameters = _mapping(content.get("parameters", {}), "parameters")
    identity = content.get("id")
    if identity is not None and not isinstance(identity, str):
        raise RequestError(400, f"id: got {type(identity).__name__}, allowed is a string")
    return InferRequest(
        identity,
        tensors,
        number_of(parameters.get("deadline_ms"), "deadline_ms"),
        number_of(parameters.get("min_quality"), "min_quality"),
        _outputs(content.get("outputs")),
        parameters.get("binary_data_output") is True,
    )


class _TensorReader:
    """Reads tensors in the order in which their bytes stand behind the JSON."""

    def __init__(self, binary: memoryview) -> None:
        self._binary = binary
        self._place = 0

    def read(self, content: Any) -> InferTensor:
        fields = _mapping(content, "inputs")
        name, datatype = fields.get("name"), fields.get("datatype")
        if not isinstance(name, str) or not isinstance(datatype, str):
            raise RequestError(400, "inputs: each tensor needs a name and a datatype, both strings")
        shape = shape_from_json(fields.get("shape"), name)
        parameters = _mapping(fields.get("parameters", {}), f"{name}: parameters")
        if "binary_data_size" in parameters:
            data = self._take(parameters["binary_data_size"], name)
            values = array_from_bytes(data, datatype, shape, name)
        elif isinstance(fields.get("data"), list):
            values = array_from_json(fields["data"], datatype, shape, name)
        else:
            raise RequestError(400, f"{name}: needs data (a list), or binary_data_size among its parameters")
        content_type = parameters.get("content_type", "")
        return InferTensor(name, values, datatype == "BYTES", content_type if isinstance(content_type, str) else "")

    def check_end(self) -> None:
        left = len(self._binary) - self._place
        if left:
            raise RequestError(400, f"body: has {left} bytes behind those that its tensors name")

    def _take(self, size: Any, name: str) -> bytes:
        left = len(self._binary) - self._place
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= left:
            raise RequestError(400, f"{name}: got binary_data_size {str(size)[:40]}, of which {left} bytes are there")
        self._place += size
        return bytes(self._binary[self._place - size : self._place])


def _outputs(content: Any) -> dict[str, bool | None] | None:
    if content is None:
        return None
    if not isinstance(content, list) or len(content) > _MOST_TENSORS:
        raise RequestError(400, f"outputs: allowed is a list of at most {_MOST_TENSORS} outputs with their names")
    wanted: dict[str, bool | None] = {}
    for one in content:
        fields = _mapping(one, "outputs")
        if not isinstance(fields.get("name"), str):
            raise RequestError(400, "outputs: each needs a name, a string")
        wanted[fields["name"]] = _mapping(fields.get("parameters", {}), "outputs: parameters").get("binary_data")
    return wanted


def _mapping(content: Any, name: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise RequestError(400, f"{name}: got {type(content).__name__}, allowed is an object")
    return content

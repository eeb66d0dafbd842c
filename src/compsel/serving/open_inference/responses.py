"""Writing an inference response: outputs as JSON or as bytes behind it, and how the answer came about."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compsel.runtime import Answer
from compsel.serving.open_inference.datatypes import bytes_of, datatype_of
from compsel.serving.open_inference.requests import InferRequest
from compsel.serving.request_error import RequestError

__all__ = ["InferResponse", "write_infer_response"]


class InferResponse:
    """A response: its bytes, and how many of them are JSON where tensors follow.

    >>> InferResponse({"model_name": "m"}, []).body
    b'{"model_name":"m"}'
    """

    def __init__(self, content: Mapping[str, Any], binary: Sequence[bytes]) -> None:
        header = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        self.body = b"".join((header, *binary))
        self.header_length = len(header) if binary else None


def write_infer_response(
    request: InferRequest, answer: Answer, model_name: str, names: Sequence[str], parameters: Mapping[str, Any]
) -> InferResponse:
    """Write an answer.

    Args:
        request: what was asked.
        answer: to it.
        model_name: as in the address.
        names: of the outputs, in the order of `answer.outputs`.
        parameters: of the response: choice, times, label.

    Raises:
        RequestError: 400, an output that there is not.
    """
    arrays = {name: output for name, output in zip(names, answer.outputs, strict=False) if _is_tensor(output)}
    wanted = dict.fromkeys(arrays) if request.outputs is None else request.outputs
    unknown = [name for name in wanted if name not in arrays]
    if unknown:
        raise RequestError(400, f"outputs: got {unknown[0][:80]!r}, allowed are {', '.join(arrays)}")
    outputs, binary = [], []
    for name, as_bytes in wanted.items():
        array = arrays[name]
        dtype = "string" if array.dtype.kind in "OUS" else array.dtype.name
        output: dict[str, Any] = {"name": name, "datatype": datatype_of(dtype), "shape": list(array.shape)}
        if request.all_binary if as_bytes is None else as_bytes:
            binary.append(bytes_of(array))
            output["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            output["data"] = _data(array)
        outputs.append(output)
    identity = {} if request.id is None else {"id": request.id}
    content = {"model_name": model_name, **identity, "parameters": dict(parameters), "outputs": outputs}
    return InferResponse(content, binary)


def _is_tensor(output: Any) -> bool:
    return isinstance(output, np.ndarray)


def _data(array: np.ndarray) -> list[Any]:
    """Return the elements in a flat list: null for what JSON has no word for (NaN, infinities)."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return [value if abs(value) < float("inf") else None for value in array.ravel().tolist()]
    values: list[Any] = array.ravel().tolist()
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]

"""What `POST /answer` takes: an image file, a text, an `.npz`, or JSON that holds one of them."""

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from compsel.inputs.image import IMAGE
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.tensor_specs import TensorSpec
from compsel.inputs.text import TEXT
from compsel.runtime import Runtime
from compsel.serving.answering import InputRequest
from compsel.serving.json_bodies import number_of, read_object
from compsel.serving.npz_bodies import read_npz_bytes
from compsel.serving.open_inference.datatypes import array_from_json, datatype_of
from compsel.serving.request_error import RequestError
from compsel.serving.settings import ServingSettings

__all__ = ["InputReader"]

_NPZ = ("application/zip", "application/x-npz")
_BINARY = "application/octet-stream"
_KEYS = ("image", "text", "tensors")


class InputReader:
    """Reads the bodies of `POST /answer`.

    Args:
        runtime: whose inputs they are.
        settings: how large they may be.
    """

    def __init__(self, runtime: Runtime, settings: ServingSettings) -> None:
        self._modality = runtime.modality
        self._specs = {spec.name: spec for spec in runtime.get_inputs()}
        self._settings = settings

    def read(self, body: bytes, content_type: str, query: Mapping[str, str]) -> InputRequest:
        """Read a request.

        Args:
            body: of the request.
            content_type: its header, without parameters.
            query: of the address: deadline_ms, min_quality, compare.

        Raises:
            RequestError: 400 not readable, 413 too large once unpacked, 415 another type, 422 values that do not fit.
            ImageError: not an image.
        """
        options: dict[str, Any] = dict(query)
        content: dict[str, Any] = {}
        if content_type == "application/json":
            content = read_object(body)
            options |= {key: content.pop(key) for key in ("deadline_ms", "min_quality", "compare") if key in content}
        deadline_ms, min_quality = (number_of(options.get(name), name) for name in ("deadline_ms", "min_quality"))
        is_json = content_type == "application/json"
        value = self._from_json(content) if is_json else self._from_bytes(body, content_type)
        return InputRequest(value, deadline_ms, min_quality, options.get("compare") in (True, "1", "true"))

    def _from_bytes(self, body: bytes, content_type: str) -> Any:
        if content_type in _NPZ or (content_type == _BINARY and body[:2] == b"PK"):
            return read_npz_bytes(body, self._settings.max_bytes)
        if content_type == "text/plain":
            return self._text(_decoded(body))
        if content_type.startswith("image/") or content_type == _BINARY:
            return self._image(body)
        raise RequestError(
            415,
            f"Content-Type: got {content_type[:60]!r}, allowed are image/*, text/plain, application/json, "
            "application/zip (an .npz) and application/octet-stream",
        )

    def _from_json(self, content: Mapping[str, Any]) -> Any:
        if len(content) != 1 or next(iter(content)) not in _KEYS:
            raise RequestError(
                400, f"body: got the keys {[key[:40] for key in content][:8]}, allowed is one of {', '.join(_KEYS)}"
            )
        (key, value) = next(iter(content.items()))
        if key == "tensors":
            return self._tensors(value)
        if not isinstance(value, str):
            raise RequestError(400, f"{key}: got {type(value).__name__}, allowed is a string")
        if key == "text":
            return self._text(value)
        try:
            data = base64.b64decode(value, validate=True)
        except ValueError as error:
            raise RequestError(400, f"image: allowed is a file in base64: {error}") from None
        return self._image(data)

    def _text(self, text: str) -> str:
        if self._modality is not TEXT:
            raise RequestError(415, f"got a text, this bundle takes {self._modality.name}")
        return text

    def _image(self, data: bytes) -> EncodedImage:
        if self._modality is not IMAGE:
            raise RequestError(415, f"got an image or unnamed bytes, this bundle takes {self._modality.name}")
        return EncodedImage(data, self._settings.max_pixels)

    def _tensors(self, content: Any) -> dict[str, np.ndarray]:
        if not isinstance(content, dict) or not content:
            raise RequestError(400, "tensors: allowed is an object of lists by the names of the inputs")
        unknown = [name for name in content if name not in self._specs]
        if unknown:
            raise RequestError(422, f"tensors: got {unknown[0][:80]!r}, allowed are {', '.join(self._specs)}")
        return {name: _nested(value, self._specs[name]) for name, value in content.items()}


def _nested(value: Any, spec: TensorSpec) -> np.ndarray:
    """Return a nested list as an array of the type that the model takes; its shape is that of the nesting."""
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        if not level or len(shape) > 16:
            break
        level = level[0]
    if math.prod(shape) == 0 or not shape:
        raise RequestError(422, f"{spec.name}: got no list of numbers or strings, or an empty one")
    return array_from_json(value, datatype_of(spec.dtype), shape, spec.name)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(400, f"body: allowed is text in UTF-8: {error}") from None

"""What the tensors of a request are to a bundle: an encoded image, a text, or the model's own inputs."""

import base64
from typing import Any

import numpy as np

from compsel.errors import InputError
from compsel.inputs.image import IMAGE
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.modality import Modality
from compsel.inputs.text import TEXT
from compsel.serving.open_inference.requests import InferTensor
from compsel.serving.request_error import RequestError

__all__ = ["value_of"]


def value_of(tensors: tuple[InferTensor, ...], modality: Modality, max_pixels: int) -> Any:
    """Return what the runtime is given: one element of BYTES is an image file or a text, all else are tensors.

    Raises:
        RequestError: 400 two tensors of a name, or no base64; 415 another content type; 422 several elements.
        ImageError: not an image, or a larger one.

    >>> tensor = InferTensor("text", np.array(["hello"], object), True, "")
    >>> value_of((tensor,), TEXT, 1)
    'hello'
    """
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise RequestError(400, "inputs: got two tensors of one name")
    first = tensors[0]
    if len(tensors) == 1 and first.is_bytes and modality in (IMAGE, TEXT):
        if first.values.size != 1:
            raise RequestError(422, f"{first.name}: got {first.values.size} elements, allowed is one a request")
        element = first.values.flat[0]
        return EncodedImage(_file(element, first), max_pixels) if modality is IMAGE else _text(element, first)
    return {tensor.name: _strings(tensor) if tensor.is_bytes else tensor.values for tensor in tensors}


def _file(element: str | bytes, tensor: InferTensor) -> bytes:
    if tensor.content_type not in ("", "base64", "application/octet-stream") and not tensor.content_type.startswith(
        "image/"
    ):
        raise RequestError(
            415, f"{tensor.name}: got content_type {tensor.content_type[:40]!r}, allowed are base64 and image/*"
        )
    if isinstance(element, bytes):
        return element
    try:
        return base64.b64decode(element, validate=True)
    except ValueError as error:
        raise RequestError(400, f"{tensor.name}: allowed is an image file in base64: {error}") from None


def _text(element: str | bytes, tensor: InferTensor) -> str:
    try:
        return element if isinstance(element, str) else element.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{tensor.name}: allowed is text in UTF-8: {error}") from None


def _strings(tensor: InferTensor) -> np.ndarray:
    texts = np.empty(tensor.values.size, object)
    texts[:] = [_text(element, tensor) for element in tensor.values.flat]
    return texts.reshape(tensor.values.shape)

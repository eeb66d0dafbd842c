"""Paths as ONNX Runtime takes them."""

import os

from compsel.values import dataclass

__all__ = ["ort_path"]


@dataclass(frozen=True, slots=True)
class _BytesPath:
    """A path whose name is no text: its bytes, as the file system has them."""

    data: bytes

    def __fspath__(self) -> bytes:
        return self.data


def ort_path(path: str | os.PathLike[str]) -> str | _BytesPath:
    r"""Return a path that `onnxruntime.InferenceSession` opens, also where its bytes are no UTF-8.

    Python stands in for such bytes with lone surrogates, which ONNX Runtime refuses.

    >>> ort_path("model.onnx"), ort_path(os.fsdecode(b"mod" + bytes([233]) + b"le.onnx"))
    ('model.onnx', _BytesPath(data=b'mod\xe9le.onnx'))
    """
    text = os.fspath(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _BytesPath(os.fsencode(text))
    return text

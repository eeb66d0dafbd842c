"""An ONNX file that is to be opened, where its content may be another one than what lies at its path now."""

import os
from collections.abc import Mapping
from mmap import mmap

__all__ = ["GraphFile"]


class GraphFile(os.PathLike[str]):
    """An ONNX file to be opened: where it lies, or lay, and its content where that is not what lies there now.

    Args:
        path: of the file.
        content: of the file, with which it is opened; None: what lies at `path`.
        external: contents of the files that its weights lie in, by name relative to the file.

    >>> os.fspath(GraphFile("a.onnx"))
    'a.onnx'
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        content: bytes | None = None,
        external: Mapping[str, bytes | mmap] | None = None,
    ) -> None:
        self.path, self.content, self.external = path, content, dict(external or {})

    def __fspath__(self) -> str:
        return os.fspath(self.path)

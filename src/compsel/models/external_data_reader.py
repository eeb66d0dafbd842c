"""Read weights that lie in files beside the graph, also where graph and files are links, as in the cache of a hub.

The user's own model is trusted: links are followed wherever they lead, as ONNX Runtime does. A name that leads out of
the model's folder by itself (absolute, with `..`) is refused. A bundle may hold no link (`compsel.bundle.manifest`).
"""

import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx

from compsel.errors import ModelError

__all__ = ["read_external_data"]

_DO = "keep the data file beside the model"


def read_external_data(proto: onnx.ModelProto, path: Path) -> None:
    """Put the data of every tensor that is stored outside into the graph, in place.

    Args:
        proto: as read from its file.
        path: of that file; data lie beside it, or, where it is a link, beside what it leads to.

    Raises:
        ModelError: a data file that is missing, too short or not to be read, or a name that leads elsewhere.
    """
    folders = list(dict.fromkeys((path.parent, path.resolve().parent)))
    for tensor in _tensors(proto):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            try:
                tensor.raw_data = _data(folders, entries)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                where = entries.get("location", "")
                raise ModelError(f"{path}: its external data cannot be read ({where!r}: {reason}): {_DO}") from error
            del tensor.external_data[:]
        # the same weights give the same bytes, wherever they were
        tensor.ClearField("data_location")


def _data(folders: list[Path], entries: dict[str, str]) -> bytes:
    """Return the bytes that the entries of a tensor name.

    Raises:
        OSError: a file that is missing or cannot be read.
        ValueError: a name that leads out of the folder, numbers that are none, a file that ends before.
    """
    file = _file(folders, entries.get("location", ""))
    offset, length = int(entries.get("offset", "0")), entries.get("length")
    if offset < 0 or (length is not None and int(length) < 0):
        raise ValueError(f"offset {offset} and length {length}: allowed are numbers of bytes")
    with file.open("rb") as stream:
        stream.seek(offset)
        if length is None:
            return stream.read()
        size = file.stat().st_size
        if offset + int(length) > size:
            raise ValueError(f"it ends after {size} bytes, {offset + int(length)} are needed; get it again")
        return stream.read(int(length))


def _file(folders: list[Path], location: str) -> Path:
    parts = PurePosixPath(location)
    if not location or parts.is_absolute() or PureWindowsPath(location).drive or ".." in parts.parts:
        raise ValueError("not a file in the folder of the model")
    for folder in folders:
        if (folder / parts).is_file():
            return folder / parts
    # archives of other systems change how accents are composed
    wanted = unicodedata.normalize("NFC", parts.name)
    for folder in folders:
        above = (folder / parts).parent
        for file in above.iterdir() if above.is_dir() else ():
            if unicodedata.normalize("NFC", file.name) == wanted and file.is_file():
                return file
    return folders[0] / parts


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Give every tensor: initializers, and those in attributes, of all graphs and functions."""
    graphs = [proto.graph]
    nodes = [node for function in proto.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes.extend(graph.node)
        for node in nodes:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors
                graphs.extend([attribute.g] if attribute.HasField("g") else [])
                graphs.extend(attribute.graphs)
        nodes = []

"""Read weights that lie in files beside the graph, also where graph and files are links, as in the cache of a hub.

The user's own model is trusted: links are followed wherever they lead, as ONNX Runtime does. A name that leads out of
the model's folder by itself (absolute, with `..`) is refused. A bundle may hold no link (`compsel.bundle.manifest`).
"""

import contextlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import onnx

from compsel.errors import ModelError
from compsel.storage.paths import is_there
from compsel.storage.regular_files import open_regular
from compsel.storage.shapes import element_count
from compsel.storage.sizes import most_tensor_bytes, physical_memory_bytes, size_words

__all__ = ["data_files", "read_external_data", "told"]

_DO = "keep the data file beside the model"


class _Span(NamedTuple):
    file: Path
    offset: int
    length: int


def read_external_data(proto: onnx.ModelProto, path: Path) -> None:
    """Put the data of every tensor that is stored outside into the graph, in place.

    Args:
        proto: as read from its file.
        path: of that file; data lie beside it, or, where it is a link, beside what it leads to.

    Raises:
        ModelError: a data file that is missing, too short or not to be read, or a name that leads elsewhere; more bytes
            than the files have, since many tensors name the same; a tensor of a shape that cannot be.
    """
    folders = list(dict.fromkeys((path.parent, path.resolve().parent)))
    outside: list[tuple[onnx.TensorProto, _Span]] = []
    sizes: dict[tuple[int, int], int] = {}
    for tensor in _tensors(proto):
        try:
            element_count(tensor.dims)
        except ValueError as error:
            raise ModelError(f"{path}: weight {tensor.name[:80]!r}: {error}: the model is damaged") from error
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            with told(path, entries.get("location", "")):
                outside.append((tensor, _span(folders, entries, sizes)))
    wanted, allowed = sum(span.length for _, span in outside), most_tensor_bytes(sum(sizes.values()))
    if wanted > allowed:
        got, most = size_words(wanted / 1e6), size_words(allowed / 1e6)
        raise ModelError(f"{path}: its weights read {got} from data files, allowed are {most} for files of their size")
    for tensor, span in outside:
        with told(path, span.file.name):
            tensor.raw_data = _data(span)
        del tensor.external_data[:]
    # the same weights give the same bytes, wherever they were
    for tensor in _tensors(proto):
        tensor.ClearField("data_location")


def data_files(proto: onnx.ModelProto, path: str | Path) -> list[str]:
    """Return the names of the files that hold data of tensors, as paths below the folder of the model.

    Args:
        proto: as read from its file.
        path: of that file, or its address, for messages.

    Raises:
        ModelError: a name that leads elsewhere.
    """
    found: dict[str, None] = {}
    for tensor in _tensors(proto):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
            with told(path, location):
                found[_below(location).as_posix()] = None
    return [*found]


@contextlib.contextmanager
def told(path: str | Path, location: str) -> Iterator[None]:
    """Say of what a model lacks whose it is."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: its external data cannot be read ({location!r}: {reason}): {_DO}") from error


def _span(folders: list[Path], entries: dict[str, str], sizes: dict[tuple[int, int], int]) -> _Span:
    """Return which bytes the entries of a tensor name, and note the size of their file.

    Raises:
        OSError: a file that is missing or cannot be read.
        ValueError: a name that leads out of the folder, numbers that are none, a file that ends before.
    """
    file = _file(folders, entries.get("location", ""))
    offset, length = int(entries.get("offset", "0")), entries.get("length")
    if offset < 0 or (length is not None and int(length) < 0):
        raise ValueError(f"offset {offset} and length {length}: allowed are numbers of bytes")
    found = file.stat()
    sizes[found.st_dev, found.st_ino] = found.st_size
    span = _Span(file, offset, found.st_size - offset if length is None else int(length))
    if span.length < 0 or offset + span.length > found.st_size:
        needed = str(offset + max(0, span.length))[:40]
        raise ValueError(f"it ends after {found.st_size} bytes, {needed} are needed; get it again")
    return span


def _data(span: _Span) -> bytes:
    with open_regular(span.file, physical_memory_bytes()) as stream:
        stream.seek(span.offset)
        return stream.read(span.length)


def _file(folders: list[Path], location: str) -> Path:
    parts = _below(location)
    for folder in folders:
        if is_there(folder / parts):
            return folder / parts
    # archives of other systems change how accents are composed
    wanted = unicodedata.normalize("NFC", parts.name)
    for folder in folders:
        above = (folder / parts).parent
        for file in above.iterdir() if above.is_dir() else ():
            if unicodedata.normalize("NFC", file.name) == wanted and file.is_file():
                return file
    return folders[0] / parts


def _below(location: str) -> PurePosixPath:
    """Return the path of a data file below the folder of its model.

    Raises:
        ValueError: a name that leads elsewhere, on this system or another one.
    """
    parts, elsewhere = PurePosixPath(location), PureWindowsPath(location)
    if not parts.name or "\0" in location or elsewhere.anchor or ".." in elsewhere.parts:
        raise ValueError("not a file in the folder of the model")
    return parts


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

"""Packed weights of a graph, decoded to float32 in a file that a runtime maps.

To unpack large ones takes several times their size in memory; a mapped file needs no more than is read of it.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import onnx

from compsel.models.editable_graph import replace_nodes
from compsel.models.packed_weights import PREFIX

__all__ = ["DecodedWeights"]

_FILE = "decoded"
_ALIGNMENT = 65536  # the runtime maps whole pages


class DecodedWeights:
    """A folder with the weights, which goes at the end of the `with` block.

    Attributes:
        folder: where `compsel.models.graph_session.open_session` puts the graph that reads them.

    >>> with DecodedWeights() as decoded:
    ...     decoded.add("w", (2, 2), [np.ones(3, np.float32), np.ones(1, np.float32)])
    ...     (decoded.folder / "decoded").stat().st_size, len(decoded)
    (16, 1)
    """

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="compsel-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self._tensors: dict[str, onnx.TensorProto] = {}

    def __enter__(self) -> "DecodedWeights":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._temporary.cleanup()

    def __len__(self) -> int:
        return len(self._tensors)

    def add(self, name: str, shape: Sequence[int], parts: Iterable[np.ndarray]) -> None:
        """Write a weight.

        Args:
            name: of the value that the graph unpacks.
            shape: of the weight.
            parts: its numbers in order, float32, any shapes.
        """
        with (self.folder / _FILE).open("ab") as stream:
            stream.write(b"\0" * (-stream.tell() % _ALIGNMENT))
            offset = stream.tell()
            length = sum(stream.write(np.ascontiguousarray(part, "<f4").data.cast("B")) for part in parts)
        tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=shape)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", _FILE), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        self._tensors[name] = tensor

    def replace_unpacking(self, graph: onnx.GraphProto) -> None:
        """Put the weights in the place of the operators that unpack them, and of their constants; all must be here."""
        unpacked = {name for node in graph.node if node.name.startswith(PREFIX) for name in node.output}
        others = [tensor for tensor in graph.initializer if not tensor.name.startswith(PREFIX)]
        kept = onnx.GraphProto(initializer=others)
        del graph.initializer[:]
        graph.initializer.extend(kept.initializer)
        graph.initializer.extend(tensor for name, tensor in self._tensors.items() if name in unpacked)
        replace_nodes(graph, [node for node in graph.node if not node.name.startswith(PREFIX)])

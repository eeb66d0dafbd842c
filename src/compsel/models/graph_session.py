"""Sessions of ONNX Runtime outside the runtime: run a graph on the CPU to measure its values.

One thread unless asked otherwise, no copies of large weights, and in a process of their own.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from compsel.isolation.freed_memory import return_freed_memory
from compsel.isolation.process import shared_worker
from compsel.models.editable_graph import EditableGraph, borrow
from compsel.models.isolated_session import IsolatedSession
from compsel.models.plain_session import plain_session

__all__ = ["is_large", "open_session"]

_IN_MEMORY_BYTES = 64_000_000
# the runtime maps whole pages
_ALIGNMENT = 65536


def open_session(
    graph: onnx.ModelProto | EditableGraph | Path,
    *,
    optimise: bool = True,
    threads: int = 1,
    folder: Path | None = None,
    isolated: bool = True,
) -> Any:
    """Load a graph, or the file of one, on the CPU.

    Large graphs are loaded through a temporary file that the runtime maps, with the optimisations that would copy
    the weights left out: memory stays low, speed matters less here.

    Args:
        graph: what to load.
        optimise: whether the runtime may change the graph.
        threads: to run it on.
        folder: where files lie that the graph refers to.
        isolated: whether it is loaded in the worker process; where none can be started it is loaded in this one.

    Returns:
        An `onnxruntime.InferenceSession`, or an `IsolatedSession` that runs as one.

    Raises:
        ModelError: it does not load.
        CrashError: it ended the process that loaded it.
    """
    editable = borrow(graph) if isinstance(graph, onnx.ModelProto) else graph
    large = folder is not None or is_large(editable)
    process = shared_worker() if isolated else None
    opened = plain_session if process is None else partial(IsolatedSession, process)
    if large:
        return_freed_memory()
    with tempfile.TemporaryDirectory(prefix="compsel-", ignore_cleanup_errors=True) as temporary:
        model: str | bytes
        if isinstance(editable, Path):
            model = str(editable.absolute())
        elif large:
            model = _write(editable, folder or Path(temporary))
        else:
            model = editable.copy().materialise().SerializeToString()
        return opened(model, threads, optimise, large)


def is_large(graph: EditableGraph | Path) -> bool:
    """Tell whether memory matters; of a file, all that is in its folder counts: weights lie beside their graph."""
    if isinstance(graph, Path):
        size = sum(file.stat().st_size for file in graph.parent.iterdir())
    else:
        size = sum(graph.tensor(tensor).ByteSize() for tensor in graph.graph.initializer)
    return size > _IN_MEMORY_BYTES


def _write(editable: EditableGraph, folder: Path) -> str:
    """Write graph and weights to two files; return the path of the graph."""
    proto = editable.copy().proto
    with (folder / "weights").open("wb") as stream:
        for tensor in proto.graph.initializer:
            data = editable.tensor(tensor).raw_data
            if len(data) < _ALIGNMENT:
                tensor.CopyFrom(editable.tensor(tensor))
                continue
            stream.seek(-(-stream.tell() // _ALIGNMENT) * _ALIGNMENT)
            place = {"location": "weights", "offset": stream.tell(), "length": stream.write(data)}
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            del tensor.external_data[:]
            for key, value in place.items():
                tensor.external_data.add(key=key, value=str(value))
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return str(path)

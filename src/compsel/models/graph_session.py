"""Open a graph to look at what it computes: on one thread of the CPU, without copies of large weights."""

import contextlib
import ctypes
import sys
import tempfile
from pathlib import Path

import onnx
import onnxruntime

from compsel.errors import ModelError
from compsel.models.editable import EditableGraph, borrow

__all__ = ["give_back", "is_large", "open_session"]

_IN_MEMORY_BYTES = 64_000_000
# the runtime maps whole pages
_ALIGNMENT = 65536


def open_session(
    graph: onnx.ModelProto | EditableGraph | Path,
    *,
    optimise: bool = True,
    threads: int = 1,
    folder: Path | None = None,
) -> onnxruntime.InferenceSession:
    """Load a graph, or the file of one, on the CPU.

    Large graphs are loaded through a temporary file that the runtime maps, with the optimisations that would copy
    the weights left out: memory stays low, speed matters less here.

    Args:
        graph: what to load.
        optimise: whether the runtime may change the graph.
        threads: to run it on.
        folder: where files lie that the graph refers to.

    Raises:
        ModelError: it does not load.
    """
    draft = borrow(graph) if isinstance(graph, onnx.ModelProto) else graph
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    large = folder is not None or is_large(draft)
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    elif large:
        # weights that are unpacked while the graph runs go back at once
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.add_session_config_entry("session.disable_prepacking", "1")
    if large:
        give_back()
    try:
        with tempfile.TemporaryDirectory(prefix="compsel-", ignore_cleanup_errors=True) as temporary:
            model: str | bytes
            if isinstance(draft, Path):
                model = str(draft)
            else:
                model = _write(draft, folder or Path(temporary)) if large else _in_memory(draft)
            # folding constants would make float32 copies of weights that are stored in fewer bits
            left_out = ["ConstantFolding"] if large else None
            return onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"], disabled_optimizers=left_out
            )
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ModelError(f"the model does not load: {' '.join(str(error).split())[:300]}") from error


def is_large(graph: EditableGraph | Path) -> bool:
    """Tell whether memory matters; of a file, all that is in its folder counts: weights lie beside their graph."""
    if isinstance(graph, Path):
        size = sum(file.stat().st_size for file in graph.parent.iterdir())
    else:
        size = sum(graph.tensor(tensor).ByteSize() for tensor in graph.graph.initializer)
    return size > _IN_MEMORY_BYTES


def give_back() -> None:
    """Give back what was freed: the C library of Linux keeps it below the last thing in use, a quarter of a model."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # other C libraries keep nothing, and have no such function
            ctypes.CDLL(None).malloc_trim(0)


def _in_memory(draft: EditableGraph) -> bytes:
    return bytes(draft.copy().complete().SerializeToString())


def _write(draft: EditableGraph, folder: Path) -> str:
    """Write graph and weights to two files; return the path of the graph."""
    proto = draft.copy().proto
    with (folder / "weights").open("wb") as stream:
        for tensor in proto.graph.initializer:
            data = draft.tensor(tensor).raw_data
            if len(data) < _ALIGNMENT:
                tensor.CopyFrom(draft.tensor(tensor))
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

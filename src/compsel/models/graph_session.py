"""Sessions of ONNX Runtime outside the runtime: run a graph on the CPU to measure its values.

One thread unless asked otherwise, and no copies of large weights.
"""

import contextlib
import ctypes
import sys
import tempfile
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from compsel.errors import CompselError, ModelError
from compsel.models.editable_graph import EditableGraph, borrow
from compsel.models.extension_operators import with_extensions
from compsel.models.ort_errors import translate
from compsel.models.ort_options import session_options
from compsel.models.ort_paths import ort_path

__all__ = ["is_large", "open_session", "release_memory"]

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
    editable = borrow(graph) if isinstance(graph, onnx.ModelProto) else graph
    options = session_options(threads)
    large = folder is not None or is_large(editable)
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    elif large:
        # weights that are unpacked while the graph runs go back at once
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.add_session_config_entry("session.disable_prepacking", "1")
    if large:
        release_memory()
    try:
        with tempfile.TemporaryDirectory(prefix="compsel-", ignore_cleanup_errors=True) as temporary:
            model: Any
            if isinstance(editable, Path):
                model = ort_path(editable)
            elif large:
                model = ort_path(_write(editable, folder or Path(temporary)))
            else:
                model = editable.copy().materialise().SerializeToString()
            # folding constants would make float32 copies of weights that are stored in fewer bits
            disabled = ["ConstantFolding"] if large else None
            return with_extensions(
                lambda given: onnxruntime.InferenceSession(
                    model, given, providers=["CPUExecutionProvider"], disabled_optimizers=disabled
                ),
                options,
            )
    except CompselError:
        raise
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ModelError(str(translate(error, "the model does not load", loading=True))) from error


def is_large(graph: EditableGraph | Path) -> bool:
    """Tell whether memory matters; of a file, all that is in its folder counts: weights lie beside their graph."""
    if isinstance(graph, Path):
        size = sum(file.stat().st_size for file in graph.parent.iterdir())
    else:
        size = sum(graph.tensor(tensor).ByteSize() for tensor in graph.graph.initializer)
    return size > _IN_MEMORY_BYTES


def release_memory() -> None:
    """Give freed memory back to the system: the C library of Linux keeps it below the last thing in use."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # other C libraries keep nothing, and have no such function
            ctypes.CDLL(None).malloc_trim(0)


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

"""Open a session of ONNX Runtime as the package's tools need it: to measure values, not to be fast."""

from typing import Any

import onnxruntime

from compsel.errors import CompselError, ModelError
from compsel.models.extension_operators import with_extensions
from compsel.models.ort_errors import translate
from compsel.models.ort_options import session_options
from compsel.models.ort_paths import ort_path

__all__ = ["plain_session"]


def plain_session(model: bytes | str, threads: int = 1, optimise: bool = True, large: bool = False) -> Any:
    """Load a graph on the CPU.

    Args:
        model: the bytes of an ONNX file, or its path.
        threads: to run it on; 0: as many as ONNX Runtime takes itself.
        optimise: whether the runtime may change the graph.
        large: whether memory matters more than speed.

    Raises:
        ModelError: it does not load.
    """
    options = session_options(threads)
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    elif large:
        # weights that are unpacked while the graph runs go back at once
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.add_session_config_entry("session.disable_prepacking", "1")
    # folding constants would make float32 copies of weights that are stored in fewer bits
    disabled = ["ConstantFolding"] if large else None
    given_model = model if isinstance(model, bytes) else ort_path(model)
    try:
        return with_extensions(
            lambda given: onnxruntime.InferenceSession(
                given_model, given, providers=["CPUExecutionProvider"], disabled_optimizers=disabled
            ),
            options,
        )
    except CompselError:
        raise
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ModelError(str(translate(error, "the model does not load", loading=True))) from error

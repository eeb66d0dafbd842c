"""ONNX Runtime's session options, as every session of the package has them."""

import onnxruntime

__all__ = ["FATAL", "session_options"]

FATAL = 4  # the only severity that is logged: every error is raised as well


def session_options(threads: int = 1, *, spinning: bool = False) -> onnxruntime.SessionOptions:
    """Return options for a session that has its own threads and prints nothing.

    Spinning threads wait for work busily during a run, and stop at its end: otherwise they would take the core from
    whatever runs next, such as the next stage in another session.

    >>> session_options(2).intra_op_num_threads
    2
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options
